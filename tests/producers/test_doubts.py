"""Deciding about doubts: what is shown is what is decided about, and the reason stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.report import iso
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim
from smsq.worker.ledger.batches.asking import Probe


def claim(smsq: Smsq, ref: Ref) -> Claim:
    granted = smsq.runtime.ledger.claim(
        ref, "n" * 8, owner="urgent/h/1/a", mirror="https://one", lease_s=45.0, parallel=10, urgent_slots=3,
        slot_kept_s=75.0, credentials="right",
    )  # fmt: skip
    assert isinstance(granted, Claim), granted
    return granted


def doubtful(smsq: Smsq, phone: str = "+79991234567") -> tuple[str, Claim]:
    """A message whose answer was lost: its id, and its claim."""
    sent = smsq.send(phone, "Hi")
    granted = claim(smsq, Ref(MessageId.parse(sent.id).batch))
    smsq.runtime.ledger.doubt(granted, "no_answer", 1.0)
    return sent.id, granted


def test_everything_known_is_shown(smsq: Smsq) -> None:
    """Ids, mirrors, how often it was asked about; by the batch's number or a message's id."""
    message, granted = doubtful(smsq)
    assert smsq.doubts.list() == []
    (doubt,) = smsq.doubts.list(parked_only=False)
    assert (doubt.state, doubt.messages, doubt.phones) == ("doubtful", [message], ["+79991234567"])
    assert [(each.gateway_id, each.mirror) for each in doubt.batch.ids] == [(granted.gateway_id, "https://one")]
    assert smsq.doubts.show(message) == smsq.doubts.show(doubt.id) == doubt
    for unknown in ("999999", "x", "-1"):
        with pytest.raises(BadInput, match="smsq doubts list"):
            smsq.doubts.show(unknown)


@pytest.mark.parametrize(("decision", "status"), [("settle", "accepted"), ("drop", "cancelled"), ("resend", "queued")])
def test_a_decision_and_its_reason(smsq: Smsq, decision: str, status: str) -> None:
    """It ends the doubt; whoever looks later sees who decided what and why."""
    message, _ = doubtful(smsq)
    after = smsq.doubts.decide(smsq.doubts.show(message), decision, "seen  in the\nhistory")
    assert smsq.status(message).status == status
    assert [(what, why) for _, what, why in after.decisions] == [
        ("release" if decision == "resend" else decision, "seen in the history")
    ]
    assert (smsq.status(message).why != "") == (decision == "resend")


def test_a_decision_holds_for_what_was_shown(smsq: Smsq) -> None:
    """Somebody else was quicker, or the gateway."""
    message, granted = doubtful(smsq)
    shown = smsq.doubts.show(message)
    smsq.runtime.ledger.advance(
        [Fact(gateway_id=granted.gateway_id, recipient=79991234567, status=Status.DELIVERED, at=1)]
    )
    with pytest.raises(Conflict, match="it is settled now"):
        smsq.doubts.decide(shown, "resend", "gone")
    with pytest.raises(BadInput, match="reason"):
        smsq.doubts.decide(shown, "settle", "  ")
    assert smsq.status(message).status == "delivered"


def test_a_double_that_somebody_chose_is_counted_apart(smsq: Smsq) -> None:
    """The alarm is for doubles that nobody chose."""
    message, first = doubtful(smsq)
    smsq.doubts.decide(smsq.doubts.show(message), "resend", "the person never got it")
    second = claim(smsq, first.ref)
    smsq.runtime.ledger.settle_accepted(second, 1, None, 60.0)
    smsq.runtime.ledger.advance(
        [Fact(gateway_id=first.gateway_id, recipient=79991234567, status=Status.DELIVERED, at=1)]
    )
    assert smsq.runtime.views.depth().one("smsq_double_accepts_total") == 0
    assert int(smsq.runtime.ledger.redis.hget("{smsq}:totals", "resend_doubles")) == 1
    assert "may be double" in smsq.status(message).why


def test_a_finished_campaign_goes_on_for_what_is_sent_again(smsq: Smsq) -> None:
    """Parked messages count as over, until somebody says otherwise."""
    campaign = smsq.campaigns.run([{"phone": "+79991234567"}], text="Hi", on_doubt="park")
    (ref,), _ = smsq.runtime.ledger.feed(campaign.id, 1, 100)
    smsq.runtime.ledger.doubt(claim(smsq, ref), "no_answer", 1.0)
    smsq.runtime.ledger.redis.hset(f"{{smsq}}:c:{campaign.id}", "state", "done")
    smsq.doubts.decide(smsq.doubts.show(str(ref.number)), "resend", "wanted")
    assert smsq.campaigns.show(campaign.id).state == "running"


def test_what_a_doubt_waits_for_and_until_when(run: Any, smsq: Smsq) -> None:
    """The very moment, of each batch and of its campaign: a window after the claim, two beside an older control."""
    campaign = smsq.campaigns.run([{"phone": "+79991234567"}, {"phone": "+79991234568"}], text="Hi")
    (ref,), _ = smsq.runtime.ledger.feed(campaign.id, 1, 100)
    smsq.runtime.ledger.doubt(claim(smsq, ref), "no_answer", 5.0)
    (doubt,) = smsq.doubts.list(parked_only=False)
    claimed_at = doubt.batch.ids[0].claimed_at
    assert doubt.absence_from is None
    assert "2 messages are in doubt" in doubt.waits
    assert "shown none yet" in smsq.campaigns.why_in_doubt(smsq.campaigns.show(campaign.id))

    smsq.runtime.ledger.redis.hset("{smsq}:control", mapping={"young": "1:79990000001", "young_at": 1})
    (doubt,) = smsq.doubts.list(parked_only=False)
    assert doubt.absence_from == claimed_at + 600.0
    assert doubt.next_ask == pytest.approx(claimed_at + 5.0, abs=4.0)
    assert iso(claimed_at + 600.0) in smsq.campaigns.why_in_doubt(smsq.campaigns.show(campaign.id))

    told = json.loads(run("doubts", "show", doubt.id, "--json").output)
    assert (told["absence_from"], told["waits"]) == (doubt.absence_from, doubt.waits)
    for words in (("doubts", "show", doubt.id), ("doubts", "list", "--all")):
        assert f"has not shown by {iso(claimed_at + 600.0)} counts as not arrived" in run(*words).output


def test_a_copy_that_its_sender_chose_is_labelled(run: Any, smsq: Smsq) -> None:
    """In the receipt, for people and machines, and in what is known about the doubt."""
    enrolled = run("send", "+79991234567", "Your code is 4821", "--on-doubt", "resend", "--deadline", "600")
    message = enrolled.output.split()[0]
    ref = Ref(MessageId.parse(message).batch)
    first = claim(smsq, ref)
    smsq.runtime.ledger.doubt(first, "no_answer", 1.0)
    asked = Probe(0.0, 0.0, [], 0.0, True, {}, [first.gateway_id])
    ended = smsq.runtime.ledger.probe(
        ref, asked, window_s=300.0, arrival_s=195.0, next_ask_s=1.0, patience_s=60.0, blind_patience_s=60.0,
        resend_after_s=0.0,
    )  # fmt: skip

    assert ended == ("ready", "resent")
    assert json.loads(run("status", message, "--json").output)["may_double"] is True
    assert "may double" in run("status", message).output
    assert "may double: its sender had it sent again" in run("doubts", "show", message).output
    assert json.loads(run("doubts", "show", message, "--json").output)["resent_by"] == "sender"


def test_the_command(run: Any, smsq: Smsq) -> None:
    """It shows before it does, and asks where somebody can be asked."""
    message, _ = doubtful(smsq)
    assert "nothing is parked" in run("doubts", "list").output
    assert f"{message.partition('.')[0]}  doubtful" in run("doubts", "list", "--all").output
    assert "under gateway id" in run("doubts", "show", message).output
    told = json.loads(run("doubts", "show", message, "--json").output)
    assert run("doubts", "resend", message).exit_code == 2  # no reason
    refused = run("doubts", "resend", message, "--reason", "x")
    assert (refused.exit_code, "add --yes" in refused.output, "TWICE" in refused.output) == (2, True, True)
    assert run("doubts", "drop", message, "--reason", "x", "--yes", "--fence", "7").exit_code == 2
    done = run("doubts", "drop", message, "--reason", "late", "--yes", "--fence", str(told["fence"]), "--json")
    assert done.exit_code == 0
    assert json.loads(done.output)["decisions"][0]["reason"] == "late"
    assert run("doubts", "settle", message, "--reason", "x", "--yes").exit_code == 2
