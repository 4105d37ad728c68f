"""What one machine remembers and knows of itself: journals, its part in the roll call and recovery, its health.

Never speaks to Redis itself: what it asks or tells goes through a verb of the ledger.
"""
