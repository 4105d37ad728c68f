"""The gateway's dialects: both halves of each, as pure functions and tables.

They never use a socket, a clock or a setting.
"""
