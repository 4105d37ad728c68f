"""Everything is restarted while a campaign runs flat out with codes beside it: what that costs.

    python -m tests.bench.rolling [--seconds N]

Two hosts' processes, a scheduler and a worker of each lane on each, restarted one by one as in an upgrade; then Redis.
Shown are messages in a second before, during and after, the longest time in which the gateway took no code, and how
long a call took to reach it.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.journeys.fleet import ALL, SECRET_KEY, Fleet, Pace, Sender
from tests.journeys.town import Town, build

ROWS = 400_000
CODES_EVERY_S = 0.1
PHONE = re.compile(rb"phones=(?:%2B)?(\d{11})(?:&|$)")  # of a request with one


def arrivals(town: Town, since: float) -> dict[int, float]:
    """When the gateway was first sent each single message, by phone, in monotonic time."""
    found: dict[int, float] = {}
    for each in town.heard("send", since):
        if match := PHONE.search(each.body):
            found.setdefault(int(match[1]), each.at)
    return found


def longest(moments: list[float], since: float, until: float) -> float:
    """The longest time between two moments of a list, its ends included."""
    inside = [since, *sorted(at for at in moments if since <= at <= until), until]
    return max(later - earlier for earlier, later in itertools.pairwise(inside))


def measure(town: Town, seconds: float) -> dict[str, float]:
    """The whole story, by name."""
    fleet = Fleet(town)
    fleet.begin()
    off = time.time() - time.monotonic()
    journey = town.campaign(ROWS)
    journey.wait_until_sending(0.001, 60)
    origin = time.monotonic()
    sender, pace = Sender(fleet, journey, None, every_s=CODES_EVERY_S), Pace(town)
    time.sleep(seconds)
    began = time.monotonic()
    for name in ALL:
        fleet.replace(name, None)
    rolled = time.monotonic()
    time.sleep(seconds)
    assert town.server is not None
    redis = time.monotonic()
    town.server.stop()
    town.server.start()
    town.wait_for(town.in_force, "claims being granted again", 60)
    again = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    pace.stop()
    sender.stop()
    time.sleep(2.0)
    heard = arrivals(town, origin)
    latencies = {
        at: heard[phone] - (at - off) for phone, at, _ in sender.sent if phone in heard
    }  # by the moment of the call
    count = town.count()
    codes = list(heard.values())

    def middle(since: float, until: float) -> float:
        inside = [late for at, late in latencies.items() if since <= at - off <= until]
        return statistics.median(inside) if inside else float("nan")

    return {
        "rolled_s": rolled - began,
        "processes": len(ALL),
        "rate_before": pace.rate(origin + 2.0, began),
        "rate_during": pace.rate(began, rolled),
        "rate_after": pace.rate(rolled, redis),
        "rate_lowest_5s": min(pace.rate(at, at + 5.0) for at in range(int(began), int(rolled - 5.0))),
        "code_gap_before_s": longest(codes, origin + 2.0, began),
        "code_gap_during_s": longest(codes, began, rolled),
        "code_gap_redis_s": longest(codes, redis, again + 5.0),
        "code_p50_before_ms": 1000 * middle(origin, began),
        "code_p50_during_ms": 1000 * middle(began, rolled),
        "code_longest_during_ms": 1000 * max(late for at, late in latencies.items() if began <= at - off <= rolled),
        "calls_refused": sender.later,
        "redis_away_s": again - redis,
        "rate_after_redis": pace.rate(again, ended),
        "codes": len(sender.sent),
        "twice": count["twice"] + count["twice_by_id"],
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=click.FloatRange(5), default=15.0, show_default=True, help="Before, between and after.")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def main(seconds: float, as_json: bool) -> None:
    """Measure what a rolling restart costs."""
    with tempfile.TemporaryDirectory(prefix="smsq-rolling-") as place:
        settings = {"SMSQ_SECRET_KEY": SECRET_KEY, "SMSQ_LOG_LEVEL": "info"}
        town = build(Path(place), settings=settings)
        try:
            found = measure(town, seconds)
        finally:
            town.stop()
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, value in found.items():
            click.echo(f"{name:24} {value:,.2f}" if isinstance(value, float) else f"{name:24} {value:,}")


if __name__ == "__main__":
    sys.exit(main())
