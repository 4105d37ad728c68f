"""What the front door keeps in the ledger: requests with their ids, answers for repeats, jobs, prices.

Never what decides about a message: messages are in their batches, as those of any other entrance.
"""
