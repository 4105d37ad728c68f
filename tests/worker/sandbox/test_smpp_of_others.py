"""The sandbox's SMPP as a client of others understands it: npm's `smpp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from smsq.worker.sandbox import Profile, Sandbox
from tests.peers import smpp

PHONE = "79991234567"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """One host; handsets answer at once."""
    try:
        smpp.modules()
    except smpp.NotHere as why:
        pytest.skip(str(why))
    with Sandbox(Profile(deliver_after_s=(0.02, 0.03)), ports=(0,), smpp_ports=(0,)) as running:
        yield running


def said(sandbox: Sandbox, submits: list[dict[str, Any]], receipts: int, password: str = "demo") -> dict[str, Any]:
    """What the client says, by event."""
    found: dict[str, Any] = {}
    told = {"login": "demo", "password": password, "submits": submits, "receipts": receipts}
    for each in smpp.client(sandbox.smpp[0], **told):
        found.setdefault(each.pop("event"), []).append(each)
    return found


def test_another_client_binds_submits_and_takes_receipts(sandbox: Sandbox) -> None:
    """Every field of a receipt is where it looks for it."""
    found = said(sandbox, [{"to": PHONE, "text": "Hi {€} ñ", "coding": 0}], receipts=1)
    (receipt,) = found["receipt"]

    assert found["bound"] == [{"status": 0, "name": "sandbox"}]
    assert found["answered"] == [{"status": 0, "id": "1", "to": PHONE}]
    assert [receipt[name] for name in ("from", "esm_class", "id", "state", "error", "cost", "flag", "parts")] == [
        PHONE, 4, "1", 2, "030000", "3.8000", "0000", "0001",
    ]  # fmt: skip
    assert receipt["text"].startswith("id:1 sub:001 dlvrd:001 submit date:")
    assert sandbox.messages()[0]["text"] == "Hi {€} ñ"


def test_another_clients_parts_are_one_message(sandbox: Sandbox) -> None:
    """With headers of its making."""
    submits = [
        {"to": PHONE, "text": text, "coding": 8, "header": f"0500032a02{number:02x}"}
        for number, text in ((1, "Привет, "), (2, "мир 🎉"))
    ]
    found = said(sandbox, submits, receipts=2)

    assert [each["id"] for each in found["answered"]] == ["1", "2"]
    assert [each["text"] for each in sandbox.messages()] == ["Привет, мир 🎉"]


def test_another_client_is_refused_by_a_wrong_password(sandbox: Sandbox) -> None:
    """By the standard's status."""
    assert said(sandbox, [], receipts=0, password="wrong")["bound"] == [{"status": 14}]
