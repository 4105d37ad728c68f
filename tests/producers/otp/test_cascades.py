"""Cascades on a real ledger: whose turn it is, once per step whoever looks and how often, and what ends them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from smsq.producers.api import Smsq
from smsq.worker.actors.otp_steps import StepTaker
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.cascade import End, Enrol, Take, Wait
from smsq.worker.domain.errors import BadChannel, BadWait, Held, LedgerHalted, NoChannel, OverBudget, TooMany
from smsq.worker.domain.otp import Verdict
from smsq.worker.domain.status import Status
from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.cascade import PILED_UP, Cascade
from tests.producers.otp.sent import with_settings
from tests.producers.otp.story import Story, digits


def test_each_channel_has_its_turn_with_the_same_code(story: Story) -> None:
    """A text, bare digits, and a voice; each after the wait of the one before, then nothing."""
    code = story.send()
    story.accept(code.message_id)
    assert story.due() == []
    story.ahead_s = 20.0
    assert story.due() == [code.id]
    assert story.look(code) == Take(1, "waited")
    story.accept(story.step(code), "0.9")
    story.ahead_s = 49.9
    assert story.due() == []
    story.ahead_s = 50.0
    assert story.due() == [code.id]
    assert story.look(code) == Take(2, "waited")
    story.accept(story.step(code), "1.6")
    assert story.due() == [code.id]
    assert story.look(code) == End("last")

    sms, tg, call = story.texts
    assert tg.isdigit()
    assert (digits(sms), digits(call)) == (tg, tg + tg)
    assert ", ".join(tg) in call
    assert story.taken(code) == [("sms", "first"), ("tg", "waited"), ("call", "waited")]
    assert (story.live(), story.shown(code).ended) == (0, "last")
    assert story.counted() == {"sms:first": 1, "tg:waited": 1, "call:waited": 1}


def test_a_failure_is_not_waited_for(story: Story) -> None:
    """Refused at the door, undeliverable later: looked at in the same moment."""
    code = story.send()
    story.ledger.settle_refused(story.claim(code.message_id), 7)
    assert story.due() == [code.id]
    assert story.look(code) == Take(1, "failed")
    told = story.accept(story.step(code))
    assert story.due() == []
    story.report(told, Status.UNDELIVERABLE)
    assert story.due() == [code.id]
    assert story.look(code) == Take(2, "failed")

    assert story.taken(code) == [("sms", "first"), ("tg", "failed"), ("call", "failed")]


def test_what_was_delivered_ends_it(story: Story) -> None:
    """In the moment in which it is known; what failed before does not matter."""
    code = story.send()
    told = story.accept(code.message_id)
    story.report(told, Status.DELIVERED)

    assert story.due() == [code.id]
    assert story.look(code) == End("delivered")
    assert (story.live(), len(story.shown(code).steps), story.shown(code).ended) == (0, 1, "delivered")


def test_a_late_delivery_stops_what_comes_next(story: Story) -> None:
    """The SMS arrives while Telegram is waited for: no call."""
    code = story.send()
    told = story.accept(code.message_id)
    story.ahead_s = 20.0
    assert story.due() == [code.id]
    story.look(code)
    story.report(told, Status.DELIVERED)

    assert story.due() == [code.id]
    assert story.look(code) == End("delivered")
    assert [step.channel for step in story.shown(code).steps] == ["sms", "tg"]


@pytest.mark.parametrize("what", ["entered", "locked"])
def test_a_code_that_is_over_goes_nowhere(story: Story, what: str) -> None:
    """It leaves the set with the check itself; even an actor that had decided already is too late."""
    code = story.send()
    story.accept(code.message_id)
    story.ahead_s = 25.0
    for _ in range(1 if what == "entered" else story.smsq.settings.code_attempts):
        story.smsq.otp.check(code.id, digits(story.texts[0]) if what == "entered" else "-")

    assert (story.live(), story.due()) == (0, [])
    assert isinstance(story.look(code), End)
    assert story.ledger.next_step(code.id, 1, "tg", "waited", after=1).word == (
        "used" if what == "entered" else "locked"
    )
    assert [step.channel for step in story.shown(code).steps] == ["sms"]
    assert [ahead.why for ahead in story.shown(code).ahead] == [{"entered": "checked"}.get(what, what)] * 2


def test_an_expired_code_goes_nowhere(story: Story) -> None:
    """Its life ends during a wait."""
    code = story.send(ttl=15)
    story.accept(code.message_id)
    story.ahead_s = 20.0

    assert story.due() == [code.id]
    assert story.look(code) == End("expired")
    assert story.live() == 0


def test_a_doubtful_message_is_waited_for_from_its_enrolment(story: Story) -> None:
    """Nobody knows whether it arrived: the next channel comes when its turn is."""
    code = story.send()
    story.ledger.doubt(story.claim(code.message_id), "no reply", 1.0)
    story.ahead_s = 19.0
    assert story.due() == []
    story.ahead_s = 20.0
    assert story.due() == [code.id]

    assert story.look(code) == Take(1, "waited")


def test_one_channel_is_no_cascade(story: Story) -> None:
    """Nothing is looked at."""
    story.send(channels="sms")

    assert story.live() == 0
    assert story.counted() == {"sms:first": 1}


@pytest.mark.parametrize("by", ["the same actor", "two actors"])
def test_a_step_is_taken_once_however_often_it_is_hinted(story: Story, by: str, environ: dict[str, str]) -> None:
    """Repeated hints, two schedulers, two workers in a race: one message of each step."""
    code = story.send()
    story.accept(code.message_id)
    story.ahead_s = 20.0
    if by == "the same actor":
        story.look(code)
        assert story.look(code) == Wait(50.0 + story.ledger.time() - 20.0)
    else:
        others = [Smsq(environ=environ) for _ in range(6)]
        for other in others:
            other.runtime.ledger._now = story.ledger._now
        start = threading.Barrier(len(others))

        def race(runtime: Runtime) -> None:
            duty = Cascade(runtime)
            start.wait()
            duty.tick(0)
            StepTaker(runtime).take_steps([code.id])

        with ThreadPoolExecutor(len(others)) as pool:
            list(pool.map(race, [other.runtime for other in others]))
        for other in others:
            other.close()

    assert story.taken(code) == [("sms", "first"), ("tg", "waited")]
    assert story.counted() == {"sms:first": 1, "tg:waited": 1}
    assert story.ledger.redis.zcard(story.ledger.key("ready:urgent")) == 1


def test_a_place_is_taken_only_behind_the_one_before(story: Story) -> None:
    """Whatever an actor that slept for long believes."""
    code = story.send()

    assert story.ledger.next_step(code.id, 2, "call", "waited", after=1).word == "moved"
    first = story.ledger.next_step(code.id, 1, "tg", "waited", after=1)
    assert first == story.ledger.next_step(code.id, 1, "tg", "failed", after=1)
    assert story.ledger.next_step(code.id, 3, "call", "waited", after=2).word == "moved"
    assert not story.ledger.end_cascade(code.id, 0, "cost")
    assert story.ledger.end_cascade(code.id, 1, "cost", "call")
    assert story.ledger.end_cascade(code.id, 1, "shield:held", "call")
    assert story.ledger.next_step(code.id, 2, "call", "waited", after=2).word == "over"
    assert story.shown(code).ended == "cost"
    assert story.counted() == {"sms:first": 1, "call:cost": 1}
    assert story.ledger.next_step("nosuchcode", 1, "tg", "waited", after=1).word == "unknown"


def test_a_worker_that_died_between_reserving_and_enrolling(story: Story) -> None:
    """Two seconds later somebody else enrols that very message."""
    code = story.send()
    story.accept(code.message_id)
    story.ahead_s = 20.0
    story.due()
    story.ledger.next_step(code.id, 1, "tg", "waited", after=1)
    story.ahead_s = 21.9
    assert story.due() == []
    story.ahead_s = 22.0
    assert story.due() == [code.id]

    assert story.look(code) == Enrol(1)
    assert story.accept(story.step(code)).options.channel == "tg"
    assert story.counted() == {"sms:first": 1, "tg:waited": 1}


def test_a_caller_that_died_before_its_first_message(story: Story) -> None:
    """It was never told that anything was sent, so nothing is; whoever repeats the call by its key finds the code."""
    code = story.send(key="login-7")
    ref = Ref(MessageId.parse(code.message_id).batch)
    story.ledger.forget([ref])
    story.ledger.redis.delete(*story.ledger.redis.keys("*idem:*"))
    story.ahead_s = 30.0

    assert story.due() == [code.id]
    assert story.look(code) == Wait(story.ledger.time() + 2)
    assert (story.shown(code).steps[0].message_id, story.due()) == ("", [])
    again = story.send(key="login-7")
    assert (again.id, again.created) == (code.id, False)
    story.accept(again.message_id)
    story.ahead_s = 50.0
    assert story.due() == [code.id]
    assert story.look(code) == Take(1, "waited")


def test_a_lost_hint_is_made_up_for(story: Story) -> None:
    """What nobody looked at is due again two seconds later."""
    code = story.send()
    story.ahead_s = 20.0
    assert story.due() == [code.id]
    assert story.due() == []
    story.ahead_s = 22.0
    assert story.due() == [code.id]


def test_a_message_that_ends_while_it_is_looked_at_is_looked_at_again(story: Story) -> None:
    """The look sets the end of the wait; it does not forget what happened meanwhile."""
    code = story.send()
    told = story.accept(code.message_id)
    story.ahead_s = 5.0
    story.ledger.redis.zadd(story.ledger.key("cascade"), {code.id: (story.ledger.time() + 2) * 1000})
    story.report(told, Status.UNDELIVERABLE)
    story.ledger.wait_cascade(code.id, story.ledger.time() + 15)

    assert story.due() == [code.id]
    assert story.look(code) == Take(1, "failed")


def test_a_cap_ends_it_and_says_so(story: Story) -> None:
    """What is known to be spent and what the next channel last cost must fit."""
    first = story.send()
    story.accept(first.message_id)
    story.ahead_s = 20.0
    story.look(first)
    story.accept(story.step(first), "0.9")
    story.ahead_s = 100.0

    enough, scarce = story.send(max_cost="4.70"), story.send(max_cost="4.69")
    for code in (enough, scarce):
        story.accept(code.message_id)
    story.ahead_s = 120.0

    assert story.look(enough) == Take(1, "waited")
    assert story.look(scarce) == End("cost")
    shown = story.shown(scarce)
    assert (shown.ended, [(ahead.channel, ahead.why) for ahead in shown.ahead]) == (
        "cost",
        [("tg", "cost"), ("call", "cost")],
    )
    assert story.counted()["tg:cost"] == 1
    story.look(scarce)
    assert len(story.shown(scarce).steps) == 1


def test_a_refused_message_costs_nothing(story: Story) -> None:
    """It leaves the whole cap to the next channel."""
    story.accept(story.send().message_id)
    code = story.send(max_cost="3.8", channels="tg:20s,sms")
    story.ledger.settle_refused(story.claim(code.message_id), 7)

    assert story.look(code) == Take(1, "failed")


def test_the_cap_holds_for_the_first_message_and_for_resends(story: Story) -> None:
    """Once a price is known; what it forbids takes no resend away."""
    story.accept(story.send(channels="sms", max_cost="0.01").message_id)  # nobody has named a price yet
    with pytest.raises(OverBudget) as raised:
        story.send(channels="sms", max_cost="3.7")
    assert (raised.value.word, raised.value.decision) == ("over_budget", "max_cost")
    code = story.send(channels="sms", max_cost="7.5")
    story.accept(code.message_id)
    story.ahead_s = 70.0
    with pytest.raises(OverBudget):
        story.smsq.otp.resend(code.id)

    assert story.shown(code).resends_left == 3
    assert len(story.shown(code).steps) == 1


def test_a_resend_is_waited_for(story: Story) -> None:
    """It keeps to the first channel, and the next one's turn comes a whole wait later."""
    code = story.send(channels="sms:90s,call")
    story.accept(code.message_id)
    story.ahead_s = 70.0
    story.accept(story.smsq.otp.resend(code.id).message_id)
    story.ahead_s = 159.0
    assert story.due() == []
    story.ahead_s = 160.0
    assert story.due() == [code.id]
    assert story.look(code) == Take(1, "waited")

    assert story.taken(code) == [("sms", "first"), ("sms", "resend"), ("call", "waited")]


def test_a_ledger_that_is_not_cleared_takes_no_step(story: Story) -> None:
    """It may have forgotten that the code was entered; the duty comes back to it."""
    code = story.send()
    story.ahead_s = 20.0
    story.ledger.redis.hset(story.ledger.key("ctl"), "fell", "1")
    story.taker.take_steps([code.id])
    with pytest.raises(LedgerHalted):
        story.ledger.next_step(code.id, 1, "tg", "waited", after=1)
    story.ledger.redis.hdel(story.ledger.key("ctl"), "fell")

    assert story.look(code) == Take(1, "waited")


def test_a_code_of_before_a_fall_goes_nowhere(story: Story) -> None:
    """The ledger may have forgotten that it was entered: its cascade ends at its next look."""
    code = story.send()
    story.ahead_s = 20.0
    story.ledger.redis.hset(story.ledger.key("ctl"), "recovered_at", int(story.ledger.time() * 1000))

    assert story.look(code) is None
    assert (story.live(), story.shown(code).ended, len(story.shown(code).steps)) == (0, "expired", 1)


def test_the_duty_hints_what_is_due(story: Story) -> None:
    """Ids alone; and nothing while nobody takes what was hinted before."""
    code = story.send()
    broker = story.runtime.broker
    broker.flush("urgent")
    duty = Cascade(story.runtime)
    duty.tick(0)
    assert broker.client.llen(f"{broker.namespace}:urgent") == 0
    story.ahead_s = 20.0
    duty.tick(0)

    (raw,) = broker.client.hvals(f"{broker.namespace}:urgent.msgs")
    told = msgspec.json.decode(raw)
    assert (told["actor_name"], told["args"]) == ("take_steps", [[code.id]])
    for _ in range(PILED_UP):
        story.runtime.hints.steps(["x"])
    story.ahead_s = 30.0
    duty.tick(0)
    assert story.due() == [code.id]


@pytest.mark.parametrize(
    ("channels", "error"),
    [
        ("", NoChannel),
        ("sms:-1s,tg", BadWait),
        ("pigeon", BadChannel),
        ("sms:20s,pigeon", BadChannel),
        ("sms:20s,sms", BadChannel),
    ],
)
def test_channels_that_cannot_be(story: Story, channels: str, error: type[BadChannel]) -> None:
    """Nothing is written."""
    with pytest.raises(error):
        story.send(channels=channels)

    assert story.live() == 0
    assert story.counted() == {}


def test_channels_may_be_a_list(story: Story) -> None:
    """As a program likes to have them."""
    code = story.send(channels=["sms:20s", "call"])

    assert story.shown(code).channels == "sms:20s,call"
    assert [ahead.channel for ahead in story.shown(code).ahead] == ["call"]
    assert story.smsq.otp.check(code.id, "-") is Verdict.WRONG


def test_the_shield_stops_a_step(story: Story) -> None:
    """A prefix that is held in the meantime gets no call; what was sent stays, and the reason is told."""
    code = story.send()
    story.accept(code.message_id)
    story.ahead_s = 20.0
    story.look(code)
    story.accept(story.step(code), "0.9")
    story.smsq.shield.hold("+7999123")
    story.ahead_s = 50.0

    assert story.look(code) == End("shield:held")
    assert (story.live(), story.taken(code)) == (0, [("sms", "first"), ("tg", "waited")])
    assert [ahead.why for ahead in story.shown(code).ahead] == ["shield:held"]
    assert story.counted()["call:shield"] == 1


def test_a_refused_code_leaves_no_cascade(story: Story) -> None:
    """An attack fills nothing, and nothing of it is looked at."""
    story.smsq.shield.hold("+7999123")
    with pytest.raises(Held):
        story.send()

    assert story.live() == 0
    assert story.counted() == {}


def test_a_refused_resend_does_not_stand_in_the_way(story: Story) -> None:
    """It has no message; the cascade goes by those that have."""
    code = story.send()
    story.accept(code.message_id)
    story.ledger.reserve_step(code.id, "token", "sms", most_resends=3)
    story.ahead_s = 20.0

    assert story.look(code) == Take(1, "waited")
    assert story.taken(code) == [("sms", "first"), ("sms", "resend"), ("tg", "waited")]


def test_a_step_is_counted_once_by_the_shield(story: Story) -> None:
    """All its channels are one code to the phone, which may have five within ten minutes; to a block they are two."""
    for _ in range(2):
        code = story.send(channels="sms:20s,tg")
        story.ledger.settle_refused(story.claim(code.message_id), 7)
        assert story.look(code) == Take(1, "failed")
    for _ in range(3):
        story.send()

    with pytest.raises(TooMany):
        story.send()


def test_a_resend_and_a_step_at_once_cost_no_more_than_allowed(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person presses "again" between the decision about the next channel and its reservation."""
    code = story.send(channels="sms:62s,call", max_cost="10")  # two messages are paid for, three are not
    story.accept(code.message_id)
    story.ahead_s = 62.0
    real, pressed = story.ledger.next_step, []

    def next_step(*words: Any, **more: Any) -> Any:
        if not pressed:
            pressed.append(story.smsq.otp.resend(code.id))
        return real(*words, **more)

    monkeypatch.setattr(story.ledger, "next_step", next_step)
    assert story.look(code) is None
    story.accept(pressed[0].message_id)
    story.ahead_s = 124.0

    assert story.look(code) == End("cost")
    assert story.taken(code) == [("sms", "first"), ("sms", "resend")]


def test_a_step_and_a_resend_at_once_cost_no_more_than_allowed(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the step comes first, and the person is told."""
    with with_settings(environ, SMSQ_CODE_COOLDOWN_S="0") as quick:
        story = Story(quick)
        code = story.send(channels="sms:62s,tg", max_cost="10")
        story.accept(code.message_id)
        story.ahead_s = 62.0
        real = story.ledger.reserve_step

        def reserve_step(*words: Any, **more: Any) -> Any:
            if len(story.shown(code).steps) == 1:
                assert story.look(code) == Take(1, "waited")
                story.accept(story.step(code))
            return real(*words, **more)

        monkeypatch.setattr(story.ledger, "reserve_step", reserve_step)
        with pytest.raises(OverBudget):
            quick.otp.resend(code.id)

        assert story.taken(code) == [("sms", "first"), ("tg", "waited")]
