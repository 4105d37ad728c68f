"""Sets the wall clock of chosen processes of a journey: `JOURNEY_CLOCKS="scheduler=+3600,--lane bulk=-3600"`.

Found by Python at its start because the journey puts this folder on `PYTHONPATH`. Only `time.time` and
`time.time_ns` jump, as they do on a host whose clock is wrong; the monotonic clock stays. Each process whose clock was
set adds a line to the file `JOURNEY_SEEN`: by how many seconds its clock is wrong now, and its command line.
"""

from __future__ import annotations

import os
import sys
import time


def _shift_s() -> float:
    line = " ".join(sys.orig_argv)
    rules = [rule.partition("=") for rule in os.environ.get("JOURNEY_CLOCKS", "").split(",") if rule]
    return next((float(seconds) for words, _, seconds in rules if words in line), 0.0)


def _shift(seconds: float) -> None:
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)
    with open(os.environ["JOURNEY_SEEN"], "a") as seen:
        seen.write(f"{time.time() - real():+.0f} {' '.join(sys.orig_argv)}\n")


if _shift_s():
    _shift(_shift_s())
