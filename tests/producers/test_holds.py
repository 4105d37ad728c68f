"""Whatever holds a campaign back is told in words: each word of the claim and of the feed has its row here."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import smsq.worker as worker_package
from smsq.producers.api import Smsq
from smsq.worker.domain.sick import Sick

LUA = Path(worker_package.__file__).parent / "ledger" / "lua"
ROWS = [f"+{79990000000 + n}" for n in range(300)]
Arrange = Callable[[Smsq, str], object]


def ctl(**fields: object) -> Arrange:
    """What the login is halted or slowed by; `in_s` stands for a moment so many seconds ahead."""

    def arrange(smsq: Smsq, campaign: str) -> None:
        now_ms = int(smsq.runtime.ledger.time() * 1000)
        told = {name: now_ms + 60_000 if value == "ahead" else value for name, value in fields.items()}
        smsq.runtime.ledger.redis.hset("{smsq}:ctl", mapping=told)

    return arrange


def of_campaign(**fields: object) -> Arrange:
    def arrange(smsq: Smsq, campaign: str) -> None:
        now_ms = int(smsq.runtime.ledger.time() * 1000)
        told = {name: now_ms + 3_600_000 if value == "ahead" else now_ms if value == "now" else value
                for name, value in fields.items()}  # fmt: skip
        smsq.runtime.ledger.redis.hset(f"{{smsq}}:c:{campaign}", mapping=told)

    return arrange


def in_set(name: str, many: int) -> Arrange:
    def arrange(smsq: Smsq, campaign: str) -> None:
        until = int(smsq.runtime.ledger.time() * 1000) + 60_000
        smsq.runtime.ledger.redis.zadd(f"{{smsq}}:{name}", {f"{n}/1": until for n in range(many)})

    return arrange


def debt(field: str, **limits: Any) -> Arrange:
    """A bucket that is paid back in a minute, at one part a second."""

    def arrange(smsq: Smsq, campaign: str) -> None:
        for name, told in limits.items():
            getattr(smsq.limits, name)(*told)
        now_ms = int(smsq.runtime.ledger.time() * 1000)
        at = field.replace("tokens", "at")
        smsq.runtime.ledger.redis.hset("{smsq}:bucket", mapping={field: -60, at: now_ms})

    return arrange


def sick(why: Sick) -> Arrange:
    def arrange(smsq: Smsq, campaign: str) -> None:
        for lane in ("urgent", "bulk"):
            smsq.runtime.ledger.redis.hset("{smsq}:sick", f"{lane}/h/1/a", f"{why} 1")

    return arrange


def by_itself(why: str, found: str) -> Arrange:
    return lambda smsq, campaign: smsq.runtime.ledger.pause_itself(campaign, why, found)


def without(key: str, *members: str) -> Arrange:
    def arrange(smsq: Smsq, campaign: str) -> None:
        if members:
            smsq.runtime.ledger.redis.zrem(f"{{smsq}}:{key}", *members)
        else:
            smsq.runtime.ledger.redis.delete(f"{{smsq}}:{key}")

    return arrange


# What holds it, the words of the scripts that it stands for, and what a person is told.
HOLDS: dict[str, tuple[Arrange, tuple[str, ...], str]] = {
    "the ledger fell back": (ctl(fell=1), ("fell",), "`smsq recover`"),
    "a host is missing": (ctl(waits="h1"), ("run",), "roll call"),
    "the log-in is refused": (
        lambda smsq, campaign: [ctl(bad_login="x")(smsq, campaign), sick(Sick.LOGIN)(smsq, campaign)],
        ("login",),
        "correct SMSQ_LOGIN",
    ),
    "no gateway ids are left": (
        lambda smsq, campaign: smsq.runtime.ledger.redis.set("{smsq}:n:gid", 2147483647),
        ("ids",),
        "--fresh-ids",
    ),
    "the account is empty": (ctl(no_money=1), ("money",), "goes on by itself after a top-up"),
    "the gateway asked for a pause": (ctl(quiet_until="ahead"), ("later", "quiet"), "asked us to back off, 60 s more"),
    "too many refusals": (ctl(errors=1000, errors_until="ahead"), ("later",), "60 s more"),
    "a person paused it": (lambda smsq, campaign: smsq.campaigns.pause(campaign), ("paused",), "it is paused"),
    "its budget is spent": (
        of_campaign(state="paused", why="budget", budget=10_000, cost=9_000, part_price=1_000),
        ("paused",),
        "its budget is spent: 0.9 of 1",
    ),
    "its messages fail": (
        by_itself("bad", "110 of its latest 200 final messages failed"),
        ("paused",),
        "paused by itself, because 110 of its latest 200 final messages failed: `smsq campaign show",
    ),
    "the balance is low": (
        by_itself("balance", "the balance is below the reserve of 100"),
        ("paused",),
        "below the reserve of 100: top up, then `smsq campaign resume",
    ),
    "it begins later": (of_campaign(start_at="ahead"), ("scheduled",), "scheduled to begin at 20"),
    "sending hours": (
        lambda smsq, campaign: smsq.campaigns.set(campaign, window=closed_now(smsq)),
        ("closed",),
        "outside its sending hours",
    ),
    "its own rate": (
        of_campaign(rate=1.0, tokens=-60, tokens_at="now"), ("paced", "rate"), "its rate, 1 parts a second, lets"
    ),
    "its sender's rate": (
        debt("tokens:", set_sender_rate=("", 1)), ("paced", "sender"), "the limit of the account's own sender, 1 parts"
    ),
    "the rate of all": (debt("tokens", set_rate=(1,)), ("later",), "the rate of all sending, 1 parts a second"),
    "no place is free": (in_set("slots:bulk", 10), ("slot",), "10 requests without an answer may still run"),
    "too many doubts": (in_set("blind", 50), ("doubts",), "too many requests have unknown outcomes"),
    "no mirror": (
        lambda smsq, campaign: [ctl(unreached_until="ahead")(smsq, campaign), sick(Sick.GATEWAY)(smsq, campaign)],
        (),
        "can reach no mirror",
    ),
    "the disk is full": (sick(Sick.JOURNAL), (), "cannot write their journal: free space"),
    "no worker": (without("owners", "bulk/h/1/a"), (), "no worker of the bulk lane is up"),
    "no scheduler": (without("lead"), (), "no scheduler leads"),
    "its enrolment stopped": (of_campaign(closed=0, ranged_at=1), (), "its enrolment stopped at row 300"),
}  # fmt: skip
# Words of the scripts that hold nothing back.
NO_HOLD = {
    "taken": "another worker has it",
    "settled": "it ends here",
    "claimed": "it goes",
    "over": "the call was answered before",
    "unscreened": "the worker looks who opted out, and claims again at once",
    "gone": "there is no such campaign",
    "all handed out": "there is nothing to hand out",
    "cancelled": "the scheduler ends it",
    "recurs": "its occurrences are campaigns of their own",
}


def closed_now(smsq: Smsq) -> str:
    from datetime import datetime

    hour = datetime.fromtimestamp(smsq.runtime.clock.now()).astimezone().hour
    return f"{(hour + 3) % 24}-{(hour + 5) % 24 or 24}"


@pytest.fixture
def campaign(smsq: Smsq) -> str:
    """One that could go: workers of all lanes are up, and a scheduler leads."""
    ledger = smsq.runtime.ledger
    for lane in ("urgent", "bulk", "status", "chores"):
        ledger.beat(f"{lane}/h/1/a")
    ledger.redis.set("{smsq}:lead", "x")
    found = smsq.campaigns.run(ROWS, text="Hi", budget=None).id
    assert smsq.campaigns.why(smsq.campaigns.show(found)) == ""
    return found


@pytest.mark.parametrize("hold", HOLDS)
def test_what_holds_it_back_is_told(smsq: Smsq, campaign: str, hold: str) -> None:
    """With what to do, or the time at which it goes on; of its first message the same."""
    arrange, _, said = HOLDS[hold]
    arrange(smsq, campaign)
    view = smsq.campaigns.show(campaign)

    assert said in smsq.campaigns.why(view)
    first = next(smsq.campaigns.report(campaign))
    assert said in smsq.why(first)


def test_every_word_of_the_claim_and_of_the_feed_is_told() -> None:
    """A new reason to hold something back needs a row above."""
    claiming = (LUA / "include" / "claiming.lua").read_text()
    feed = (LUA / "campaigns" / "feed.lua").read_text()
    words = set(re.findall(r"return \{ '(\w+)'", claiming)) | set(re.findall(r"'halted', '(\w+)'", claiming))
    words |= set(re.findall(r"and '(fell)' or '(run)'", claiming)[0])
    words |= set(re.findall(r"\{ 'waits', '([\w ]+)' \}", feed)) | {"closed", "paced"}
    told = {word for _, those, _ in HOLDS.values() for word in those}

    assert {"halted", "later", "paced", "closed", "slot", "paused", "doubts", "sender", "fell", "run"} <= words
    assert words - {"halted"} <= told | NO_HOLD.keys()


def test_a_balance_that_resumes_it_is_told(smsq: Smsq, campaign: str) -> None:
    """A person who asked for that need not come back."""
    smsq.campaigns.set(campaign, auto_resume=True)
    smsq.runtime.ledger.pause_itself(campaign, "balance", "the balance is below the reserve of 100")
    assert "it goes on by itself after a top-up" in smsq.campaigns.why(smsq.campaigns.show(campaign))


def test_a_single_message_says_why_it_waits(smsq: Smsq) -> None:
    """No worker, a rate, an empty account; a code is tried without money."""
    bulk, code = smsq.send("+79990000001", "Hi", lane="bulk"), smsq.send("+79990000002", "Hi")
    ledger = smsq.runtime.ledger
    assert "no worker of the bulk lane is up" in smsq.why(smsq.status(bulk.id))
    for lane in ("urgent", "bulk"):
        ledger.beat(f"{lane}/h/1/a")
    assert smsq.why(smsq.status(code.id)) == ""
    ledger.redis.sadd("{smsq}:c:-:h", bulk.id.partition(".")[0])
    assert "goes on by itself, in its turn" in smsq.why(smsq.status(bulk.id))
    ctl(no_money=1)(smsq, "")
    assert "the account is empty" in smsq.why(smsq.status(bulk.id))
    assert smsq.why(smsq.status(code.id)) == ""


def test_a_list_shows_what_was_paused_by_itself(run: Callable[..., Any], smsq: Smsq) -> None:
    """Under its line, and to machines; `status` takes the id of a campaign too."""
    one = smsq.campaigns.run(ROWS, text="Hi").id
    smsq.runtime.ledger.pause_itself(one, "bad", "all of it failed")
    assert Decimal(0) == smsq.campaigns.show(one).cost

    for words in (("campaign", "list"), ("campaign", "list", "--json"), ("status", one), ("status", one, "--json")):
        assert "paused by itself, because all of it failed" in run(*words).output
