"""From a file, or rows of a program, to ranges of messages: read, checked, compared, prepared, priced.

Nothing here enrols or speaks to a person: results are values.
"""
