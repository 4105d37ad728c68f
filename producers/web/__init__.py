"""What answers HTTP: one application that collects its routes, and the receiver of the gateway's callbacks.

Never a command, nor anything that starts processes.
"""
