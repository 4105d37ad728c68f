"""`smsq otp`: what an operator and a script see of one-time codes, and that they never see one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from smsq.worker.processes.lane import owner_name
from tests.producers.otp.sent import text_of, wrong

Plant = Any
PHONE = "+79991234567"


def run(environ: dict[str, str], *typed: str, stdin: str = "") -> Result:
    """The command as a person types it."""
    return CliRunner().invoke(main, list(typed), env={**environ}, input=stdin, catch_exceptions=False)


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture
def code(environ: dict[str, str], smsq: Smsq) -> tuple[str, str]:
    """A code that left: its id and its digits."""
    sent = smsq.otp.send(PHONE, template="{code}")
    return sent.id, text_of(smsq, sent.message_id)


def test_a_code_is_sent(environ: dict[str, str]) -> None:
    """Its id on standard output, talk on the other; as JSON one object."""
    plain = run(environ, "otp", "send", PHONE, "--key", "a")
    again = run(environ, "otp", "send", PHONE, "--key", "a", "--json")

    assert (plain.exit_code, plain.stdout.strip()) == (0, told(again)["id"])
    assert "waits: no worker of the urgent lane is up" in plain.stderr
    assert sorted(told(again)) == ["channel", "created", "expires_at", "id", "message_id"]
    assert (told(again)["created"], told(again)["channel"]) == (False, "sms")


def test_wishes_reach_the_message(environ: dict[str, str]) -> None:
    """Purpose, length, time, language, text and sender."""
    wish = ["--purpose", "pay", "--length", "8", "--ttl", "61", "--template", "{purpose}{minutes}{code}"]
    sent = told(run(environ, "otp", "send", PHONE, *wish, "--sender", "Shop", "--on-doubt", "resend", "--json"))
    with Smsq(environ=environ) as way_in:
        text = text_of(way_in, sent["message_id"])

    assert (text[:4], len(text)) == ("pay2", 12)
    assert run(environ, "otp", "check", sent["id"], text[4:], "--purpose", "pay").exit_code == 0


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        (["+7999"], "bad_phone"),
        ([PHONE, "--length", "3"], "bad_length"),
        ([PHONE, "--ttl", "0"], "bad_ttl"),
        ([PHONE, "--ttl", "-1"], "bad_ttl"),
        ([PHONE, "--ttl", "nan"], "bad_ttl"),
        ([PHONE, "--channels", "pigeon"], "bad_channel"),
        ([PHONE, "--channels", ","], "no_channel"),
        ([PHONE, "--channels", "sms,tg"], "bad_wait"),
        ([PHONE, "--max-cost", "free"], "bad_input"),
        ([PHONE, "--template", "no"], "bad_template"),
        ([PHONE, "--locale", "xx"], "bad_input"),
    ],
    ids=lambda wish: " ".join(wish) if isinstance(wish, list) else "",
)
def test_a_bad_wish_has_its_word(environ: dict[str, str], wish: list[str], word: str) -> None:
    """Exit code 2, a sentence for people and an object for machines."""
    result = run(environ, "otp", "send", *wish, "--json")

    assert (result.exit_code, told(result)["error"]) == (2, word)
    assert told(result)["message"] in result.stderr


def test_a_try_is_judged(environ: dict[str, str], code: tuple[str, str]) -> None:
    """0 for right, 1 for anything else, and the verdict in a word."""
    code_id, digits = code
    tries = [("check", code_id, wrong(digits)), ("check", code_id, digits), ("check", code_id, digits)]
    heard = [run(environ, "otp", *each) for each in tries]

    assert [(each.exit_code, each.stdout) for each in heard] == [(1, "wrong\n"), (0, "right\n"), (1, "used\n")]
    assert told(run(environ, "otp", "check", "nosuch", digits, "--json")) == {"id": "nosuch", "verdict": "unknown"}


def test_a_try_may_come_by_standard_input(environ: dict[str, str], code: tuple[str, str]) -> None:
    """So that no list of processes shows it."""
    code_id, digits = code
    result = run(environ, "otp", "check", code_id, "-", stdin=f"{digits[:3]} {digits[3:]}\n")

    assert (result.exit_code, result.stdout) == (0, "right\n")


def test_a_code_is_sent_again(environ: dict[str, str], code: tuple[str, str]) -> None:
    """Not at once; then as a new message under the same id."""
    code_id, digits = code
    hasty = run(environ, "otp", "resend", code_id, "--json")
    again = run({**environ, "SMSQ_CODE_COOLDOWN_S": "0"}, "otp", "resend", code_id, "--json")

    assert (hasty.exit_code, told(hasty)["error"]) == (1, "cooling_down")
    assert 50 < told(hasty)["retry_after_s"] <= 61
    assert (again.exit_code, told(again)["id"]) == (0, code_id)
    with Smsq(environ=environ) as way_in:
        assert text_of(way_in, told(again)["message_id"]) == digits


def test_a_code_is_shown_without_it(environ: dict[str, str], code: tuple[str, str]) -> None:
    """Its state, what is left, its messages."""
    code_id, digits = code
    plain, shown = run(environ, "otp", "show", code_id), run(environ, "otp", "show", code_id, "--json")

    assert "state         waiting" in plain.stdout
    assert (told(shown)["state"], told(shown)["tries_left"], told(shown)["resends_left"]) == ("waiting", 5, 3)
    assert [(step["channel"], step["status"]) for step in told(shown)["steps"]] == [("sms", "accepted")]
    assert digits not in plain.output + shown.output


@pytest.mark.parametrize("verb", ["resend", "show"])
@pytest.mark.parametrize("code_id", ["nosuch", "../etc", "é", "x" * 500], ids=["none", "path", "accent", "long"])
def test_what_is_unknown_is_said(environ: dict[str, str], verb: str, code_id: str) -> None:
    """In the same words whatever was asked for."""
    result = run(environ, "otp", verb, code_id, "--json")

    assert (result.exit_code, told(result)["error"]) == (1, "unknown")


def test_another_secret_key_is_named(environ: dict[str, str], code: tuple[str, str]) -> None:
    """By every command, and by doctor with its cure."""
    other = {**environ, "SMSQ_SECRET_KEY": "x" * 40}
    for words in (("send", PHONE), ("check", code[0], code[1]), ("resend", code[0]), ("show", code[0])):
        result = run(other, "otp", *words)
        assert (result.exit_code, "SMSQ_SECRET_KEY" in result.stderr) == (1, True), words
    found = json.loads(run(other, "doctor", "--json").stdout)

    assert [each["level"] for each in found if each["name"] == "secret key"] == ["fail"]


def test_doctor_looks_at_the_key(plant: Plant, environ_of: Callable[[Plant], dict[str, str]]) -> None:
    """Who may read it, and whether a worker met a text that it could not open."""
    environ = environ_of(plant)

    def levels() -> dict[str, str]:
        found = json.loads(run(environ, "doctor", "--json").stdout)
        return {each["name"]: each["level"] for each in found if each["name"] in ("secret key", "sealed texts")}

    assert levels() == {"secret key": "ok"}
    (plant.runtime.settings.home / "secret.key").chmod(0o644)
    plant.ledger.redis.hset("{smsq}:ctl", "unsealable_at", int(plant.ledger.time() * 1000))
    assert levels() == {"secret key": "warn", "sealed texts": "fail"}


def test_with_wait_its_fate_is_told(plant: Plant, environ_of: Callable[[Plant], dict[str, str]]) -> None:
    """As by `smsq send`."""
    environ = environ_of(plant)
    plant.ledger.beat(owner_name("urgent"))
    waited = run(environ, "otp", "send", PHONE, "--wait", "--timeout", "0.2", "--json")

    assert (waited.exit_code, told(waited)["status"]) == (5, "queued")


@pytest.fixture
def environ_of() -> Callable[[Plant], dict[str, str]]:
    """The environment of a plant's installation."""

    def of(plant: Plant) -> dict[str, str]:
        settings = plant.runtime.settings
        return {
            "SMSQ_HOME": str(settings.home),
            "SMSQ_REDIS_URL": settings.redis_url,
            "SMSQ_LOGIN": "demo",
            "SMSQ_PASSWORD": "demo",
            "SMSQ_MIRRORS": ",".join(plant.sandbox.mirrors),
        }

    return of


def test_channels_in_turn_are_shown_with_their_reasons(environ: dict[str, str]) -> None:
    """What was tried and why, what was not and why not; while the next may come, nothing ends it."""
    sent = told(run(environ, "otp", "send", PHONE, "--channels", "sms:20s,call", "--max-cost", "9.5", "--json"))
    waiting = told(run(environ, "otp", "show", sent["id"], "--json"))
    with Smsq(environ=environ) as way_in:
        way_in.runtime.ledger.end_cascade(sent["id"], 0, "cost", "call")
    ended = run(environ, "otp", "show", sent["id"])

    assert [step["why"] for step in waiting["steps"]] == ["first"]
    assert (waiting["ahead"], waiting["ended"]) == ([{"channel": "call", "why": ""}], "")
    assert ended.stdout.splitlines()[-1] == "  call   not tried: it would cost more than `max_cost`"


def test_a_try_that_cannot_be_told_is_no_wrong_one(environ: dict[str, str], smsq: Smsq, code: tuple[str, str]) -> None:
    """A script that counts wrong tries can tell them apart."""
    smsq.runtime.ledger.redis.hset("{smsq}:ctl", "fell", 1)
    result = run(environ, "otp", "check", *code, "--json")

    assert (result.exit_code, told(result)["error"]) == (4, "ledger")
    assert run(environ, "otp", "check", "nosuchcode", code[1]).exit_code == 1
