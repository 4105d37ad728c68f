"""From a file, or rows of a program, to ranges of messages: read, checked, compared, prepared, priced.

Never enrols anything and never speaks to a person: what is found comes back as values.
"""
