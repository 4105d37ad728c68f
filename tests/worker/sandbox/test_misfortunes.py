"""What goes wrong on purpose."""

from __future__ import annotations

import pytest

from smsq.worker.domain.errors import BadInput
from smsq.worker.sandbox.misfortunes import Misfortunes, read_rule


def strike(misfortunes: Misfortunes, times: int, mirror: int = 1, command: str = "send") -> list[str]:
    """The names of what befell so many requests; empty for nothing."""
    strokes = [misfortunes.on_request(mirror, command) for _ in range(times)]
    return [stroke.name if stroke else "" for stroke in strokes]


def test_the_next_few_requests_are_struck_and_no_more() -> None:
    """A counted rule is used up."""
    misfortunes = Misfortunes()
    misfortunes.add(read_rule({"kind": "html", "next": 2}, 2))

    assert strike(misfortunes, 3) == ["html", "html", ""]


def test_a_share_is_drawn_from_the_seed() -> None:
    """Two runs with one seed suffer alike."""
    runs = []
    for _ in range(2):
        misfortunes = Misfortunes(seed=7)
        misfortunes.add(read_rule({"kind": "empty", "share": 0.1}, 2))
        runs.append(strike(misfortunes, 1000))

    assert runs[0] == runs[1]
    assert 60 < runs[0].count("empty") < 140


def test_a_rule_keeps_to_its_mirror_and_command() -> None:
    """Other mirrors and commands are spared."""
    misfortunes = Misfortunes()
    misfortunes.add(read_rule({"kind": "hang", "share": 1, "mirror": 2, "command": "status"}, 2))

    assert strike(misfortunes, 1, mirror=1, command="status") == [""]
    assert strike(misfortunes, 1, mirror=2, command="send") == [""]
    assert strike(misfortunes, 1, mirror=2, command="status") == ["hang"]


def test_a_new_share_takes_the_place_of_the_old_one_and_none_ends_it() -> None:
    """A share of 0 takes a misfortune back."""
    misfortunes = Misfortunes()
    misfortunes.add(read_rule({"kind": "html", "share": 1}, 2))
    misfortunes.add(read_rule({"kind": "html", "share": 0}, 2))

    assert strike(misfortunes, 1) == [""]


@pytest.mark.parametrize(
    ("kind", "command"), [("html", "send"), ("throttled", "submit"), ("refuse_bind", "bind"), ("slow", "send")]
)
def test_a_kind_has_a_usual_command(kind: str, command: str) -> None:
    """If nothing is said of it."""
    assert read_rule({"kind": kind, "next": 1}, 2).command == command


def test_a_cut_between_parts_waits_for_a_part() -> None:
    """That is not the last of its message."""
    misfortunes = Misfortunes()
    misfortunes.add(read_rule({"kind": "cut_between_parts", "next": 1}, 2))

    assert misfortunes.on_submit(1, has_more=False) is None
    stroke = misfortunes.on_submit(1, has_more=True)
    assert stroke is not None
    assert stroke.name == "cut_between_parts"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"kind": "rain"}, id="no such kind"),
        pytest.param({"kind": "html", "mirror": 3}, id="no such mirror"),
        pytest.param({"kind": "html", "command": "jump"}, id="no such command"),
        pytest.param({"kind": "html", "share": 2}, id="more than all"),
        pytest.param({"kind": "html", "next": "many"}, id="not a number"),
        pytest.param({"kind": "html", "shares": 1}, id="a misspelt field"),
        pytest.param({"kind": "html", "command": "submit"}, id="HTML over SMPP"),
        pytest.param({"kind": "throttled", "command": "send"}, id="a status of SMPP over HTTP"),
        pytest.param({"kind": "refuse_bind", "command": "submit"}, id="a bind that is none"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(told: dict[str, object]) -> None:
    """It is named, not ignored."""
    with pytest.raises(BadInput):
        read_rule(told, 2)
