"""Plain values and rules: phone, text, batch, status, limits, errors.

Never a socket, a clock, a setting or a client of Redis; nothing of ours but this folder is imported.
"""
