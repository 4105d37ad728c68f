"""What the gateway may do with a request, and when: accept silently, in part, late, show late, answer anything.

Its promises are three times: it closes a silent line, accepts or drops what was said, and shows what it accepted, each
within its ticks. Time stands still before a promise would be broken; everything inside may happen in any order.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.promises.model.states import (
    ALL,
    CONCLUSIVE,
    DUPLICATE,
    FLYING,
    LATER,
    NO,
    NO_CONTROL,
    NO_WHO,
    NOBODY,
    OLDER,
    OVER,
    PART,
    SILENCE,
    UNSAID,
    WAITS,
    Attempt,
    State,
    World,
)


def arrives(a: Attempt, world: World) -> Iterator[tuple[str, Attempt]]:
    """A request is accepted or not, and answered or not. Of a letter the gateway says nothing, only the mail server."""
    full = a.carried
    if world.is_letter(a.mirror):
        part = full
        while part:
            yield "a letter arrives", a._replace(phase=OVER, timer=0, accepted=part, answer=SILENCE)
            part = (part - 1) & full
        yield "a letter is lost", a._replace(phase=OVER, timer=0, answer=SILENCE)
        if a.holder == WAITS:
            yield "the mail server refuses the letter", a._replace(phase=OVER, timer=0, answer=NO)
        return
    part = full
    while part:
        # An acceptance is answered truly, in silence (a lost answer, HTML, a 5xx), or as a duplicate of itself.
        for answer in (ALL if part == full else PART, SILENCE, DUPLICATE):
            if answer == SILENCE or a.holder == WAITS:
                yield ACCEPTS[answer], a._replace(phase=OVER, timer=0, accepted=part, answer=answer)
        part = (part - 1) & full
    for answer in (SILENCE, NO, LATER, DUPLICATE, NO_WHO):
        if answer == SILENCE or (a.holder == WAITS and (answer != NO_WHO or full & (full - 1))):
            yield TURNS_AWAY[answer], a._replace(phase=OVER, timer=0, answer=answer)


ACCEPTS = {
    ALL: "gateway accepts all and says so",
    PART: "gateway accepts a part, and its count shows it",
    SILENCE: "gateway accepts, and the answer is lost",
    DUPLICATE: "gateway accepts, and answers that it is a duplicate",
}
TURNS_AWAY = {
    SILENCE: "gateway drops the request",
    NO: "gateway refuses",
    LATER: "gateway says: later",
    DUPLICATE: "gateway accepts nothing and answers that it is a duplicate",
    NO_WHO: "gateway refuses one number, and not which",
}


def tidy(attempts: tuple[Attempt, ...], everywhere: int) -> tuple[Attempt, ...]:
    """Leave out what can no longer matter, so that states which differ in nothing else are one."""
    kept = []
    for a in attempts:
        if a.holder == NOBODY:
            if a.phase == UNSAID or (a.phase == OVER and not a.accepted):
                continue
            if a.answer or a.fence:
                a = a._replace(answer=SILENCE, fence=0)
        if a.timer and a.phase == OVER and (not a.accepted or a.shown == everywhere):
            a = a._replace(timer=0)
        kept.append(a)
    return tuple(kept)


def tick(s: State, world: World) -> State | None:
    """One tick later, or None while a promise is due."""
    attempts = []
    for a in s.attempts:
        if a.phase == FLYING:
            if not world.is_letter(a.mirror):
                if a.timer >= world.arrival:
                    return None
                a = a._replace(timer=a.timer + 1)
        elif a.phase == OVER and a.accepted and not a.shown & _first_to_show(a, world):
            # A view that stands still for no longer than a window hides it for so much longer.
            most = world.visible + (world.window if s.frozen >> a.mirror & 1 else 0)
            if a.timer >= most:
                return None
            a = a._replace(timer=a.timer + 1)
        elif a.phase == UNSAID and a.timer <= world.close:
            a = a._replace(timer=a.timer + 1)
        attempts.append(a)
    known = min(s.known + 1, world.cap + 1) if s.known else 0
    return s._replace(attempts=tuple(attempts), age=min(s.age + 1, world.cap), known=known)


def _first_to_show(a: Attempt, world: World) -> int:
    """The mirror that carried it; of a letter all that can be asked."""
    return world.everywhere if world.is_letter(a.mirror) else 1 << a.mirror


def is_line_open(a: Attempt, world: World) -> bool:
    """The gateway has not closed the silent line yet."""
    return a.timer <= world.close


def shows(s: State, world: World) -> Iterator[tuple[str, State]]:
    """Accepted messages become visible, mirrors stand still and go on, controls are shown."""
    for place, a in enumerate(s.attempts):
        if a.phase == OVER and a.accepted:
            for mirror in range(world.mirrors):
                is_known = world.is_letter(mirror) or a.shown >> mirror & 1
                if not is_known and not s.frozen >> mirror & 1:
                    shown = a._replace(shown=a.shown | 1 << mirror)
                    yield (
                        f"mirror {mirror} shows id {a.gid}",
                        s._replace(attempts=(*s.attempts[:place], shown, *s.attempts[place + 1 :])),
                    )
    if world.views and s.claims:
        for mirror in range(world.mirrors):
            yield from _views(s, world, mirror)


def _views(s: State, world: World, mirror: int) -> Iterator[tuple[str, State]]:
    bit = 1 << mirror
    jumps, orders, freezes = s.budgets
    if s.frozen & bit:
        # It stood still for a window at most, and then shows what was hidden for so long in one stroke.
        over = s._replace(frozen=s.frozen & ~bit)
        for place, a in enumerate(over.attempts):
            if a.phase == OVER and a.accepted and a.mirror == mirror and a.timer > world.visible:
                shown = a._replace(shown=a.shown | bit)
                over = over._replace(attempts=(*over.attempts[:place], shown, *over.attempts[place + 1 :]))
        yield f"mirror {mirror} goes on", over
        return
    if freezes:
        yield (
            f"mirror {mirror} stands still",
            s._replace(frozen=s.frozen | bit, budgets=(jumps, orders, freezes - 1)),
        )
    if s.controls[mirror] == NO_CONTROL:
        yield f"mirror {mirror} shows an older control", _control(s, mirror, OLDER)
    if s.controls[mirror] == OLDER and s.claims and s.age > world.close + world.arrival:
        # Accepted after the newest attempt could still have arrived; a mirror shows its own in their order.
        attempts = tuple(
            a._replace(shown=a.shown | bit) if a.phase == OVER and a.accepted and a.mirror == mirror else a
            for a in s.attempts
        )
        yield f"mirror {mirror} shows a conclusive control", _control(s, mirror, CONCLUSIVE)._replace(attempts=attempts)


def _control(s: State, mirror: int, control: int) -> State:
    return s._replace(controls=(*s.controls[:mirror], control, *s.controls[mirror + 1 :]))
