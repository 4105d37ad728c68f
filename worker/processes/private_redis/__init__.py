"""The private Redis servers of `smsq up`: found or started, watched and stopped.

No key and no script is used here: what is stored belongs to the ledger and the queues.
"""
