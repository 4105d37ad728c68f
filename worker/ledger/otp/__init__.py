"""The verbs of one-time codes: records, cascades, and the pumping shield.

A code or a text never gets here in the clear: callers hash or seal it first.
"""
