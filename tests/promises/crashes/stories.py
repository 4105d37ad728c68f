"""What is going on while faults strike: each story is a few lines, and what may become of its messages.

A story begins after a control message was accepted, since absence is trusted only beside a control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from smsq.worker.domain.campaign import OVER
from smsq.worker.domain.errors import LedgerTrouble, SmsqError
from smsq.worker.sandbox.profile import Profile
from tests.promises.crashes import turns
from tests.promises.crashes.world import World

CONTROL = 79991110000
ONE = 79990000000
NINE = [ONE + n for n in range(9)]
THREE = NINE[:3]
DEAD = "7999666"
WITH_A_DEAD_ONE = [ONE, int(DEAD + "0001"), ONE + 2]
PLAIN = Profile(deliver_after_s=(1.0, 3.0), duplicate_window_s=0.0)  # the guard is a mercy that hides doubles
DONE = frozenset({"delivered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`tell` sets events going; `ends` are the statuses in which a phone's message may end."""

    name: str
    tell: Callable[[World], None]
    ends: Mapping[int, frozenset[str]] = field(default_factory=dict)
    profile: Profile = PLAIN
    turns: AbstractSet[str] = frozenset()  # that its faults must lead to
    copies: int = 1  # how often a message may be accepted, as its sender chose

    def ends_of(self, phone: int) -> frozenset[str]:
        return self.ends.get(phone, DONE)


def send(world: World, phone: int = ONE, *, key: str | None = "order-1", **options: Any) -> None:
    """A program sends one message; with a key it repeats a call that failed."""

    def act(smsq: Any) -> list[int]:
        smsq.send(phone, f"Your code is {phone % 10000}", key=key, **options)
        return [phone]

    world.produce(act, again=key is not None)


def code(world: World) -> None:
    """A program sends a one-time code that lives longer than the window, and again where the call failed."""

    def act(smsq: Any) -> list[int]:
        smsq.otp.send(ONE, key="code-1", ttl=1800)
        return [ONE]

    world.produce(act)


def campaign(world: World, phones: list[int], text: str = "Hello", **how: Any) -> None:
    """A program runs a campaign, and runs it again where the call failed."""
    rows = [{"phone": f"+{phone}", "name": f"N{phone % 100}"} for phone in phones]

    def act(smsq: Any) -> list[int]:
        smsq.campaigns.run(rows, text=text, name="spring", **how)
        return phones

    world.produce(act)


def control(world: World, verb: str) -> None:
    """A person pauses, resumes or cancels every campaign, again where the call failed."""

    def act(smsq: Any) -> list[int]:
        for each in smsq.campaigns.list():
            try:
                if each.state not in OVER:
                    getattr(smsq.campaigns, verb)(each.id)
            except LedgerTrouble:
                raise
            except SmsqError:  # it ended after it was listed
                if smsq.campaigns.show(each.id).state not in OVER:
                    raise
        return []

    world.produce(act)


def _single(world: World) -> None:
    send(world)


def _bulk_single(world: World) -> None:
    send(world, key=None, lane="bulk")


def _campaign(world: World) -> None:
    campaign(world, NINE)


def _personal(world: World) -> None:
    campaign(world, NINE[:6], "Hello {name}")


def _struck(kind: str, tell: Callable[[World], None], **how: Any) -> Callable[[World], None]:
    """The same story with a misfortune waiting for its first send."""

    def struck(world: World) -> None:
        world.far.misfortune(kind, **how)
        tell(world)

    return struck


def _three(world: World) -> None:
    campaign(world, THREE)


def _callbacks(tell: Callable[[World], None]) -> Callable[[World], None]:
    def told(world: World) -> None:
        world.far.calls_back = True
        tell(world)

    return told


def _going_on(tell: Callable[[World], None]) -> Callable[[World], None]:
    """The same with workers who claim the next batch by themselves."""

    def told(world: World) -> None:
        world.leave_hints_out()
        tell(world)

    return told


def _corrected(world: World) -> None:
    """A file is corrected and run again: who was told already is left out, whatever became of the first command."""
    campaign(world, THREE, only_new=True)
    campaign(world, NINE[:6], only_new=True)


def _one_dead(world: World) -> None:
    campaign(world, WITH_A_DEAD_ONE)


def _no_money(world: World) -> None:
    account = world.far.account
    kept, account.balance = account.balance, 0

    def top_up() -> None:
        account.balance = kept

    world.after(10.0, top_up)
    campaign(world, THREE)


def _cancelled(world: World) -> None:
    world.far.misfortune("error_502")
    world.after(20.0, lambda: control(world, "cancel"))
    campaign(world, NINE[:6])


def _cancelled_unsent(world: World) -> None:
    """Nothing of it can leave, so the wind-up ends all of it."""
    world.far.down.update(world.settings.mirrors)
    world.after(5.0, lambda: control(world, "cancel"))
    world.after(60.0, world.far.down.clear)
    campaign(world, NINE[:6])


def _paused(world: World) -> None:
    world.far.misfortune("lose_answer")
    world.far.misfortune("error_502")
    world.after(2.0, lambda: control(world, "pause"))
    world.after(700.0, lambda: control(world, "resume"))
    campaign(world, NINE[:6])


def _late(world: World) -> None:
    world.far.misfortune("error_502")
    send(world, deadline_s=60.0)


def _late_but_accepted(world: World) -> None:
    world.far.misfortune("lose_answer")
    world.far.misfortune("invisible", seconds=50.0)
    send(world, deadline_s=20.0)


def _parked(world: World) -> None:
    world.far.misfortune("error_502")
    send(world, on_doubt="park")


def _sent_again(world: World) -> None:
    world.far.misfortune("error_502")
    send(world, on_doubt="resend", deadline_s=900.0)


def _sent_again_unseen(world: World) -> None:
    world.far.misfortune("lose_answer")
    world.far.mind.statuses.lags.update({1: 120.0, 2: 120.0})
    send(world, on_doubt="resend", deadline_s=900.0)


def _mirror_down(world: World) -> None:
    mirror = world.settings.mirrors[0]
    world.far.down.add(mirror)
    world.after(30.0, lambda: world.far.down.discard(mirror))
    campaign(world, NINE[:6])


def _history(world: World) -> None:
    world.wants_history = True
    world.far.misfortune("lose_answer", times=2)
    campaign(world, NINE)


def _mass_ask(world: World) -> None:
    world.far.misfortune("lose_answer")
    world.far.misfortune("error_502", command="status")
    campaign(world, THREE)


def _invisible(world: World) -> None:
    world.far.mind.statuses.lags[2] = 40.0
    world.far.misfortune("invisible", seconds=15.0)
    send(world)


def _partly(world: World) -> None:
    world.far.takes_only = 2
    campaign(world, THREE)


def _alone_and_lost(world: World) -> None:
    world.after(300.0, lambda: world.far.misfortune("lose_answer"))
    campaign(world, WITH_A_DEAD_ONE)


def _bad_login(world: World) -> None:
    world.far.misfortune("bad_login")

    def somebody_looks(kind: str) -> None:
        for seconds in (5, *range(60, 1801, 60)):
            world.after(seconds, world.ledger.login_works)

    world.far.when_struck = somebody_looks
    campaign(world, THREE)


READY, SETTLED, PARKED = turns.TO_READY, turns.TO_SETTLED, turns.TO_PARKED
STALE, SECOND, LATE = turns.STALE_SETTLE, turns.SECOND_CLAIM, turns.LATE_ACCEPTANCE
USUAL = frozenset({READY, SETTLED, STALE, SECOND, LATE, turns.ROLL_CALL})
CANCELLED = frozenset({"delivered", "cancelled"})
LATE_OR_NOT = {ONE: frozenset({"delivered", "late"})}

STORIES = {
    story.name: story
    for story in (
        Story(name="single", tell=_single, turns=USUAL),
        Story(name="single_without_key", tell=_bulk_single, turns={SETTLED, STALE, SECOND, LATE}),
        Story(name="campaign", tell=_campaign, turns={SETTLED, STALE, SECOND, LATE}),
        Story(name="text_per_person", tell=_personal, turns={SETTLED, STALE, SECOND, LATE}),
        Story(name="corrected", tell=_corrected, turns={SETTLED, STALE, SECOND, LATE}),
        Story(name="lost_answer", tell=_struck("lose_answer", _single), turns={SETTLED}),
        Story(name="silent_gateway", tell=_struck("hang", _three), turns={SETTLED}),
        Story(name="broken_gateway", tell=_struck("error_502", _three), turns={READY}),
        Story(name="accepted_502", tell=_struck("accepted_502", _three), turns={SETTLED}),
        Story(name="wrong_id", tell=_struck("wrong_id", _single), turns={SETTLED}),
        Story(name="in_part", tell=_struck("short_count", _three), turns={SETTLED}),
        Story(
            name="refused_who",
            tell=_one_dead,
            profile=replace(PLAIN, dead_prefixes=(DEAD,), is_strict=True),
            ends={WITH_A_DEAD_ONE[1]: frozenset({"refused"})},
            turns={READY},
        ),
        Story(
            name="alone_and_lost",
            tell=_alone_and_lost,
            profile=replace(PLAIN, dead_prefixes=(DEAD,), is_strict=True),
            ends={WITH_A_DEAD_ONE[1]: frozenset({"refused"})},
            turns={READY},
        ),
        Story(name="bad_login", tell=_bad_login, turns={SECOND}),
        Story(name="partly_accepted", tell=_partly, turns={READY}),
        Story(name="no_money", tell=_no_money, turns={READY}),
        Story(name="concurrent", tell=_struck("concurrent", _three), turns={SECOND}),
        Story(name="duplicate", tell=_struck("duplicate", _single), turns={READY}),
        Story(name="accepted_duplicate", tell=_struck("accepted_duplicate", _single), turns={SETTLED}),
        Story(name="late_acceptance", tell=_struck("late", _single, seconds=110.0), turns={SETTLED, LATE}),
        Story(name="late_visibility", tell=_struck("lose_answer", _invisible), turns={SETTLED}),
        Story(name="callbacks", tell=_callbacks(_campaign), turns={SETTLED, STALE, SECOND, LATE}),
        Story(name="early_callback", tell=_callbacks(_struck("early_callback", _three)), turns={SECOND}),
        Story(name="cancelled", tell=_cancelled, ends=dict.fromkeys(NINE, CANCELLED), turns={SETTLED}),
        Story(name="cancelled_unsent", tell=_cancelled_unsent, ends=dict.fromkeys(NINE, CANCELLED)),
        Story(name="paused", tell=_paused, turns={SETTLED}),
        Story(name="late", tell=_late, ends={ONE: frozenset({"delivered", "late"})}, turns={SETTLED}),
        Story(name="late_but_accepted", tell=_late_but_accepted, ends={ONE: frozenset({"delivered", "late"})}),
        Story(name="parked", tell=_parked, ends={ONE: frozenset({"delivered", "parked"})}, turns={PARKED}),
        Story(name="sent_again", tell=_sent_again, ends=LATE_OR_NOT, turns={READY}, copies=2),
        Story(name="sent_again_unseen", tell=_sent_again_unseen, ends=LATE_OR_NOT, turns={READY}, copies=2),
        Story(name="code", tell=_struck("lose_answer", code), turns={SETTLED}, ends=LATE_OR_NOT),
        Story(name="code_that_never_arrived", tell=_struck("error_502", code), ends=LATE_OR_NOT, turns={SETTLED}),
        Story(name="mirror_down", tell=_mirror_down, turns={SECOND}),
        Story(name="history", tell=_history, turns={SETTLED}),
        Story(name="broken_asks", tell=_mass_ask, turns={SETTLED}),
        Story(name="going_on", tell=_going_on(_campaign), turns={SETTLED, LATE}),
        Story(name="going_on_lost_answer", tell=_going_on(_struck("lose_answer", _campaign)), turns={SETTLED}),
        Story(name="going_on_paused", tell=_going_on(_paused), turns={SETTLED}),
    )
}
