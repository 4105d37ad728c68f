"""One machine: its journals, its part in the roll call and in recovery, its health.

Nothing here speaks to Redis itself, only through verbs of the ledger.
"""
