"""Rules for countries: what is blocked is left out, refused or ended; what is monitored is counted and goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.worker.domain import errors
from smsq.worker.ledger import Claim
from tests.producers.conftest import TERMS

RU, KZ, DE = "+79990000001", "+77011234567", "+4915112345678"


def met(smsq: Smsq) -> dict[str, tuple[str, dict[str, int]]]:
    return {rule.country: (rule.verb, dict(rule.counted)) for rule in smsq.countries.rules()}


def test_rows_to_a_blocked_country_are_left_out(smsq: Smsq) -> None:
    """Those to a monitored one go, and both are counted; an address has no country."""
    smsq.countries.block("kz")
    smsq.countries.monitor("DE")

    view = smsq.campaigns.run([RU, KZ, DE], text="Hi")

    assert dict(view.statuses) == {"queued": 2, "blocked": 1}
    assert [(each.row, each.status, each.error) for each in smsq.campaigns.report(view.id) if each.error] == [
        (2, "blocked", "a rule blocks messages to this country (`smsq countries`)")
    ]
    assert met(smsq) == {"DE": ("monitor", {"monitor": 1}), "KZ": ("block", {"block": 1})}


def test_single_messages_are_refused(smsq: Smsq) -> None:
    """With `*`, all but those that are allowed; a rule that is taken back holds no more."""
    smsq.countries.block("*")
    smsq.countries.allow("RU")

    assert smsq.send(RU, "Hi").created
    with pytest.raises(errors.Denied, match="blocks all messages to KZ"):
        smsq.send(KZ, "Hi", even_opted_out=True)
    with pytest.raises(errors.Denied, match="codes to KZ are not served"):
        smsq.otp.send(KZ)
    smsq.countries.release("*")
    assert smsq.send(KZ, "Hi").created
    assert smsq.otp.send(KZ).id


def test_what_waits_ends_when_its_country_is_blocked(smsq: Smsq) -> None:
    """At the claim, as an opt-out does."""
    ledger = smsq.runtime.ledger
    view = smsq.campaigns.run([RU, KZ], text="Hi")
    (ref,) = ledger.feed(view.id, 5, 100)[0]
    smsq.countries.block("KZ")
    ledger.claim(ref, "n1", **vars(TERMS))
    claim = ledger.claim(ref, "n2", **vars(TERMS))

    assert isinstance(claim, Claim)
    assert claim.recipients == [79990000001]
    assert dict(smsq.campaigns.show(view.id).statuses) == {"sending": 1, "blocked": 1}


def test_what_is_no_country(smsq: Smsq) -> None:
    """It is named, and nothing is changed."""
    for wrong in ("XX", "Kazakhstan", ""):
        with pytest.raises(errors.BadInput, match="no country is called"):
            smsq.countries.block(wrong)
    with pytest.raises(errors.BadInput, match="there is no rule for KZ"):
        smsq.countries.release("KZ")
    assert smsq.countries.rules() == []


def test_the_command(run: Callable[..., Any]) -> None:
    """As an operator types it: one wrong name changes nothing."""
    assert run("countries", "block", "KZ", "QQ").exit_code == 2
    assert run("countries", "list", "--json").stdout.strip() == "[]"
    assert run("countries", "block", "KZ", "de").stdout == "blocked KZ, DE\n"
    assert run("countries", "release", "DE").stdout == "released DE\n"
    assert run("countries", "list").stdout.startswith("KZ      blocked")
