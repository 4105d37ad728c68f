"""Gathers the requests of many connections: each group is enrolled in one round trip, in a thread.

While a group is on its way the next one gathers, so one sync of the ledger's disk serves as many requests as came
meanwhile. Notes of answers that reached their callers travel in front of the next group. Hints follow the answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.ledger.front_door.requests import Guarded, NewRequest, Reply, Taken

LARGEST_GROUP = 256  # messages in one round trip: some 25 ms of Redis
HINTS_AT_ONCE = 4  # messages to the queue for one group and lane; each names several batches, and a hint only wakes
NOTED_AFTER_S = 0.2  # a note waits so long for a group that takes it along

log = logging.getLogger(__name__)

Enrol = Callable[[Sequence[NewRequest], Sequence[Taken]], list[Reply]]
Note = Callable[[Sequence[Taken]], None]
Hint = Callable[[str, Sequence[Ref], int], object]  # lane, batches, how many of them in one message


class Gatherer:
    """Enrols requests in groups. Belongs to one loop; `enrol`, `note` and `hint` run in threads of its own."""

    def __init__(self, enrol: Enrol, note: Note, hint: Hint) -> None:
        self._enrol = enrol
        self._note = note
        self._hint = hint
        self._waiting: list[tuple[NewRequest, asyncio.Future[Taken | Guarded]]] = []
        self._reached: list[Taken] = []
        self._reached_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._ledger = ThreadPoolExecutor(1, "enrol")
        self._queue = ThreadPoolExecutor(1, "hint")

    async def enrol(self, request: NewRequest) -> Taken | Guarded:
        """Return once it is enrolled, or known to be a repeat; raises LedgerTrouble."""
        future: asyncio.Future[Taken | Guarded] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._start()
        return await future

    def reached(self, taken: Taken) -> None:
        """The answer to this request has reached its caller."""
        if not self._reached:
            self._reached_at = asyncio.get_running_loop().time()
        self._reached.append(taken)

    def look(self) -> None:
        """Store notes that no group took along; call it now and then."""
        if self._reached and asyncio.get_running_loop().time() - self._reached_at >= NOTED_AFTER_S:
            self._start()

    async def close(self) -> None:
        """Finish what is under way, and store the last notes."""
        while self._waiting or self._reached or (self._task is not None and not self._task.done()):
            self._start()
            assert self._task is not None
            await self._task
        self._ledger.shutdown()
        self._queue.shutdown()

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await asyncio.sleep(0)  # requests that are readable by now come along
        loop = asyncio.get_running_loop()
        while self._waiting or self._reached:
            group, reached, self._reached = self._next_group(), self._reached, []
            if not group:
                try:
                    await loop.run_in_executor(self._ledger, self._note, reached)
                except LedgerTrouble as trouble:  # then a repeat gets the first answer
                    log.warning("answers not noted many=%d why=%s", len(reached), trouble.sentence)
                continue
            try:
                replies = await loop.run_in_executor(
                    self._ledger, self._enrol, [request for request, _ in group], reached
                )
            except Exception as error:  # any error: the waiting callers must get it
                log.exception("requests not enrolled many=%d", len(group))
                replies = [LedgerTrouble(f"unexpected: {type(error).__name__}")] * len(group)
            self._tell(group, replies)

    def _next_group(self) -> list[tuple[NewRequest, asyncio.Future[Taken | Guarded]]]:
        messages = count = 0
        for request, _ in self._waiting:
            if count and messages + len(request.messages) > LARGEST_GROUP:
                break
            messages += len(request.messages)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _tell(
        self, group: Sequence[tuple[NewRequest, asyncio.Future[Taken | Guarded]]], replies: Sequence[Reply]
    ) -> None:
        refs: dict[str, list[Ref]] = {}
        for (_, future), reply in zip(group, replies, strict=True):
            if isinstance(reply, Taken) and reply.is_hint_needed:
                refs.setdefault(reply.lane, []).extend(reply.refs)
            if future.done():  # its caller hung up
                continue
            if isinstance(reply, LedgerTrouble):
                future.set_exception(reply)
            else:
                future.set_result(reply)
        for lane, batches in refs.items():
            self._queue.submit(self._hint, lane, batches, -(-len(batches) // HINTS_AT_ONCE))
