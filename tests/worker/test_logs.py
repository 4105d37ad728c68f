"""Logs: one shape for all, and nothing in them that belongs to somebody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker import logs

PHONE, TEXT, PASSWORD = "79991234567", "Your code is 4821", "hunter2"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where this test's lines go; logging is put back as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_an_event_has_its_fields(stream: io.StringIO) -> None:
    """An event is one line of JSON with name, level and time."""
    logs.get("send").info("batch settled", batch="4711", accepted=98, gateway_id=1234567890, took_s=0.41)
    line = json.loads(stream.getvalue())

    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "batch settled",
        "level": "info",
        "logger": "smsq.send",
        "batch": "4711",
        "accepted": 98,
        "gateway_id": 1234567890,
        "took_s": 0.41,
    }


def test_fields_are_scrubbed(stream: io.StringIO) -> None:
    """Phones are masked, texts are a length, secrets are stars, also inside others."""
    logs.get("send").info(
        "message refused",
        phone=int(PHONE),
        phones=[PHONE, int(PHONE)],
        text=TEXT,
        psw=PASSWORD,
        fields={"mes": TEXT, "phones": "+" + PHONE, "apikey": PASSWORD},
        why=f"{PHONE}: no",
        url=f"redis://me:{PASSWORD}@db/0",
    )
    line = json.loads(stream.getvalue())

    assert (line["phone"], line["phones"], line["text"]) == ("7999***4567", ["7999***4567"] * 2, "17 long")
    assert line["fields"] == {"mes": "17 long", "phones": "7999***4567", "apikey": "***"}
    assert not [secret for secret in (PHONE, TEXT, PASSWORD) if secret in stream.getvalue()]


def test_lines_of_others_are_scrubbed(stream: io.StringIO) -> None:
    """A library's sentence, its arguments and a traceback pass the same formatter."""
    logging.getLogger("dramatiq.worker").warning("POST psw=%s&mes=%s&phones=+%s", PASSWORD, "Hi", PHONE)
    try:
        raise ValueError(f"bad phone {PHONE}, apikey={PASSWORD}")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert lines[0]["event"] == "POST psw=***&mes=***&phones=7999***4567"
    assert "ValueError: bad phone 7999***4567, apikey=***" in lines[1]["exception"]
    assert PHONE not in stream.getvalue()


def test_quiet_levels_and_console(stream: io.StringIO) -> None:
    """Below the level nothing is written; a terminal gets words instead of JSON."""
    logs.get("send").debug("batch claimed")
    logging.getLogger("urllib3").info("new connection")
    assert stream.getvalue() == ""

    logs.configure("debug", "console", stream)
    logs.get("send").debug("batch claimed", phone=PHONE)
    assert "batch claimed" in stream.getvalue()
    assert "phone=7999***4567" in stream.getvalue()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("id 1234567890 of 2147483647", "id 1234567890 of 2147483647"),
        ("9991234567", "9991***4567"),
        ("took 0.12345678901 s", "took 0.12345678901 s"),
        ("sha 3f79991234567ab", "sha 3f79991234567ab"),
        ("(+380501234567)", "(3805***4567)"),
    ],
)
def test_what_is_a_phone_in_a_sentence(line: str, expected: str) -> None:
    """Gateway ids, fractions and digests stay; phones go."""
    assert logs.redact(line) == expected
