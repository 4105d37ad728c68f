"""The private servers of `smsq up`: found or started, and seen from outside.

Never a key or a script: what is stored in a server is the ledger's and the queues' affair.
"""
