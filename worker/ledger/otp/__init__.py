"""The verbs of one-time codes: records, cascades, and the pumping shield in front of them."""
