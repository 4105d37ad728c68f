"""The verbs of one-time codes: records, cascades, and the pumping shield in front of them.

Never a code or a text in the clear: what is stored here is hashed or sealed before it comes.
"""
