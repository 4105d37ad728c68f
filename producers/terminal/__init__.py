"""A person at a terminal: what is shown, typed and written to files.

Never a command, and never a decision: values come in, lines go out.
"""
