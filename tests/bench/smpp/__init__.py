"""How many submits a second leave over SMPP: `python -m tests.bench.smpp`.

The server is npm's `smpp`, in a process of its own. Ours are durable: each message is in a ledger that syncs every
write before it leaves, and its answer is written down. Beside it, in the same run, a bare loop on smpplib's codec.
"""
