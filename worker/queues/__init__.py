"""Dramatiq as we use it: the broker over Redis, its bells, the hints that it carries, our middleware.

A message has nothing but ids. The queues are never the only place that knows of work: the ledger has all of it.
"""
