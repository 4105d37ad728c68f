"""The verbs of campaigns, and what is kept of a campaign when its batches are over.

Never what concerns one batch alone: that is in `batches/`.
"""
