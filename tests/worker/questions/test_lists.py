"""Absence by lists of history, on real sockets: one list serves all that is in doubt, a spoilt one nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from smsq.worker.domain.batch import Options, Ref, pack
from smsq.worker.domain.status import BatchState
from smsq.worker.gateway.http.server.shapes import write_error
from smsq.worker.ledger import Plan
from smsq.worker.questions.lists import Listing, NotListed
from smsq.worker.sandbox import Profile
from tests.worker.actors.test_doubts import claimed, settle_until

PHONES = [79990000000 + n for n in range(40)]
CONTROL = 79991110000
QUICK = {"mass_ask_every_s": 0.09, "minute_s": 0.09, "duplicate_window_s": 0.2}


def lost(plant: Any, ref: Ref) -> None:
    """Its worker claimed it and was never heard of again, nor was its request."""
    plant.ledger.doubt(claimed(plant, ref), "no_answer", 0.0, over=True)


def settle_all(plant: Any, refs: Sequence[Ref], seconds: float = 20.0) -> list[BatchState]:
    """Ask as the status lane would, several in one hint, until none is in doubt."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if all(plant.state(ref) != BatchState.DOUBTFUL for ref in refs):
            break
        if due := plant.ledger.due("doubt", 50, 1.0):
            plant.doubts.settle_doubts([str(ref) for ref in due])
        plant.runtime.clock.wait(0.02)
    return [plant.state(ref) for ref in refs]


def mass_questions(plant: Any) -> int:
    return int(plant.sandbox.call(lambda server: sum(len(ids) > 1 for _, ids in server.gateway.questions)))


def requests(plant: Any, command: str) -> int:
    return int(plant.sandbox.report()["requests"].get(command, 0))


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_what_never_arrived_goes_again_after_one_list_of_each_mirror(
    make_plant: Callable[..., Any], newest_first: bool
) -> None:
    """Twelve batches at once, whatever the size of a page, without a question for many; each leaves once more."""
    profile = Profile(**QUICK, history_page=7, history_newest_first=newest_first)
    plant = make_plant(profile=profile, SMSQ_MASS_ASK_EVERY_S="3")
    plant.send(plant.enrol(CONTROL, "control"))
    refs = plant.campaign(*[PHONES[n : n + 3] for n in range(0, 36, 3)])
    for ref in refs:
        lost(plant, ref)

    assert settle_all(plant, refs) == [BatchState.READY] * 12
    assert mass_questions(plant) == 0
    assert requests(plant, "history") < 12 * 2 * 3  # of a list: the control, one page of it, the end
    for ref in refs:
        plant.send(ref)
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["limits_broken"]) == (37, 0, {})


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_what_a_list_shows_is_found(make_plant: Callable[..., Any], newest_first: bool) -> None:
    """Two of three arrived, on several pages: those settle, only the third goes again."""
    plant = make_plant(profile=Profile(**QUICK, history_page=7, history_newest_first=newest_first))
    plant.send(plant.enrol(CONTROL, "control"))
    refs = plant.campaign(PHONES[:12], PHONES[12:24], PHONES[24:36])
    lost(plant, refs[1])
    for ref in (refs[0], refs[2]):  # the second may have left with the first: a thread goes on by itself
        plant.sandbox.misfortune("lose_answer", next_few=1)
        plant.send(ref)

    assert settle_all(plant, refs) == [BatchState.SETTLED, BatchState.READY, BatchState.SETTLED]
    plant.send(refs[1])
    assert (plant.sandbox.report()["accepted"], plant.sandbox.report()["twice"]) == (37, 0)


def test_a_message_that_waits_for_money_is_asked_about(make_plant: Callable[..., Any]) -> None:
    """A list shows it, which decides nothing: the answer to a question says why, and after the top-up it goes again."""
    plant = make_plant(profile=Profile(**QUICK))
    plant.send(plant.enrol(CONTROL, "control"))
    account = plant.sandbox.call(lambda server: server.gateway.accounts["demo"])
    full, account.balance = account.balance, 0
    (ref,) = plant.campaign(PHONES[:3])
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)
    assert (plant.state(ref), plant.runtime.views.halted()) == (BatchState.DOUBTFUL, "")

    until = time.monotonic() + 20.0
    while plant.runtime.views.halted() != "money" and time.monotonic() < until:
        settle_all(plant, [ref], seconds=0.1)
    assert plant.runtime.views.halted() == "money"
    account.balance = full
    plant.ledger.topped_up()

    assert settle_all(plant, [ref]) == [BatchState.READY]
    plant.send(ref)
    assert (plant.sandbox.report()["accepted"], plant.sandbox.report()["twice"]) == (4, 0)  # with the control


@pytest.mark.parametrize("kind", ["cut_json", "html", "empty", "error_502", "lose_answer", "truncated"])
def test_a_broken_page_proves_nothing(make_plant: Callable[..., Any], kind: str) -> None:
    """Every answer of history is broken, and no list is made of it; what was accepted is found by questions."""
    plant = make_plant(SMSQ_MASS_ASK_EVERY_S="20", profile=Profile(**QUICK))
    plant.send(plant.enrol(CONTROL, "control"))
    mirror = plant.sandbox.mirrors[0]
    plant.sandbox.misfortune(kind, command="history", share=1.0)

    assert list_of(plant, mirror) is NotListed.NOTHING
    assert requests(plant, "history") == 1
    assert list_of(plant, mirror) is NotListed.NOTHING  # nobody asks again before the minute is over
    assert requests(plant, "history") == 1


def test_a_page_that_breaks_in_the_middle_proves_nothing(make_plant: Callable[..., Any]) -> None:
    """The control was shown, and two pages were read whole."""
    plant = make_plant(profile=Profile(**QUICK, history_page=7))
    plant.send(plant.enrol(CONTROL, "control"))
    (ref,) = plant.campaign(PHONES)
    plant.send(ref)
    asked, real = [0], plant.runtime.transport.open

    class Spoilt:
        """A line whose fourth answer is cut short and well-framed all the same."""

        def __init__(self, line: Any) -> None:
            self.line = line

        def __getattr__(self, name: str) -> Any:
            return getattr(self.line, name)

        def say(self, *args: Any, **options: Any) -> Any:
            reply = self.line.say(*args, **options)
            asked[0] += 1
            return replace(reply, body=reply.body[:-2]) if asked[0] == 4 else reply

    plant.runtime.transport.open = lambda *args: Spoilt(real(*args))

    assert list_of(plant, plant.sandbox.mirrors[0]) is NotListed.NOTHING
    assert asked[0] == 4


def list_of(plant: Any, mirror: str, **moments: float) -> Listing | NotListed:
    """Of everything, asked for just now."""
    plant.runtime.clock.wait(0.3)  # the control must have had time to show
    now = plant.ledger.time()
    return plant.doubts._lists.of(mirror, **{"since": now - 60.0, "covers": now - 60.0, "after": now - 1.0, **moments})


def test_history_that_lags_proves_nothing(make_plant: Callable[..., Any]) -> None:
    """The status of the control shows, its row in history not yet: what was accepted is not taken for missing."""
    plant = make_plant(profile=Profile(**QUICK, history_after_s=600.0))
    plant.send(plant.enrol(CONTROL, "control"))
    (ref,) = plant.campaign(PHONES[:12])
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.sandbox.misfortune("invisible", next_few=1, seconds=0.0)
    plant.send(ref)

    assert list_of(plant, plant.sandbox.mirrors[0]) is NotListed.NOTHING
    assert settle_until(plant, ref, {BatchState.SETTLED, BatchState.READY}) == BatchState.SETTLED


def test_a_mirror_that_lags_proves_nothing(make_plant: Callable[..., Any]) -> None:
    """A list is of one mirror, and so is the control in it."""
    plant = make_plant(profile=Profile(**QUICK))
    plant.send(plant.enrol(CONTROL, "control"))
    plant.sandbox.mirror(1, lag=600.0)

    first, second = (list_of(plant, mirror) for mirror in plant.sandbox.mirrors)

    assert first is NotListed.NOTHING
    assert isinstance(second, Listing)
    assert CONTROL in {phone for _, phone in second.shown}


def test_without_a_control_history_is_not_even_asked(make_plant: Callable[..., Any]) -> None:
    """Nothing was ever accepted."""
    plant = make_plant(profile=Profile(**QUICK))

    assert list_of(plant, plant.sandbox.mirrors[0]) is NotListed.NOTHING
    assert requests(plant, "history") == 0


def test_a_list_serves_what_it_covers(make_plant: Callable[..., Any]) -> None:
    """Not what was claimed before it begins, nor what it was asked for too early; another waits for its minute."""
    plant = make_plant(profile=Profile(**QUICK), SMSQ_MASS_ASK_EVERY_S="30")
    plant.send(plant.enrol(CONTROL, "control"))
    mirror = plant.sandbox.mirrors[0]
    made = list_of(plant, mirror)
    assert isinstance(made, Listing)

    assert list_of(plant, mirror, covers=made.since, after=made.asked_at) is made
    assert list_of(plant, mirror, covers=made.since - 1.0) is NotListed.LATER
    assert list_of(plant, mirror, after=made.asked_at + 0.001) is NotListed.LATER


def test_a_list_counts_from_before_its_first_page(make_plant: Callable[..., Any]) -> None:
    """A message that is accepted while its pages are read is not taken for missing by it."""
    plant = make_plant(profile=Profile(**QUICK))
    plant.send(plant.enrol(CONTROL, "control"))
    mirror = plant.sandbox.mirrors[0]
    plant.sandbox.misfortune("slow", command="history", next_few=3, seconds=0.4)  # the control, a page, the end

    made = list_of(plant, mirror)

    assert isinstance(made, Listing)
    assert made.control_at < made.asked_at
    assert plant.ledger.time() - made.asked_at >= 0.8
    assert plant.runtime.clock.monotonic() - made.began >= 0.8


def test_a_control_that_shows_later_makes_no_list(make_plant: Callable[..., Any]) -> None:
    """A mirror's view that goes on while it is read: what was on the pages before may have been hidden then."""
    plant = make_plant(profile=Profile(**QUICK))
    plant.send(plant.enrol(CONTROL, "control"))
    real = plant.runtime.transport.open

    class Blind:
        """A line that shows no message when it is asked for one phone's, and all of them in the list behind."""

        def __init__(self, line: Any) -> None:
            self.line = line

        def __getattr__(self, name: str) -> Any:
            return getattr(self.line, name)

        def say(self, path: str, body: bytes, *args: Any, **options: Any) -> Any:
            reply = self.line.say(path, body, *args, **options)
            return replace(reply, body=write_error(3)) if f"&phone={CONTROL}".encode() in body else reply

    plant.runtime.transport.open = lambda *args: Blind(real(*args))

    assert list_of(plant, plant.sandbox.mirrors[0]) is NotListed.NOTHING
    assert requests(plant, "history") == 1


def test_a_list_must_cover_every_open_attempt(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator had it sent again: the first attempt may have been accepted long before the second."""
    plant.send(plant.enrol(CONTROL, "control"))
    (ref,) = plant.campaign(PHONES[:3])
    first = claimed(plant, ref)
    plant.ledger.doubt(first, "no_answer", 0.0, over=True)
    plant.ledger.resolve(ref, first.fence, "release", "he waits")
    plant.runtime.clock.wait(0.5)
    lost(plant, ref)
    ids = plant.ledger.read([ref])[0].ids
    wanted: list[dict[str, float]] = []

    def of(mirror: str, **moments: float) -> NotListed:
        wanted.append(moments)
        return NotListed.LATER

    monkeypatch.setattr(plant.doubts._lists, "of", of)
    until = time.monotonic() + 20.0
    while not wanted and time.monotonic() < until:
        settle_all(plant, [ref], 0.1)

    assert wanted[0]["since"] <= wanted[0]["covers"] == ids[0].claimed_at
    assert wanted[0]["after"] == ids[1].claimed_at + 4.0  # two windows beside an older control


@pytest.mark.parametrize(
    ("options", "at_once"),
    [
        (Options(), True),
        (Options(sender="Shop", valid="12", translit=1), True),
        (Options(time="01.01.30 10:00"), False),
        (Options(channel="tg"), False),
        (Options(extra={"period": "2"}), False),
    ],
)
def test_only_plain_sms_is_looked_for_in_history(plant: Any, options: Options, at_once: bool) -> None:
    """What the gateway keeps for later, or sends by another channel, it may list elsewhere."""
    opened = plant.ledger.open_campaign(Plan(name="c", digest="d", text="Hi", template="Hi", options=options))
    plant.ledger.enrol_range(opened.id, 1, [pack(PHONES[:3], None, [1, 2, 3], 3)], [], 3)
    (ref,) = plant.ledger.feed(opened.id, 1, 100)[0]

    assert plant.ledger.leaves_at_once(ref) is at_once
    assert plant.ledger.leaves_at_once(plant.enrol(options=options)) is at_once


def test_one_batch_at_a_time_waits_for_questions_for_many(make_plant: Callable[..., Any]) -> None:
    """History cannot tell; the others of the hint are asked about singly and put off, and no limit is broken."""
    plant = make_plant(profile=Profile(**QUICK, history_after_s=600.0))
    plant.send(plant.enrol(CONTROL, "control"))
    refs = plant.campaign(*[PHONES[n : n + 4] for n in range(0, 16, 4)])
    for ref in refs:
        lost(plant, ref)

    assert settle_all(plant, refs, 40.0) == [BatchState.READY] * 4
    assert mass_questions(plant) > 0
    assert plant.sandbox.report()["limits_broken"] == {}
