"""The terminal: what is shown, typed and written to files.

No command and no decision is here: values come in, lines go out.
"""
