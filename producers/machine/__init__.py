"""What runs a whole machine: its processes, the demo, the sandbox beside them.

Never a command: those are in `cli/`, and take their words from the command line.
"""
