"""Measurements against the goals: `python -m tests.bench`, or `make bench`, writes `docs/benchmarks.md`.

Every program of a comparison is a real one in this folder, started as a process of its own and timed by
itself; they take turns within one run, so that a busy machine is busy for all of them. Nothing here is a test.
`python -m tests.bench.line` measures one POST alone: our line, the one before it, a stock session, a bare socket.
"""
