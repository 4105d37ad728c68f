"""Dramatiq as we use it: the broker over Redis, its bells, the hints that it carries, our middleware.

A message has nothing but ids. No work is known to the queues alone: the ledger has all of it.
"""
