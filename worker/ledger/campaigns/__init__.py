"""The verbs of campaigns, and what is kept of a campaign when its batches are over.

What concerns one batch alone is in `batches/`.
"""
