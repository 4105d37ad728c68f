"""Dramatiq as we use it: the broker over Redis, its bells, the hints that travel through it, our middleware.

Never anything but ids in a message, and never the only place that knows of work: that is the ledger.
"""
