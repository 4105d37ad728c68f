"""Walks every state of a world, breadth first, and says which promise broke, with the shortest story that breaks it.

Of a visited state only its hash is kept, sixty-four bits of it: two of a million states fall together once in
thirty million walks. The states themselves live only at the front.
"""

from __future__ import annotations

import gc
from array import array
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

S = TypeVar("S", bound=Hashable)


class Walked(Protocol[S]):
    """What can be walked."""

    def first(self) -> S: ...
    def steps(self, s: S) -> list[tuple[str, S]]: ...
    def broken(self, s: S) -> str: ...
    def worse(self, s: S, t: S) -> str: ...
    def is_end(self, s: S) -> bool: ...
    def tell(self, s: S) -> str: ...


@dataclass
class Walk:
    """What a walk found."""

    states: int = 0
    steps: int = 0
    broken: str = ""
    story: list[str] = field(default_factory=list)
    ends: int = 0

    def __str__(self) -> str:
        head = f"{self.states:,} states, {self.steps:,} steps, {self.ends:,} ends"
        if not self.broken:
            return head
        lines = [f"{number:3d}. {line}" for number, line in enumerate(self.story)]
        return "\n".join([f"{self.broken} ({head})", *lines])


def walk(model: Walked[S], *, most: int = 20_000_000) -> Walk:
    """Explore everything; stops at the first promise that is broken. Liveness is judged at the end."""
    gc.disable()  # nothing here refers to itself, and looking for it takes half of the time
    try:
        return _walk(model, most)
    finally:
        gc.enable()


def _walk(model: Walked[S], most: int) -> Walk:
    found = Walk()
    first = model.first()
    index = {hash(first): 0}
    parents, marks = array("I", [0]), array("q", [hash(first)])
    sources, targets, ends = array("I"), array("I"), bytearray()
    front = deque([first])
    here = -1
    while front:
        s = front.popleft()
        here += 1
        ends.append(model.is_end(s))
        for what, t in model.steps(s):
            found.steps += 1
            mark = hash(t)
            there = index.get(mark)
            broken = model.worse(s, t)
            if there is None:
                there = index[mark] = len(parents)
                parents.append(here)
                marks.append(mark)
                front.append(t)
                broken = broken or model.broken(t)
            sources.append(here)
            targets.append(there)
            if broken:
                found.states, found.broken = len(parents), broken
                found.story = [*_story(model, parents, marks, here), f"{what}: {model.tell(t)}"]
                return found
        if len(parents) > most:
            raise AssertionError(f"more than {most:,} states")
    found.states, found.ends = len(parents), sum(ends)
    stuck = _stuck(len(parents), sources, targets, ends)
    if stuck is not None:
        found.broken, found.story = "stuck: no end can be reached", _story(model, parents, marks, stuck)
    return found


def _stuck(many: int, sources: array[int], targets: array[int], ends: bytearray) -> int | None:
    """The first state from which no end can be reached, going backwards from all ends."""
    starts = array("I", bytes(4 * (many + 1)))
    for target in targets:
        starts[target + 1] += 1
    for place in range(many):
        starts[place + 1] += starts[place]
    fill = array("I", starts)
    before = array("I", bytes(4 * len(sources)))
    for source, target in zip(sources, targets, strict=True):
        before[fill[target]] = source
        fill[target] += 1
    reached = bytearray(ends)
    todo = [place for place in range(many) if ends[place]]
    while todo:
        place = todo.pop()
        for source in before[starts[place] : starts[place + 1]]:
            if not reached[source]:
                reached[source] = 1
                todo.append(source)
    return reached.index(0) if 0 in reached else None


def _story(model: Walked[S], parents: array[int], marks: array[int], place: int) -> list[str]:
    """The shortest way from the beginning to a state, walked again by its hashes."""
    way = [place]
    while way[-1]:
        way.append(parents[way[-1]])
    s = model.first()
    story = [f"the beginning: {model.tell(s)}"]
    for place in reversed(way[:-1]):
        what, s = next((what, t) for what, t in model.steps(s) if hash(t) == marks[place])
        story.append(f"{what}: {model.tell(s)}")
    return story
