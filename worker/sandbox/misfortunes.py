"""What goes wrong on purpose, for which mirror and command, how often.

A misfortune is a row of `KINDS`. It strikes a share of requests, drawn from a seeded sequence, or exactly
the next N. Whether the gateway has accepted the messages when it strikes is part of the row: that is what
the client cannot see and must not guess.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from smsq.worker.domain.errors import BadInput


class Stage(Enum):
    """When a misfortune strikes."""

    CONNECT = "connect"  # before the request was read
    REFUSE = "refuse"  # instead of accepting: a wrong answer, nothing was taken
    SPOIL = "spoil"  # after accepting: the answer is lost or damaged
    DELAY = "delay"  # everything goes right, only later


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table: a name, when it strikes, the gateway's error code if it answers one, and what happens.

    One with `only` strikes requests of that command alone.
    """

    name: str
    stage: Stage
    meaning: str
    code: int = 0
    only: str = ""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("refuse", Stage.CONNECT, "the connection is reset as soon as it is made"),
        Kind("close", Stage.CONNECT, "the connection is closed before the request is looked at"),
        Kind("error_500", Stage.REFUSE, "HTTP 500, nothing accepted"),
        Kind("error_502", Stage.REFUSE, "HTTP 502 with a page of HTML, nothing accepted"),
        Kind("bad_request", Stage.REFUSE, "error 1", 1),
        Kind("bad_login", Stage.REFUSE, "error 2", 2),
        Kind("no_money", Stage.REFUSE, "error 3; an id is used up and the message stands at status 24", 3),
        Kind("blocked", Stage.REFUSE, "error 4", 4),
        Kind("denied", Stage.REFUSE, "error 6", 6),
        Kind("duplicate", Stage.REFUSE, "error 9, duplicate request", 9),
        Kind("concurrent", Stage.REFUSE, "error 9, too many concurrent requests", 9),
        Kind("unknown_code", Stage.REFUSE, "error 15, which is in no table", 15),
        Kind("accepted_duplicate", Stage.SPOIL, "accepted, then error 9, duplicate request", 9),
        Kind("accepted_unknown_code", Stage.SPOIL, "accepted, then error 15", 15),
        Kind("lose_answer", Stage.SPOIL, "accepted, then the connection is closed without an answer"),
        Kind("reset", Stage.SPOIL, "accepted, then the connection is reset"),
        Kind("hang", Stage.SPOIL, "accepted, then silence on an open connection"),
        Kind("accepted_502", Stage.SPOIL, "accepted, then HTTP 502 with a page of HTML"),
        Kind("html", Stage.SPOIL, "accepted, then HTTP 200 with a page of HTML"),
        Kind("empty", Stage.SPOIL, "accepted, then HTTP 200 with nothing in it"),
        Kind("truncated", Stage.SPOIL, "accepted, then half of the answer and the end of the connection"),
        Kind("cut_json", Stage.SPOIL, "accepted, then a well-framed answer whose JSON stops half-way"),
        Kind("wrong_id", Stage.SPOIL, "accepted, then an answer that names another id"),
        Kind("short_count", Stage.SPOIL, "accepted, then an answer that counts too few parts"),
        Kind("slow", Stage.DELAY, "the answer comes later, by `seconds`"),
        Kind("late", Stage.DELAY, "accepted only `seconds` after the request was read, even if the client has gone"),
        Kind("invisible", Stage.DELAY, "accepted, but status.php says -3 for `seconds`"),
        Kind("rcpt_refused", Stage.REFUSE, "the mail server refuses a letter's recipient: 550", only="letter"),
        Kind("rcpt_later", Stage.REFUSE, "the mail server takes no recipient now: 451", only="letter"),
        Kind("letter_refused", Stage.REFUSE, "the mail server refuses a whole letter: 554", only="letter"),
        Kind("letter_later", Stage.REFUSE, "the mail server does not take a whole letter now: 451", only="letter"),
        Kind("letter_lost", Stage.REFUSE, "the mail server takes a letter, and it never arrives", only="letter"),
        Kind("letter_held", Stage.DELAY, "a letter waits in the mail server's queue for `seconds`", only="letter"),
        Kind("accepted_451", Stage.SPOIL, "a letter arrives, and the mail server answered 451", only="letter"),
        Kind("early_callback", Stage.DELAY, "the statuses are pushed before the answer to the send"),
    )
}
DEFAULT_SECONDS = {"letter_held": 2.0, "slow": 1.0, "late": 2.0, "invisible": 2.0, "early_callback": 0.2}
COMMANDS = ("send", "price", "status", "balance", "history", "answers", "jobs", "info", "letter")


@dataclass(frozen=True, slots=True)
class Stroke:
    """A misfortune that strikes this request."""

    kind: Kind
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The kind's name."""
        return self.kind.name


@dataclass(slots=True, kw_only=True)
class Rule:
    """One rule: a kind, where and on which command, by share or for the next few requests."""

    kind: Kind
    mirror: int | None = None  # None: any
    command: str = "send"  # "any": every command
    share: float = 0.0
    next: int = 0
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """As one would ask for it."""
        told = {"kind": self.kind.name, "mirror": self.mirror, "command": self.command, "share": self.share}
        return told | {"next": self.next, "seconds": self.seconds}

    def sentence(self) -> str:
        """In words."""
        often = f"the next {self.next}" if self.next else f"{self.share:.0%} of all"
        where = f" at mirror {self.mirror}" if self.mirror is not None else ""
        what = f"{self.command} requests" if self.command != "any" else "requests"
        return f"{self.kind.name}, {often} {what}{where}: {self.kind.meaning}"

    def fits(self, mirror: int, command: str) -> bool:
        """Whether this rule speaks of such a request; a connection has no command yet and fits."""
        is_here = self.mirror is None or self.mirror == mirror
        if self.kind.only and command != self.kind.only:
            return False
        return is_here and (command == "" or self.command in ("any", command))


class Misfortunes:
    """The rules in force; the first that strikes wins, counted ones before shares."""

    def __init__(self, seed: int = 1, late_s: float = DEFAULT_SECONDS["late"]) -> None:
        self._random = random.Random(seed)
        self._seconds = {**DEFAULT_SECONDS, "late": late_s}
        self._rules: list[Rule] = []
        self.struck: dict[str, int] = {}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What is in force."""
        return tuple(self._rules)

    def add(self, rule: Rule) -> None:
        """Put a rule in force; one with a share takes the place of an earlier one for the same requests."""
        if not rule.next:
            same = (rule.kind, rule.mirror, rule.command)
            self._rules = [r for r in self._rules if r.next or (r.kind, r.mirror, r.command) != same]
        if rule.next or rule.share:
            self._rules.append(rule)
            self._rules.sort(key=lambda r: not r.next)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._rules.clear()

    def on_connect(self, mirror: int) -> Stroke | None:
        """What befalls a new connection."""
        return self._draw(mirror, "", ("refuse",)) if self._rules else None

    def on_data(self, mirror: int) -> Stroke | None:
        """What befalls a request of which nothing was looked at yet."""
        return self._draw(mirror, "", ("close",)) if self._rules else None

    def on_request(self, mirror: int, command: str) -> Stroke | None:
        """What befalls a request that was read."""
        return self._draw(mirror, command, None) if self._rules else None

    def _draw(self, mirror: int, command: str, names: tuple[str, ...] | None) -> Stroke | None:
        for rule in self._rules:
            is_asked = rule.kind.name in names if names else rule.kind.stage is not Stage.CONNECT
            if not is_asked or not rule.fits(mirror, command):
                continue
            if rule.next:
                rule.next -= 1
                if not rule.next:
                    self._rules.remove(rule)
            elif self._random.random() >= rule.share:
                continue
            self.struck[rule.kind.name] = self.struck.get(rule.kind.name, 0) + 1
            return Stroke(rule.kind, rule.seconds or self._seconds.get(rule.kind.name, 0.0))
        return None


def read_rule(told: Mapping[str, Any], mirrors: int) -> Rule:
    """A rule from what the control endpoint was told; raises BadInput with a sentence."""
    unknown = set(told) - {"kind", "mirror", "command", "share", "next", "seconds"}
    if unknown:
        raise BadInput(f"a misfortune has no {sorted(unknown)[0]!r}")
    kind = KINDS.get(str(told.get("kind")))
    if kind is None:
        raise BadInput(f"there is no misfortune called {told.get('kind')!r}; there are {', '.join(KINDS)}")
    mirror, command = told.get("mirror"), str(told.get("command", kind.only or "send"))
    if mirror is not None and (not isinstance(mirror, int) or not 1 <= mirror <= mirrors):
        raise BadInput(f"mirrors are numbered 1 to {mirrors}, not {mirror!r}")
    if command not in (*COMMANDS, "any"):
        raise BadInput(f"a command is one of {', '.join(COMMANDS)} or any, not {command!r}")
    try:
        share, count = float(told.get("share", 0.0)), int(told.get("next", 0))
        seconds = float(told.get("seconds", 0.0))
    except (TypeError, ValueError):
        raise BadInput("share, next and seconds are numbers") from None
    if not 0.0 <= share <= 1.0 or count < 0 or seconds < 0:
        raise BadInput("a share is between 0 and 1; next and seconds are not negative")
    return Rule(kind=kind, mirror=mirror, command=command, share=share, next=count, seconds=seconds)
