"""The connection under the verbs: one per thread, and never a reply taken for another's."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_connection_closed_while_it_rested_is_made_anew(desk: Any) -> None:
    """The next verb does not notice."""
    ref = desk.single()
    with desk.ledger._connection() as client:
        its_id = client.client_id()
    desk.redis.client_kill_filter(_id=str(its_id))
    assert desk.claim(ref)


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
