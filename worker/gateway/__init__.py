"""The gateway's dialects: both halves of each, as pure functions and tables.

No socket, clock or setting is used here.
"""
