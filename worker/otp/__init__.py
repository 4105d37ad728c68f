"""One-time codes above the ledger: made, said by a channel, checked, said again."""
