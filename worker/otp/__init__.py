"""One-time codes above the ledger: made, said by a channel, checked, said again.

Never a code that outlives its call, and never Redis: records and limits are verbs of `ledger/otp/`.
"""
