"""The private Redis servers of `smsq up`: found or started, watched and stopped.

It never uses a key or a script: what is stored belongs to the ledger and the queues.
"""
