"""The connection under the verbs: one per thread, and never a reply taken for another's."""

from __future__ import annotations

import os
from typing import Any

import pytest

PHONE = 79990000000


def test_a_connection_closed_while_it_was_idle_is_made_anew(desk: Any) -> None:
    """The next verb does not notice."""
    ref = desk.single()
    with desk.ledger._connection() as client:
        its_id = client.client_id()
    desk.redis.client_kill_filter(_id=str(its_id))
    assert desk.claim(ref)


def test_a_forked_child_has_a_connection_of_its_own(desk: Any) -> None:
    """A web server that forks after its first message: neither takes the other's replies."""
    desk.single()
    child = os.fork()
    if child == 0:
        try:
            os._exit(len({desk.ledger.beat("").run for _ in range(200)}) - 1)
        finally:
            os._exit(100)  # whatever happens: the rest of the tests is not the child's
    refs = [desk.single(PHONE + n) for n in range(200)]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(set(refs)) == 200


def test_what_ends_a_verb_early_ends_its_connection(desk: Any) -> None:
    """So the reply that still comes is nobody's."""
    ref = desk.single()

    def interrupted() -> None:
        with desk.ledger._connection() as client:
            client.connection.send_command("PING")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert desk.claim(ref)
