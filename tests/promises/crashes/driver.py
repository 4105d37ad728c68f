"""Runs stories: undisturbed to count their boundaries, then once for each thing that can strike at each of them."""

from __future__ import annotations

import itertools
import logging
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import redis

from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.login import Login
from smsq.worker.ledger import Claim, NewMessage
from smsq.worker.redis_client import connect
from smsq.worker.settings import Settings
from tests.promises.crashes import turns
from tests.promises.crashes.faults import Schedule, possible, written
from tests.promises.crashes.gateway import CALLBACK_SECRET
from tests.promises.crashes.stories import CONTROL, STORIES, Story
from tests.promises.crashes.verdict import judge
from tests.promises.crashes.wire import load_scripts
from tests.promises.crashes.world import Stuck, World

BEGAN_MS = int(time.time()) * 1000  # history is asked for by the day, so held time begins today
ENVIRON = {
    "SMSQ_LOGIN": "demo",
    "SMSQ_PASSWORD": "demo",
    "SMSQ_SECRET_KEY": "0" * 64,
    "SMSQ_MIRRORS": "http://one,http://two",
    "SMSQ_BATCH_SIZE": "3",
    "SMSQ_CALLBACK_SECRET": CALLBACK_SECRET,
}
HEART = tuple(
    f"worker: {call}" for call in ("claim", "claim_next", "say send", "settle", "doubt")
)  # struck by everything in every story
TURNS_AGAIN = 3  # faults at a site that an earlier story has been struck at by all of them


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    trace: list[str]
    hits: list[int]
    turns: set[str]
    problems: list[str]


class Driver:
    """One server, one folder; each run begins with an empty ledger and a fresh home.

    `is_sparse` as in `World`: nearly every question is asked once, which makes the runs half as long.
    """

    def __init__(self, url: str, folder: Path, *, is_sparse: bool = False) -> None:
        self.client: redis.Redis = connect(url)
        self.turns: set[str] = set()
        self.runs = 0
        self._url, self._folder, self._is_sparse = url, folder, is_sparse
        self._homes = itertools.count()
        self._settings = Settings.load({**ENVIRON, "SMSQ_HOME": str(folder), "SMSQ_REDIS_URL": url})
        self._undisturbed: dict[str, list[str]] = {}
        load_scripts(self.client)

    def run(self, story: Story, schedule: Schedule, diary: list[str] | None = None) -> Outcome:
        """One run."""
        self.runs += 1
        home = self._folder / str(next(self._homes))
        world = World(
            self.client,
            msgspec.structs.replace(self._settings, home=home),
            story.profile,
            schedule,
            BEGAN_MS,
            is_sparse=self._is_sparse,
        )
        try:
            _send_control(world)
            world.diary = diary
            world.arm()
            problems = self._tell(world, story)
            world.turns.end(world.ledger)
            if world.far.arrived_late:
                world.turns.seen.add(turns.LATE_ACCEPTANCE)
            self.turns |= world.turns.seen
            return Outcome(world.trace, world.hits, world.turns.seen, problems)
        finally:
            world.close()
            shutil.rmtree(home, ignore_errors=True)

    def _tell(self, world: World, story: Story) -> list[str]:
        try:
            story.tell(world)
            world.run_out()
        except Stuck as stuck:
            return [str(stuck)]
        return judge(world, story)

    def boundaries(self, story: Story) -> list[str]:
        """The boundaries of a story that nothing disturbs."""
        if story.name not in self._undisturbed:
            outcome = self.run(story, {})
            assert not outcome.problems, complaint(story, {}, outcome)
            self._undisturbed[story.name] = outcome.trace
        return self._undisturbed[story.name]

    def singles(self, story: Story) -> list[Schedule]:
        """What strikes once. No boundary is left out, and every site (a call and the one before it) meets everything.

        The first story of the table that comes to a site meets it all there, a later one a few of it, and each
        further visit (the sixth look at the same doubt) one, in turn; around a send every story meets everything.
        """
        visits: dict[tuple[str, str], int] = {}
        for earlier in itertools.takewhile(lambda each: each is not story, STORIES.values()):
            for site in _sites(self.boundaries(earlier)):
                visits[site] = visits.get(site, 0) + 1
        found: list[Schedule] = []
        here: set[tuple[str, str]] = set()
        for place, site in enumerate(_sites(self.boundaries(story))):
            visit = visits[site] = visits.get(site, 0) + 1
            faults = possible(site[1])
            turn = (visit * TURNS_AGAIN) % len(faults)
            is_first = visit == 1 or (site not in here and site[1] in HEART)
            many = len(faults) if is_first else 1 if site in here else TURNS_AGAIN
            found += [{place: fault} for fault in (faults[turn:] + faults[:turn])[:many]]
            here.add(site)
        return found

    def check(self, story: Story, schedule: Schedule) -> Outcome:
        """Run and judge; the first fault must have struck where the undisturbed run has that boundary."""
        outcome = self.run(story, schedule)
        first = min(schedule)
        expected = self.boundaries(story)
        said = complaint(story, schedule, outcome, is_sparse=self._is_sparse)
        assert first in outcome.hits, f"boundary {first} was never hit: {said}"
        assert outcome.trace[: first + 1] == expected[: first + 1], f"other boundaries than undisturbed: {said}"
        assert not outcome.problems, said
        return outcome

    def pair(self, story: Story, seed: int) -> bool:
        """Two faults by seed, the second at some boundary behind the first; whether both struck."""
        draw = random.Random(f"{story.name}/{seed}")
        trace = self.boundaries(story)
        first = draw.randrange(len(trace))
        second = first + 1 + min(int(draw.expovariate(1 / 8)), 80)
        schedule = {first: draw.choice(possible(trace[first])), second: draw.choice(possible(""))}
        return len(self.check(story, schedule).hits) == 2


def complaint(story: Story, schedule: Schedule, outcome: Outcome, *, is_sparse: bool = False) -> str:
    """What went wrong, where, and how to see it again."""
    struck = [f"{place} ({_name(outcome.trace, place)}): {fault}" for place, fault in sorted(schedule.items())]
    lines = [f"story {story.name}, struck at " + ("; ".join(struck) or "nothing"), *outcome.problems]
    words = ["python -m tests.promises.crashes", *(["--sparse"] if is_sparse else []), story.name, written(schedule)]
    lines.append(f"again, alone, with every step: {' '.join(words)}")
    return "\n  ".join(lines)


def _send_control(world: World) -> None:
    """Have a message accepted and delivered, long enough ago to be visible, so that absence can be trusted."""
    ledger, settings = world.ledger, world.settings
    enrolled = ledger.enrol(NewMessage(CONTROL, "control"))
    claim = ledger.claim(
        Ref(MessageId.parse(enrolled.id).batch), "n", owner="control", mirror=settings.mirrors[0], lease_s=45.0,
        parallel=10, urgent_slots=3, slot_kept_s=75.0, credentials="",
    )  # fmt: skip
    assert isinstance(claim, Claim)
    world.far.take(client_forms.send_same(Login("demo", "demo"), claim.gateway_id, [CONTROL], "control", Options()))
    ledger.settle_accepted(claim, 1, None, 5.0)
    world.pass_time(4.0)
    ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=CONTROL, status=Status.DELIVERED)])
    world.pass_time(70.0)


def _sites(trace: list[str]) -> Iterator[tuple[str, str]]:
    """Each boundary with the one before it, whichever process of a kind it was."""
    before = ""
    for name in trace:
        process, _, call = name.partition(": ")
        name = f"{process.rstrip('12')}: {call}"
        yield before, name
        before = name


def _name(trace: list[str], place: int) -> str:
    return trace[place] if place < len(trace) else "never reached"


def sample(driver: Driver, many: int, seed: int) -> Iterator[tuple[Story, Schedule]]:
    """A fair sample of single faults: as many of each story, without repetition."""
    draw = random.Random(seed)
    for story in STORIES.values():
        singles = driver.singles(story)
        for schedule in draw.sample(singles, min(many, len(singles))):
            yield story, schedule


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of lost replies are no news."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
