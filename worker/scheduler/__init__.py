"""The scheduler: its duties, one file each, and the loop with their table. One scheduler at a time leads.

A duty never sends or asks: it reads the ledger, changes it by a verb, or gives a hint. Safety does not depend on there
being one leader.
"""
