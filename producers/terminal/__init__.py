"""The terminal: what is shown, typed and written to files.

Never a command or a decision: values come in, lines go out.
"""
