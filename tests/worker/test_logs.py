"""Logs: one shape for all, and nothing in them that belongs to somebody."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from smsq.worker import logs

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
        ("phone=%2B79991234567", "phone=7999***4567"),
        ("phones=%2B79991234567%2C%2b79991234568", "phones=7999***4567%2C7999***4568"),
        ("to 123456789, batch 12345678", "to ***, batch 12345678"),
        ("+7 (999) 123-45-67 and +44 20 7946 0958", "7999***4567 and 4420***0958"),
        ("to Anna.K+7@mail.example.ru.", "to A***@mail.example.ru."),
        ("phones=anna%40example.ru&mes=", "phones=a***@example.ru&mes=***"),
        (
            "batch 4711@k7xm2, redis://me:pw@redis.example.ru:6379/0",
            "batch 4711@k7xm2, redis://***@redis.example.ru:6379/0",
        ),
    ],
)
def test_what_is_a_phone_in_a_sentence(line: str, expected: str) -> None:
    """Gateway ids, references, fractions and digests stay; phones and mail addresses go."""
    assert logs.redact(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        '{"login":"me","psw":"hunter2"}',
        """{'apikey': 'hunter2', 'mes': 'hunter2'}""",
        r'{"password": "a\"hunter2"}',
        '{"psw": "hunter2',
        "<psw>hunter2</psw>",
        "Authorization: Basic hunter2",
        "'authorization': 'Bearer hunter2'",
        "redis://:a/b@hunter2@host/0",
        "redis://:a#hunter2@host/0",
        "POST psw=hunter2&x=1",
        "api_key=hunter2 pwd=hunter2",
    ],
)
def test_what_is_secret_in_a_sentence(line: str) -> None:
    """However a library writes it: forms, JSON also where it is cut off, repr, XML, headers, addresses."""
    assert "hunter2" not in logs.redact(line)


def test_no_line_steers_a_terminal(stream: io.StringIO) -> None:
    """What came from a file or a stranger may be looked at with `tail`."""
    logs.configure("info", "console", stream)
    logging.getLogger("x").warning("read \x1b]0;owned\x07 %s", "\x9b2J\x1b[31m")
    logs.get("x").warning("read", name="a\x1b[2Jb\x07")

    assert [char for char in stream.getvalue() if char in "\x1b\x07\x9b"] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_line_that_cannot_be_written_is_lost_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither in a process' own log nor at the supervisor's terminal."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    file = logs.LogFile("/dev/full")
    try:
        with open("/dev/full", "w", buffering=1) as full:
            logs.configure("info", "console", full)
            root.addHandler(file)
            logs.get("send").info("batch settled")
            with contextlib.suppress(OSError):
                full.close()
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
        with contextlib.suppress(OSError):
            file.close()

    assert capfd.readouterr().err == ""


def test_a_line_that_is_wrong_is_told(stream: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    """It is a mistake of ours, not of the disk."""
    ours = next(each for each in logging.getLogger().handlers if isinstance(each, logs._Stream))
    ours.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, "two %d %d", (1,), None))

    assert "--- Logging error ---" in capfd.readouterr().err
