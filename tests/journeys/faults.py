"""Which faults a soak has, and when: all drawn beforehand from a seed, so that the same seed chooses the same ones.

A fault is a row of `KINDS`: how often it comes, how long it lasts, what it is drawn from. Faults of one group
never overlap, since a server cannot be killed while it is frozen; those of different groups do, and shall.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smsq.worker.domain.lane import LANES

# Misfortunes of the gateway that end by themselves, with what a share of them may be told (see `worker/sandbox`).
# Left out are those after which somebody must act, or which end a message: log-in, money, a block, a refusal.
STROKES = (
    *("lose_answer", "reset", "hang", "accepted_502", "html", "empty", "truncated", "cut_json", "wrong_id"),
    *("short_count", "accepted_unknown_code", "accepted_duplicate", "error_500", "error_502", "refuse", "close"),
    *("concurrent", "unknown_code", "slow", "late", "invisible", "early_callback"),
)
SECONDS = {"slow": 1.0, "late": 1.0, "invisible": 0.8, "early_callback": 0.2}  # within what the settings assume
MIRRORS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    name: str
    weight: float
    lasts_s: tuple[float, float]  # (0, 0): it is over at once
    group: str
    choices: Sequence[str] = ("",)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a soak: when it begins and for how long, and what it strikes."""

    at_s: float
    kind: str
    what: str
    lasts_s: float
    share: float  # of requests, for a misfortune
    pick: float  # which of several processes, as a part of one

    def __str__(self) -> str:
        lasts = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        share = f" {self.share:.0%}" if self.kind == "misfortune" else ""
        return f"{self.kind}{' ' + self.what if self.what else ''}{share}{lasts}"


KINDS: tuple[Kind, ...] = (
    Kind("kill worker", 5, (0, 0), "processes", tuple(LANES)),
    Kind("kill", 3, (0, 0), "processes", ("scheduler", "web", "exporter")),
    Kind("freeze worker", 3, (1, 8), "frozen", tuple(LANES)),
    Kind("freeze scheduler", 1, (1, 8), "frozen"),
    Kind("kill redis", 2, (0.1, 3), "redis"),
    Kind("freeze redis", 2, (0.5, 5), "redis"),
    Kind("kill everything", 0.5, (0.5, 2), "processes"),
    Kind("flush broker", 2, (0, 0), "broker"),
    Kind("misfortune", 10, (2, 12), "gateway", STROKES),
    Kind("mirror down", 4, (2, 12), "mirrors", tuple(map(str, range(1, MIRRORS + 1)))),
)
BETWEEN_S = (0.5, 4.0)  # from one fault to the next
CALM_S = 3.0  # before the first


def plan(seed: int, seconds: float) -> list[Fault]:
    """The faults of a soak of so many seconds, in order; all are over by its end."""
    return list(_drawn(random.Random(seed), seconds))


def _drawn(chance: random.Random, seconds: float) -> Iterator[Fault]:
    busy_until: dict[str, float] = {}
    at = CALM_S
    while at < seconds:
        kind = chance.choices(KINDS, [kind.weight for kind in KINDS])[0]
        fault = Fault(
            at_s=at,
            kind=kind.name,
            what=chance.choice(kind.choices),
            lasts_s=chance.uniform(*kind.lasts_s),
            share=chance.uniform(0.05, 0.4),
            pick=chance.random(),
        )
        if busy_until.get(kind.group, 0.0) <= at and at + fault.lasts_s < seconds:
            busy_until[kind.group] = at + fault.lasts_s + 1.0
            yield fault
        at += chance.uniform(*BETWEEN_S)
