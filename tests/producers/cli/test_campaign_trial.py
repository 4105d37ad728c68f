"""`--test +7…`: a few messages to oneself, and a guest list at the doors."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import NotAGuest
from smsq.worker.runtime import Runtime

Run = Callable[..., Result]
ME = "+79995550000"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three good rows and a bad one."""
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n+79991230001,Ann\n+79991230002,Maximiliana\n+79991230003,Bo\n12,Bad\n", "utf-8")
    return path


def sent(smsq: Smsq) -> list[str]:
    """The texts that wait in the ledger, each by its phone."""
    found = []
    for lane in ("urgent", "bulk"):
        for raw in smsq.runtime.ledger.redis.zrange(smsq.runtime.ledger.key(f"ready:{lane}"), 0, -1):
            receipt = smsq.status(f"{raw.decode()}.0")
            (text,) = smsq.runtime.ledger.texts_of([int(raw)])
            found.append(f"{lane} {receipt.phone} {text}")
    return sorted(found)


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_few_messages_go_to_oneself(run: Run, smsq: Smsq, people: Path, verb: str) -> None:
    """By the bulk lane, said before; nothing of the campaign is enrolled, and the journal knows them for tests."""
    result = run("campaign", verb, str(people), "--text", "Hi {name}", "--test", ME, "--yes", "--json")
    told = json.loads(result.stdout.splitlines()[-1])["tests"]

    assert result.exit_code == 0
    assert {"which": "longest", "row": 2}.items() <= told[1].items()
    assert set(sent(smsq)) >= {f"bulk {ME} Hi Ann", f"bulk {ME} Hi Maximiliana"}
    assert len(sent(smsq)) == len(told)
    assert "test messages to +79995550000" in result.stderr
    assert "the price is not known: no worker of the chores lane is up" in result.stderr
    assert smsq.campaigns.list() == []
    journal = "".join(path.read_text() for path in (smsq.settings.home / "journal").glob("*") if path.is_file())
    assert all(f"T 0 {each['id']} {each['which']} " in journal for each in told)


def test_nobody_is_charged_without_a_word(run: Run, smsq: Smsq, people: Path) -> None:
    """Without a terminal and without --yes nothing is sent; exit code 2."""
    result = run("campaign", "run", str(people), "--text", "Hi {name}", "--test", ME)

    assert (result.exit_code, sent(smsq)) == (2, [])
    assert "Nobody can be asked here: add --yes" in result.stderr


def test_its_price_is_said(run: Run, smsq: Smsq, people: Path, chores: Callable[..., object]) -> None:
    """By a worker that asks the gateway; to a simulated number it is nothing, and nobody is asked."""
    with contextlib.ExitStack() as stack:
        up: Callable[[Runtime], contextlib.AbstractContextManager[None]] = chores  # type: ignore[assignment]
        stack.enter_context(up(smsq.runtime))
        result = run("campaign", "run", str(people), "--text", "Hi", "--test", "+12125550100", "--yes")

    assert result.exit_code == 0
    assert "Sending 1 test message to +12125550100, 1 part, about 0.00" in result.stderr


@pytest.mark.parametrize("to", ["12", "anna@example.ru"])
def test_what_is_no_phone_is_a_sentence(run: Run, smsq: Smsq, people: Path, to: str) -> None:
    """Before anything is sent."""
    result = run("campaign", "run", str(people), "--text", "Hi", "--test", to, "--yes")

    assert (result.exit_code, sent(smsq)) == (2, [])


@pytest.fixture
def guests(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that reaches one phone."""
    environ["SMSQ_GUESTS"] = "+79991230002"
    monkeypatch.setenv("SMSQ_GUESTS", "+79991230002")


@pytest.mark.usefixtures("guests")
def test_a_guest_list_at_every_door(run: Run, environ: dict[str, str], people: Path) -> None:
    """A sentence and exit code 2; a row of a campaign is invalid, and the guest among the rows gets its message."""
    checked = run("campaign", "check", str(people), "--text", "Hi {name}")
    words = [("send", ME, "Hi"), ("otp", "send", ME), ("campaign", "run", str(people), "--text", "Hi", "--test", ME)]
    refused = [run(*each, *(["--yes"] if each[0] == "campaign" else [])) for each in words]
    with Smsq(environ=environ) as smsq:
        view = smsq.campaigns.run(people, text="Hi {name}")
        with pytest.raises(NotAGuest):
            smsq.send(ME, "Hi")

        assert (view.statuses, sent(smsq)) == ({"queued": 1, "invalid": 3}, [])
    assert [each.exit_code for each in refused] == [2, 2, 2]
    assert all("is not on the guest list (SMSQ_GUESTS)" in each.stderr for each in refused)
    assert "row 1 (line 2) invalid: +79991230001: not on the guest list" in checked.stdout
