"""The verbs of campaigns, and what is kept of them when their batches are over.

Never what concerns one batch alone: that is in `batches/`.
"""
