"""Progress: rates, remaining time, why it waits, and when it ends."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pytest

from smsq.producers.moments import when
from smsq.producers.progress import Watch, follow
from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadCredentials, LedgerUnreachable
from smsq.worker.ledger.standing import Brakes
from smsq.worker.ledger.views import CampaignView


def view(state: str = "running", why: str = "", start_at: float = 0, window: str = "", **statuses: int) -> CampaignView:
    """A campaign with these counts."""
    return CampaignView(
        id="k7xm2",
        name="spring",
        state=state,
        rows=sum(statuses.values()),
        invalid=statuses.get("invalid", 0),
        statuses=statuses,
        doubles=0,
        cost=Decimal("7.6"),
        parts=10,
        batches=1,
        fed=0,
        closed=True,
        created_at=1.0,
        first_sent_at=0.0,
        done_at=0.0,
        start_at=start_at,
        template="Hi",
        budget=Decimal(0),
        window=window,
        why=why,
    )


def _hour(at: float) -> int:
    return datetime.fromtimestamp(at).astimezone().hour


CLOSED = f"{(_hour(1000.0) + 1) % 24}-{(_hour(1000.0) + 2) % 24}"  # hours to which the tests' time does not belong


@dataclass
class Hands(Clock):
    """A clock that waits by moving on."""

    at: float = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float, until: object = None) -> bool:
        self.at += seconds
        return False


@dataclass
class ReadSide:
    """A ledger that shows these pictures one after another, then the last again."""

    pictures: list[CampaignView | Exception]
    halts: str = ""
    back_off_s: float = 0.0
    blind: int = 0
    is_cut_off: bool = False
    is_led: bool = True
    errors: int = 0
    up: dict[str, int] = field(default_factory=lambda: {"bulk": 1, "status": 1})

    def campaign(self, campaign_id: str) -> CampaignView | None:
        shown = self.pictures.pop(0) if len(self.pictures) > 1 else self.pictures[0]
        if isinstance(shown, Exception):
            raise shown
        return shown

    def brakes(self) -> Brakes:
        return Brakes(
            halted=self.halts,
            back_off_s=self.back_off_s,
            blind=self.blind,
            is_cut_off=self.is_cut_off,
            errors=self.errors,
            errors_back_off_s=90.4,
            is_led=self.is_led,
        )

    def lanes(self) -> dict[str, int]:
        return self.up


def test_lines_go_on_until_nothing_moves() -> None:
    """One at the start, one every few seconds, one at the end."""
    moving: list[CampaignView | Exception] = [view(queued=100 - n, accepted=n, invalid=1) for n in range(0, 100, 5)]
    out, clock = io.StringIO(), Hands()
    last = follow(
        Watch(ReadSide([*moving, view("done", delivered=100, invalid=1)]), "k7xm2", clock, 10), out, clock=clock
    )
    lines = out.getvalue().splitlines()

    assert last.view.state == "done"
    assert len(lines) == 3
    assert lines[0].startswith("k7xm2 running · delivered 0/100 · queued 100 · sent 0")
    assert "queued 50 · sent 50 · failed 0 · doubtful 0 · parked 0 · 10/s · left 5 s · cost 7.6" in lines[1]
    assert "k7xm2 done · delivered 100/100" in lines[2]
    assert "· all sent · cost" in lines[2]


def test_a_line_that_says_nothing_new_comes_once_a_minute() -> None:
    """While a budget is spent or a person paused it, which may last for hours; a change is told within seconds."""
    spent: list[CampaignView | Exception] = [view("paused", queued=50, accepted=50)] * 300
    out, clock = io.StringIO(), Hands()
    follow(
        Watch(
            ReadSide([*spent, view("paused", queued=50, delivered=50), view("done", delivered=100)]), "k7xm2", clock, 10
        ),
        out,
        clock=clock,
    )
    lines = out.getvalue().splitlines()

    assert len(lines) == 5  # in 150 seconds: at 0, 60 and 120, then what changed, then the end
    assert len(set(lines)) == 3


def test_what_has_left_waits_for_its_statuses() -> None:
    """No time is told for what nobody can know."""
    picture = Watch(ReadSide([view(accepted=3, invalid=1)]), "k7xm2", Hands(), 10).look()

    assert "· all sent, waiting for statuses · cost" in picture.line()


def test_what_was_cancelled_has_not_failed() -> None:
    """It is told apart, and it neither left nor counts towards the rate."""
    clock = Hands()
    read_side = ReadSide([view("cancelled", queued=90, accepted=10), view("cancelled", delivered=10, cancelled=90)])
    watch = Watch(read_side, "k7xm2", clock, 10)
    watch.look()
    clock.wait(1.0)
    line = watch.look().line()

    assert "delivered 10/100 · queued 0 · sent 0 · failed 0 · doubtful 0 · parked 0 · cancelled 90 · 0/s" in line
    assert "the rest is cancelled" in line
    assert "cancelled " not in Watch(ReadSide([view("running", queued=1)]), "k7xm2", clock, 10).look().line()


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("term", ["dumb", "unknown", "", None])
def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, term: str | None) -> None:
    """It cannot draw over what it has shown."""
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    out, clock = Terminal(), Hands()
    follow(Watch(ReadSide([view(queued=1), view("done", delivered=1)]), "k7xm2", clock, 10), out, clock=clock)

    assert out.getvalue().splitlines()[-1].startswith("k7xm2 done · delivered 1/1")
    assert "\x1b" not in out.getvalue()


def test_a_narrow_terminal_gets_a_short_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wider than it is."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    out, clock = Terminal(), Hands()
    follow(Watch(ReadSide([view("done", delivered=1234, invalid=1)]), "k7xm2", clock, 10), out, clock=clock)
    lines = [re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in out.getvalue().splitlines()]

    assert max(map(len, lines)) <= 30
    assert any("1234/1234" in line for line in lines)


@pytest.mark.parametrize(
    ("picture", "read_side", "why"),
    [
        (view(queued=1), {"up": {}}, "no worker of the bulk and status lane is up"),
        (view(queued=1), {"up": {"bulk": 1}}, "no worker of the status lane is up"),
        (view(queued=1), {"halts": "money"}, "the account is empty; sending goes on by itself after a top-up"),
        (view(queued=1), {"halts": "login"}, "the gateway refuses the log-in"),
        (view(queued=1), {"halts": "fell"}, "the ledger fell back"),
        (view("paused", queued=1), {}, "it is paused"),
        (view("paused", why="budget", queued=1), {}, "its budget is spent"),
        (view(queued=1, start_at=2000.0), {}, f"it is scheduled to begin at {when(2000.0)}"),
        (view(queued=1), {"is_led": False}, "no scheduler leads, because none is up or the one that is up hangs"),
        (view(accepted=1), {"is_led": False}, "no scheduler leads"),
        (view("cancelled", queued=1), {"is_led": False}, "no scheduler leads"),
        (view("cancelled", accepted=1), {}, "it was cancelled: statuses of what was already sent are still collected"),
        (view("paused", why="the ledger fell back", queued=1), {}, "it is paused (the ledger fell back) until `smsq"),
        (view(queued=1, window=CLOSED), {}, f"it is outside its sending hours, {CLOSED}"),
        (view(queued=1), {"back_off_s": 7.2}, "the gateway asked us to back off, 7 s more"),
        (view(queued=1), {"errors": 49}, ""),
        (
            view(queued=1),
            {"errors": 50},
            "sending pauses after too many refusals, before the gateway blocks this address, 90 s",
        ),
        (view(queued=1), {"errors": 50, "back_off_s": 600.0}, "the gateway asked us to back off, 600 s more"),
        (view(queued=1), {"is_cut_off": True}, "the workers can reach no mirror of the gateway; `smsq doctor`"),
        (view(accepted=1), {"is_cut_off": True}, ""),
        (view(queued=1), {"blind": 21}, "too many requests have unknown outcomes"),
        (view(queued=1), {"blind": 20}, ""),
        (view(accepted=1), {"blind": 21}, ""),
        (view("done", delivered=1), {"up": {}}, ""),
    ],
)
def test_why_it_waits_is_one_sentence(picture: CampaignView, read_side: dict[str, str], why: str) -> None:
    """What a person would have to find out."""
    said = Watch(ReadSide([picture], **read_side), "k7xm2", Hands(), 10).look().waits  # type: ignore[arg-type]

    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_a_refused_log_in_is_not_watched_for_ever() -> None:
    """Nothing will move until somebody acts, so that a script is told."""
    clock = Hands()
    with pytest.raises(BadCredentials, match=r"refuses the log-in.* `smsq balance`"):
        follow(Watch(ReadSide([view(queued=1)], halts="login"), "k7xm2", clock, 10), io.StringIO(), clock=clock)
    assert 1010 <= clock.at <= 1012


def test_a_redis_that_is_away_is_waited_for() -> None:
    """The last picture stays, with the reason, until it is back."""
    away = LedgerUnreachable("Redis does not answer; work resumes when it is back")
    out, clock = io.StringIO(), Hands()
    read_side = ReadSide([view(queued=1), *[away] * 12, view("done", delivered=1)])
    last = follow(Watch(read_side, "k7xm2", clock, 10), out, clock=clock)

    assert "Redis does not answer" in out.getvalue()
    assert last.view.state == "done"


def test_whoever_is_not_wanted_stops_looking() -> None:
    """The demo ends it this way; the campaign goes on."""
    clock = Hands()
    wanted: Callable[[], bool] = lambda: clock.at < 1003  # noqa: E731
    last = follow(Watch(ReadSide([view(queued=1)]), "k7xm2", clock, 10), io.StringIO(), clock=clock, is_wanted=wanted)

    assert (last.view.state, clock.at) == ("running", 1003.0)
