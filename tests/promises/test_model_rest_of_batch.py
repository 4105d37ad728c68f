"""A model of the rule that a batch is never split: the rest of it is claimed again under the same number.

Explores every interleaving of one batch of two phones: claims, crashes, lost answers, partial and late
acceptance, callbacks, stale answers and probes. The safety of the rule hangs on three things, and leaving
any of them out must be caught: only undecided phones are claimed again, absence is proved for every phone
under every open id that carried it, and an id speaks only for the phones it carried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

PHONES = (0, 1)
MOST_ATTEMPTS = 3
Set = frozenset[int]
NONE: Set = frozenset()


@dataclass(frozen=True)
class Attempt:
    """One request: what it carried, whether it may still arrive, what was accepted of it."""

    carried: Set
    in_flight: bool = True
    accepted: Set = NONE
    window_over: bool = False  # only once it can no longer arrive
    id_open: bool = True


@dataclass(frozen=True)
class World:
    """The batch as the ledger has it, and every attempt as the gateway has it."""

    state: str = "ready"
    verdicts: tuple[tuple[int, int], ...] = ()  # phone, attempt under which it was proved
    attempts: tuple[Attempt, ...] = ()

    @property
    def undecided(self) -> Set:
        return frozenset(PHONES) - {phone for phone, _ in self.verdicts}


def learn(world: World, phone: int, place: int) -> World:
    """Merge one fact; a found phone does not end `sending`."""
    if phone in world.undecided:
        world = replace(world, verdicts=(*world.verdicts, (phone, place)))
    if not world.undecided and world.state in ("ready", "doubtful"):
        world = replace(world, state="settled")
    return world


def attempt_changed(world: World, place: int, **changes: object) -> World:
    attempts = list(world.attempts)
    attempts[place] = replace(attempts[place], **changes)  # type: ignore[arg-type]
    return replace(world, attempts=tuple(attempts))


def subsets(of: Set) -> Iterator[Set]:
    members = sorted(of)
    for mask in range(2 ** len(members)):
        yield frozenset(phone for bit, phone in enumerate(members) if mask >> bit & 1)


def moves(world: World, mutation: str) -> Iterator[World]:
    """Every next world."""
    yield from ledger_moves(world, mutation)
    for place, attempt in enumerate(world.attempts):
        if attempt.in_flight:
            for accepted in subsets(attempt.carried):
                yield attempt_changed(world, place, in_flight=False, accepted=accepted)
        elif not attempt.window_over:
            yield attempt_changed(world, place, window_over=True)
        for phone in attempt.accepted:  # a callback, a history page, a stale answer: at any time, from anyone
            yield learn(world, phone, place)


def ledger_moves(world: World, mutation: str) -> Iterator[World]:
    if world.state == "ready" and world.undecided and len(world.attempts) < MOST_ATTEMPTS:
        carried = frozenset(PHONES) if mutation == "claims decided phones again" else world.undecided
        yield replace(world, state="sending", attempts=(*world.attempts, Attempt(carried)))
    if world.state == "sending":
        yield learn(replace(world, state="doubtful"), -1, 0)  # the answer was lost, or the worker died
        newest = world.attempts[-1]
        if not newest.in_flight and newest.accepted == newest.carried:  # a full answer
            settled = replace(world, state="doubtful")
            for phone in newest.accepted:
                settled = learn(settled, phone, len(world.attempts) - 1)
            yield attempt_changed(settled, len(world.attempts) - 1, id_open=False)
    if world.state == "doubtful":
        yield from probes(world, mutation)


def probes(world: World, mutation: str) -> Iterator[World]:
    """Trusted absence: asked after the window of the newest attempt, for every phone under every open id."""
    newest = world.attempts[-1]
    if not newest.window_over:
        return
    pairs = [
        (phone, place)
        for place, attempt in enumerate(world.attempts)
        if attempt.id_open
        for phone in world.undecided
        if phone in attempt.carried
    ]
    if mutation == "asks about one phone only":
        pairs = [pair for pair in pairs if pair[0] == min(world.undecided)]
    if mutation == "asks under the newest id only":
        pairs = [pair for pair in pairs if pair[1] == len(world.attempts) - 1]
    found = [(phone, place) for phone, place in pairs if phone in world.attempts[place].accepted]
    for phone, place in found:
        world = learn(world, phone, place)
    if not found and world.undecided:
        attempts = tuple(replace(attempt, id_open=False) for attempt in world.attempts)
        yield replace(world, state="ready", attempts=attempts)
    else:
        yield world


def explore(mutation: str = "") -> tuple[int, set[str]]:
    """How many states there are, and which promises broke."""
    broken: set[str] = set()
    start = World()
    seen = {start}
    edges: dict[World, list[World]] = {}
    front = [start]
    while front:
        world = front.pop()
        for phone in PHONES:
            times = sum(phone in attempt.accepted for attempt in world.attempts)
            if times > 1:
                broken.add("doubled")
        if any(phone not in world.attempts[place].accepted for phone, place in world.verdicts):
            broken.add("reported accepted, never was")
        edges[world] = list(moves(world, mutation))
        for after in edges[world]:
            if after not in seen:
                seen.add(after)
                front.append(after)
    if stuck(edges):
        broken.add("stuck")
    return len(seen), broken


def stuck(edges: dict[World, list[World]]) -> bool:
    """Whether some state cannot reach an end: settled, or out of the model's attempts."""
    before: dict[World, list[World]] = {}
    for world, afters in edges.items():
        for after in afters:
            before.setdefault(after, []).append(world)
    ends = [w for w in edges if w.state == "settled" or (w.state == "ready" and len(w.attempts) == MOST_ATTEMPTS)]
    reached = set(ends)
    while ends:
        for world in before.get(ends.pop(), ()):
            if world not in reached:
                reached.add(world)
                ends.append(world)
    return len(reached) < len(edges)


def test_the_rest_of_a_batch_is_safe_to_claim_again() -> None:
    """Every interleaving: nothing doubled, nothing reported that was not, nothing stuck."""
    states, broken = explore()

    assert broken == set()
    assert states > 200  # the walk really went somewhere


@pytest.mark.parametrize("mutation", ["claims decided phones again", "asks about one phone only"])
def test_leaving_a_safeguard_out_is_caught(mutation: str) -> None:
    """Each is needed."""
    _, broken = explore(mutation)

    assert "doubled" in broken
