"""When `smsq up` says that everything is up."""

from __future__ import annotations

import pytest

from smsq.producers.machine import ready
from smsq.producers.machine.ready import Ready
from smsq.worker.domain.errors import LedgerUnreachable


def test_it_is_said_once_when_all_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while a process is missing, has not beaten, nobody leads, or the ledger does not answer."""
    monkeypatch.setattr(ready, "LOOK_EVERY_S", 0.0)
    said: list[int] = []
    pids: list[int] = []
    beats: dict[int, float] = {}
    leads: list[bool | Exception] = [False, LedgerUnreachable("away"), True]

    def leader() -> bool:
        answer = leads.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = Ready(lambda: pids, beats.get, leader, lambda: said.append(1))
    watch.tick()
    pids.append(7)
    watch.tick()
    beats[7] = 0.1
    for left in (2, 1):
        watch.tick()
        assert (len(leads), said) == (left, [])
    watch.tick()
    watch.tick()

    assert said == [1]
