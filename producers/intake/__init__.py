"""From a file, or rows of a program, to ranges of messages: read, checked, compared, prepared, priced.

It never enrols anything or speaks to a person: results are values.
"""
