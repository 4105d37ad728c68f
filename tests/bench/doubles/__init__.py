"""Lost answers, the same for all: `python -m tests.bench.doubles`, or `make bench-doubles`, writes `docs/doubles.md`.

Each program sends the same messages to a gateway of its own that accepts every message and loses a share
of its answers, drawn from the same seed. The verdict is the gateway's count; what each program believes of
itself stands beside it. Nothing here is a test, and nothing is timed.
"""
