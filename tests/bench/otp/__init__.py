"""One-time codes, from the call to the gateway: `python -m tests.bench.otp`, or `make bench-otp`.

Writes `docs/otp-latency.md` and `docs/otp-latency.svg`. Ours and three peers send codes at random moments, idle
and while campaigns run flat out; a stand-in gateway stamps each request on arrival with the machine's one
monotonic clock, and the stamp is matched to the call by phone. Nothing here is a test.
"""
