"""Settle doubt: ask about a batch under every open id. A phone that is found is proved; absence needs more.

"Not found" is trusted only if it was asked after the window, by Redis' clock and by this process' own, on the mirror
that carried the newest attempt and on one other that is up, and if each of them showed a control: a message known to
be accepted. The script `probe.lua` has the last word.

A list of history (`questions/lists.py`) proves the absence of many messages at once. What a list cannot prove is asked
about singly, a few at a time, or by a question for many. The gateway allows one such question a minute; a batch that
would have to wait for it is put off.

What left as a letter may wait in a mail server's queue for hours, so it is never sent again by itself: if the gateway
does not show it after the window, the batch is parked, and still watched.

If the sender accepts a second copy (`on_doubt` resend), one leaves before that: once, after the gateway's minute, if
a question put just then shows nothing. The questions about both copies go on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from smsq.worker.actors.simulation import Simulation, is_simulated
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.guard import POISON_DEATHS, may_be_held_back
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.status import BatchState, IdState
from smsq.worker.domain.window import Window
from smsq.worker.ledger.batches.asking import Probe
from smsq.worker.ledger.values import BatchView
from smsq.worker.questions import Pair
from smsq.worker.questions.absence import SINGLES_MOST, AbsenceAsker
from smsq.worker.questions.asker import Asker
from smsq.worker.questions.lists import Listing, Lists, NotListed
from smsq.worker.questions.pairs import by_id, doubtful_pairs, is_said, unproved_pairs
from smsq.worker.questions.said import SaidAsker
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

RESEND_AFTER_S = 1.0  # past the gateway's minute, in which it may refuse the same text to the same phone (error 9)
RESEND_LOOK_S = 3.0  # until the next question, if a second copy is due and the last question had no answer
LONGEST_STEP_S = 3600.0
PATIENCE_S = 72 * 3600.0  # after that an operator decides
BLIND_PATIENCE_S = 24 * 3600.0  # the same if there never was a control to compare with
INCOMPLETE_AGAIN_S = 60.0  # at most until the next try if a mirror, a control or a permit was missing
VAIN_WINDOWS = 3  # after that an operator decides about messages whose comments the gateway does not show
JUST_AFTER_S = 0.5
LIST_AGAIN_S = 5.0  # at most until the next look, if another thread is reading a list
GATHER_S = 5.0  # at most, past the window: then one list serves also the doubts that began a moment later
LISTED_WINDOWS = 3  # a list goes back at least so many windows, so that it serves the next doubts too


class DoubtSettler:
    """Settles doubts for one worker process."""

    def __init__(self, runtime: Runtime, asker: Asker) -> None:
        self._rt = runtime
        self._asker = asker
        self._first_seen: dict[int, float] = {}  # newest gateway id: when this process first saw it, monotonic
        self._lock = threading.Lock()
        self._absence = AbsenceAsker(runtime, asker)
        self._lists = Lists(runtime, asker)
        self._said = SaidAsker(runtime, asker)
        self._simulation = Simulation(runtime)
        self._many = threading.Lock()  # held while asking for many: others would only wait for the same minute

    def settle_doubts(self, refs: Sequence[str]) -> None:
        """The actor: ask about each of these doubtful batches once; batches that need questions for many come last."""
        self._see(refs)
        left = [ref for ref in refs if not self._tell(ref, self._settle)]
        for ref in left:
            self._tell(ref, self._ask_about_many)

    def _see(self, refs: Sequence[str]) -> None:
        """Note when this process first saw their attempts: the last batch is asked about only after all others."""
        try:
            for batch in self._rt.ledger.read([Ref.parse(ref) for ref in refs]) if len(refs) > 1 else ():
                if batch is not None and batch.ids:
                    self._known_for(batch.ids[-1].gateway_id)
        except LedgerTrouble as error:
            log.warning("ledger in trouble while looking at doubts why=%s", error.sentence)

    def _tell(self, ref: str, story: Callable[[Ref], bool]) -> bool:
        """Do `story` for one batch; if the ledger is in trouble, the batch is due again by itself."""
        if self._rt.stopping.is_set():
            return True
        try:
            return story(Ref.parse(ref))
        except LedgerTrouble as error:
            log.warning("ledger in trouble batch=%s why=%s", ref, error.sentence)
            return True

    def settle_urgent_doubts(self, refs: Sequence[str]) -> None:
        """The actor: the same for codes, on threads and permits of their own."""
        self.settle_doubts(refs)

    def watch_absent(self, refs: Sequence[str]) -> None:
        """The actor: ask once more about ids that were taken for absent, so that a late arrival shows."""
        watched = [Ref.parse(ref) for ref in refs]
        for ref, batch in zip(watched, self._rt.ledger.read(watched), strict=True):
            if batch is None or is_simulated(batch):  # it was purged, or nobody else knows of it: its watch is over
                self._rt.ledger.watched(ref, LONGEST_STEP_S)
                continue
            for known in batch.ids:
                if (
                    known.state == IdState.ABSENT
                    or known.absents
                    or (known.state == IdState.OPEN and batch.state in (BatchState.PARKED, BatchState.SETTLED))
                ):
                    carried = [
                        (known.gateway_id, recipient)
                        for index, recipient in enumerate(batch.recipients)
                        if known.holds(index)
                    ]
                    wanted = doubtful_pairs(batch) if batch.state == BatchState.PARKED else []
                    group = [pair for pair in wanted if pair in carried] or carried[:1]
                    if known.is_by_comment:
                        self._said.look_for(group, known.claimed_at, is_urgent=False)
                        continue
                    self._asker.learn(self._asker.ask(group[: self._rt.settings.mass_ask_size]))
            self._rt.ledger.watched(batch.ref, LONGEST_STEP_S)

    def _settle(self, ref: Ref) -> bool:
        """Ask once; False if only questions for many can tell what is left."""
        batch = self._rt.ledger.read([ref])[0]
        if batch is None or batch.state != BatchState.DOUBTFUL or not batch.ids:
            self._record(ref, None, {}, [], 0.0, 0.0, wanting=True, next_s=60.0)
            return True
        if self._simulation.find(batch):
            return True
        newest = batch.ids[-1]
        asked_at = self._rt.ledger.time()
        known_s = self._known_for(newest.gateway_id)
        window_s = self._window_s()
        age_s = asked_at - newest.claimed_at
        # An id that is known in another way than the newest is not asked about: it stays open, and history may show it.
        pairs = [pair for pair in unproved_pairs(batch) if is_said(batch, pair) == newest.is_by_comment]
        next_s = self._step(batch, asked_at, known_s)
        if not pairs:  # no open id can hold an undecided message: the script ends the doubt
            self._record(ref, batch, {}, [], asked_at, known_s, wanting=False, next_s=next_s)
        elif min(age_s, known_s) < window_s or may_be_sent_again(batch, asked_at):
            start = batch.asked * self._rt.settings.mass_ask_size % len(pairs)  # another part each time
            turned = [*pairs[start:], *pairs[:start]]
            is_urgent = batch.lane == "urgent"
            if newest.is_by_comment:
                unseen = self._said.look_for(turned, newest.claimed_at, is_urgent=is_urgent)
            else:
                unseen = self._look_for_signs(turned, is_urgent=is_urgent)
            self._record(ref, batch, {}, [], asked_at, known_s, wanting=True, next_s=next_s, unseen=unseen)
        elif newest.is_by_comment:
            self._look_for_comments(batch, pairs)
        elif len(pairs) > SINGLES_MOST:
            return self._look_into_history(batch, pairs) is True
        else:
            self._look_for_absence(batch, pairs, asked_at, known_s)
        return True

    def _look_for_comments(self, batch: BatchView, pairs: Sequence[Pair]) -> None:
        """The same for messages that only their comments name: no question about our ids can tell.

        If history does not show the control's comment, it may show none ever: then an operator decides.
        """
        why = self._look_into_history(batch, pairs)
        if why is True:
            return
        is_vain = why is NotListed.UNSEEN or not self._rt.ledger.leaves_at_once(batch.ref)
        patience_s = VAIN_WINDOWS * self._window_s() if is_vain else PATIENCE_S
        asked_at, known_s = self._rt.ledger.time(), self._known_for(batch.ids[-1].gateway_id)
        again_s, ref = self._again_s, batch.ref
        self._record(ref, batch, {}, [], asked_at, known_s, wanting=True, next_s=again_s, patience_s=patience_s)

    def _look_into_history(self, batch: BatchView, pairs: Sequence[Pair]) -> bool | NotListed:
        """Take messages that are on no list of history for absent; False, or why not, if it cannot tell of all."""
        newest, needed_s = batch.ids[-1], self._needed_s(batch)
        is_said = newest.is_by_comment
        if newest.money or needed_s is None:
            return False
        now, known_s = self._rt.ledger.time(), self._known_for(newest.gateway_id)
        began = self._rt.clock.monotonic() - known_s + needed_s  # by our own clock: when absence begins to count
        left_s = needed_s - min(now - newest.claimed_at, known_s)
        if left_s > 0:  # a younger control may come meanwhile
            self._put_off(batch, min(left_s + min(GATHER_S, needed_s / 20), self._again_s))
            return True
        if not self._rt.ledger.leaves_at_once(batch.ref):
            return False
        first = min(known.claimed_at for known in batch.ids if known.state == IdState.OPEN)
        since = min(first, now - LISTED_WINDOWS * self._window_s())
        mirrors = self._absence.mirrors_for("" if is_said else newest.mirror)
        another = self._rt.mirrors.next_to_ask(mirrors) if is_said else None
        if another is not None and another not in self._rt.mirrors.tripped():
            mirrors.append(another)  # history is of the account: any two mirrors
        lists: list[Listing] = []
        for mirror in mirrors:
            after = newest.claimed_at + needed_s
            listed = self._lists.of(mirror, since=since, covers=first, after=after, began=began, is_said=is_said)
            if listed is NotListed.LATER:
                self._put_off(batch, min(LIST_AGAIN_S, self._rt.settings.mass_ask_every_s / 12))
                return True
            if isinstance(listed, NotListed):
                return listed
            lists.append(listed)
        if not lists or (newest.mirror not in mirrors and not is_said and not may_be_held_back(newest.mirror)):
            return False
        asked_at = min(each.asked_at for each in lists)
        shown = frozenset[Pair]().union(*(each.shown for each in lists))
        known_s = self._known_for(newest.gateway_id, at=min(each.began for each in lists))
        missing = [pair for pair in pairs if pair not in shown]
        if is_said:
            missing = [pair for pair in missing if not any(_holds_a_part(each, batch, pair) for each in lists)]
            if not missing:
                return NotListed.UNSEEN
        self._record(
            batch.ref,
            batch,
            by_id(batch, missing),
            mirrors,
            asked_at,
            known_s,
            wanting=False,
            next_s=self._step(batch, asked_at, known_s),
            control_at=min(each.control_at for each in lists),
        )
        return len(missing) == len(pairs) or not self._is_shown_undecided(batch.ref, shown)

    def _is_shown_undecided(self, ref: Ref, shown: frozenset[Pair]) -> bool:
        """Whether a list shows a message with a status that decides nothing: it waits for money, or was refused for it.

        Only the answer to a question says that this is so, and halts the lane until a top-up.
        """
        batch = self._rt.ledger.read([ref])[0]
        return batch is not None and any(pair in shown for pair in unproved_pairs(batch))

    def _ask_about_many(self, ref: Ref) -> bool:
        """Ask what history cannot tell: by a question for many if no other thread waits for one, else singly."""
        batch = self._rt.ledger.read([ref])[0]
        pairs = unproved_pairs(batch) if batch is not None else []
        if batch is None or batch.state != BatchState.DOUBTFUL or len(pairs) <= SINGLES_MOST:
            return self._settle(ref)
        if batch.ids[-1].is_by_comment:  # it was sent again meanwhile
            return self._settle(ref)
        asked_at, known_s = self._rt.ledger.time(), self._known_for(batch.ids[-1].gateway_id)
        if self._many.acquire(blocking=False):
            try:
                self._look_for_absence(batch, pairs, asked_at, known_s)
            finally:
                self._many.release()
        else:
            start = batch.asked * SINGLES_MOST % len(pairs)
            few = [*pairs[start:], *pairs[:start]][:SINGLES_MOST]
            self._look_for_absence(batch, few, asked_at, known_s, next_s=self._again_s)
        return True

    def _needed_s(self, batch: BatchView) -> float | None:
        """How many seconds after the newest claim absence counts, with the present control; None without a control."""
        is_said = batch.ids[-1].is_by_comment
        control = self._rt.ledger.control_message(self._rt.settings.visible_s, is_said=is_said)
        return self._window().needed_s(batch.ids[-1].claimed_at, control.accepted_at if control is not None else None)

    @property
    def _again_s(self) -> float:
        return min(self._rt.settings.doubt_settle_s / 4, INCOMPLETE_AGAIN_S)

    def _put_off(self, batch: BatchView, seconds: float) -> None:
        """Make the batch due again after `seconds`; nothing was asked."""
        self._rt.ledger.put_off("doubt:urgent" if batch.lane == "urgent" else "doubt", batch.ref, max(0.2, seconds))

    def _window(self) -> Window:
        settings = self._rt.settings
        return Window(
            settle_s=settings.doubt_settle_s,
            late_s=settings.late_s,
            visible_after_s=self._rt.ledger.visible_after(),
        )

    def _window_s(self) -> float:
        return self._window().seconds

    def _look_for_signs(self, pairs: Sequence[Pair], *, is_urgent: bool) -> list[int]:
        """Before the window only presence counts: put one or two single questions, then one for all if many are left.

        Returns the gateway ids of which a single question was answered "not there".
        """
        found, unseen = 0, []
        for pair in pairs[:SINGLES_MOST]:
            moved, is_absent = self._asker.ask_for(pair, is_hedged=is_urgent)
            found += moved
            if is_absent:
                unseen.append(pair[0])
        if found and len(pairs) > SINGLES_MOST:
            size = self._rt.settings.mass_ask_size
            self._asker.learn(self._asker.ask(pairs[SINGLES_MOST : SINGLES_MOST + size]))
        return unseen

    def _look_for_absence(
        self, batch: BatchView, pairs: Sequence[Pair], asked_at: float, known_s: float, *, next_s: float | None = None
    ) -> None:
        """Ask about these on both mirrors; `next_s` until the next time, by default as its age says."""
        newest = batch.ids[-1]
        conclusive_at = newest.claimed_at + self._rt.settings.late_s
        asked = self._absence.ask_both(newest.mirror, pairs, conclusive_at)
        absent: set[Pair] = set(pairs)
        mirrors: list[str] = []
        poor: list[Pair] = []
        control_at = float("inf")
        for mirror, (answer, control) in asked.items():
            if answer is None or control == 0.0:
                continue
            mirrors.append(mirror)
            poor += answer.no_money
            absent &= set(answer.absent) | (set(answer.no_money) if newest.money else set())
            control_at = min(control_at, control)
        if not mirrors:
            absent, control_at = set(), 0.0
        wanting = len(mirrors) < len(asked)
        complete = bool(mirrors) and not wanting and all(answer is not None for answer, _ in asked.values())
        if next_s is None:
            next_s = self._step(batch, asked_at, known_s) if complete else self._again_s
        self._record(
            batch.ref,
            batch,
            by_id(batch, absent),
            mirrors,
            asked_at,
            known_s,
            wanting=wanting,
            next_s=next_s,
            control_at=control_at,
            without_money=any(gateway_id == newest.gateway_id for gateway_id, _ in poor),
        )

    def _known_for(self, gateway_id: int, *, at: float | None = None) -> float:
        """Seconds for which this process had known an id `at` a moment of its clock (now); negative: not yet."""
        now = self._rt.clock.monotonic()
        with self._lock:
            if len(self._first_seen) > 100_000:
                self._first_seen.clear()
            return (now if at is None else at) - self._first_seen.setdefault(gateway_id, now)

    def _step(self, batch: BatchView, asked_at: float, known_s: float) -> float:
        """Seconds until the next question: at the next offset, when a second copy may leave, or after the window."""
        age_s = asked_at - batch.ids[-1].claimed_at
        next_s = self._offset(batch.lane, age_s, known_s)
        if may_be_sent_again(batch, asked_at):
            due_s = self._resend_after_s - age_s
            next_s = min(next_s, due_s + JUST_AFTER_S if due_s > 0 else RESEND_LOOK_S)
        return max(0.2, next_s)

    @property
    def _resend_after_s(self) -> float:
        return self._rt.settings.mass_ask_every_s + RESEND_AFTER_S

    def _offset(self, lane: str, age_s: float, known_s: float) -> float:
        """Seconds until the next usual question: at the lane's offsets, just after the window, then doubling."""
        window_s = self._window_s()
        left = window_s - min(age_s, known_s)
        if left > 0:
            asks_s = SENDING[lane].asks_s
            coming = next((offset - age_s for offset in asks_s if offset > age_s + 0.5), left + JUST_AFTER_S)
            return min(coming, left + JUST_AFTER_S)
        doubled = 2 * window_s - min(age_s, known_s)
        if doubled > 0:  # an older control doubles the window
            return min(doubled + JUST_AFTER_S, window_s)
        return min(max(age_s, 1.0), LONGEST_STEP_S)

    def _record(
        self,
        ref: Ref,
        batch: BatchView | None,
        absent: dict[int, list[int]],
        mirrors: Sequence[str],
        asked_at: float,
        known_s: float,
        *,
        wanting: bool,
        next_s: float,
        control_at: float = 0.0,
        unseen: Sequence[int] = (),
        without_money: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        settings = self._rt.settings
        is_by_comment = batch is not None and bool(batch.ids) and batch.ids[-1].is_by_comment
        state, why = self._rt.ledger.probe(
            ref,
            Probe(asked_at, known_s, mirrors, control_at, wanting, absent, unseen, without_money, is_by_comment),
            window_s=self._window_s(),
            arrival_s=settings.late_s,
            next_ask_s=next_s,
            patience_s=patience_s,
            blind_patience_s=min(patience_s, BLIND_PATIENCE_S),
            resend_after_s=self._resend_after_s,
        )
        if state == "doubtful" or batch is None:
            return
        log.info("doubt ended batch=%s id=%d to=%s why=%s", ref, batch.ids[-1].gateway_id, state, why)
        with self._lock:
            self._first_seen.pop(batch.ids[-1].gateway_id, None)
        if state == "ready":
            self._rt.hints.batches(batch.lane, [ref])


def _holds_a_part(listed: Listing, batch: BatchView, pair: Pair) -> bool:
    claimed_at = next(known.claimed_at for known in batch.ids if known.gateway_id == pair[0])
    return listed.may_hold_a_part(pair[1], claimed_at)


def may_be_sent_again(batch: BatchView, now: float) -> bool:
    """Whether the sender accepts a second copy that has not left yet; `probe.lua` decides when it may."""
    return (
        batch.on_doubt == "resend"
        and not batch.resent_by
        and now < batch.deadline
        and batch.deaths < POISON_DEATHS
        and sum(known.state == IdState.OPEN for known in batch.ids) == 1
    )
