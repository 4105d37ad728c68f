"""How the gateway speaks: both halves of every dialect, as pure functions and tables.

Never a socket, a clock or a setting.
"""
