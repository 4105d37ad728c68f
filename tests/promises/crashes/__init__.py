"""Crash points: every call to Redis and to the gateway is a boundary, and at each one everything that can happen does.

The parts are production's: scripts on a real Redis, actors, duties, producers and the callback's endpoint, each in a
process of its own (`process.py`). Time is held (`world.py`), so that a window of five minutes passes at once, and
what runs when follows from the story alone: the k-th boundary of an undisturbed run is the k-th of the disturbed one.

`faults.py` says what can strike, `wire.py` and `gateway.py` are where it strikes, `stories.py` what is going on
meanwhile, `verdict.py` what must be true afterwards by the gateway's own record, `driver.py` runs it all.

One schedule alone, with every step it takes: `python -m tests.promises.crashes lost_answer 12:reply-lost`.
"""
