"""Whom not to send to: the list of opt-outs, and the screening of batches by it.

The list is read where messages come in, and again by the worker whose claim finds that it has grown since. Never is a
message ended here that may have been accepted.
"""
