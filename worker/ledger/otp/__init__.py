"""The verbs of one-time codes: records, cascades, and the pumping shield.

No code and no text gets here in the clear: callers hash or seal them first.
"""
