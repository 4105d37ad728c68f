"""One-time codes above the ledger: made, sent by a channel, checked, sent again.

A code is never kept beyond a call. Nothing here speaks to Redis: records and limits are verbs of `ledger/otp/`.
"""
