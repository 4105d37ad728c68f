"""A channel is a row: no module names one but the table, and few that have their reason here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from smsq.worker.gateway.channels import CHANNELS, CHOOSING

ROOT = Path(__file__).parents[2]
# What may name channels, and why.
MAY = {
    "worker/gateway/channels.py": "the table",
    "worker/gateway/options.py": "an option has the name of the field that chooses bots",
    "worker/gateway/http/callbacks.py": "`call` is an event there: somebody called us",
    "worker/gateway/http/server/shapes.py": "`sms` is an element of XML there, whatever the kind of message",
    "worker/domain/batch.py": "a plain SMS is the default",
    "worker/domain/result.py": "what a probe tells has the name of its channel in receipts and reports",
    "worker/domain/recipient.py": "`mail` is a kind of recipient there",
    "worker/domain/speech.py": "how each channel says a one-time code",
    "worker/domain/shield.py": "a landline can be called, for a code",
    "worker/otp/one_time_codes.py": "a code's sender is that of its SMS",
    "worker/ledger/otp/shield.py": "a code goes by SMS if nothing else is said",
    "producers/otp.py": "a code goes by SMS if nothing else is said",
    "producers/shield.py": "a code goes by SMS if nothing else is said",
    "producers/cli/__init__.py": "`smsq hlr` and `smsq ping` are commands",
    "producers/cli/probes.py": "these commands",
    "producers/cli/otp.py": "a code goes by SMS if nothing else is said",
    "producers/cli/shield.py": "a code goes by SMS if nothing else is said",
    "producers/cli/sandbox.py": "`mail` is the address of its mail server there",
}
# The sandbox is written apart from the table on purpose; other words of these modules are no channels.
WORDS = {"worker/acl.py": {"ping"}}


def modules() -> list[str]:
    """Every module of the product, the sandbox left out."""
    found = [path.relative_to(ROOT) for top in ("worker", "producers") for path in (ROOT / top).rglob("*.py")]
    return sorted(str(path) for path in found if path.parts[:2] != ("worker", "sandbox"))


def named(path: str) -> set[str]:
    """The channels and choosing fields that a module has as words of its own."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return words & (CHANNELS.keys() | CHOOSING) - WORDS.get(path, set())


def test_no_module_names_a_channel() -> None:
    """So that adding one is adding its row."""
    assert {path: found for path in modules() if path not in MAY and (found := named(path))} == {}


@pytest.mark.parametrize("path", MAY)
def test_an_exception_is_one(path: str) -> None:
    """A file that names none any more needs no reason."""
    assert named(path)
