"""Codes that are over while a message of theirs is still on its way: it is not sent again."""

from __future__ import annotations

import pytest

from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.otp import Verdict
from smsq.worker.ledger import Claim, ClaimRefusal, NoClaim
from smsq.worker.ledger.batches.asking import Probe
from tests.producers.otp.story import Story


def asked_in_vain(story: Story, claim: Claim) -> tuple[str, str]:
    """A question that shows nothing, a minute after a doubt."""
    story.ahead_s += 62.0
    probe = Probe(story.ledger.time(), 62.0, [], 0.0, True, {}, [claim.gateway_id])
    return story.ledger.probe(
        claim.ref, probe, window_s=300.0, arrival_s=195.0, next_ask_s=60.0, patience_s=1e6, blind_patience_s=1e6,
        resend_after_s=61.0,
    )  # fmt: skip


def claimed_again(story: Story, ref: Ref) -> Claim | NoClaim:
    return story.ledger.claim(
        ref, "another", owner="urgent/h/1/a", mirror="https://one", lease_s=45.0, parallel=10, urgent_slots=3,
        slot_kept_s=1.0, credentials="right",
    )  # fmt: skip


@pytest.mark.parametrize("is_used", [False, True])
def test_a_second_copy_leaves_only_while_the_code_may_be_entered(story: Story, is_used: bool) -> None:
    """Its answer was lost and it arrived: once the person has entered it, nobody needs another."""
    code = story.send(channels="sms", ttl=600, on_doubt="resend", template="{code}")
    claim = story.claim(code.message_id)
    story.ledger.doubt(claim, "no_answer", 1.0, over=True)
    if is_used:
        assert story.smsq.otp.check(code.id, story.texts[0]) is Verdict.RIGHT

    state = asked_in_vain(story, claim)[0]

    assert (state == "ready") == (not is_used)
    assert isinstance(claimed_again(story, claim.ref), Claim) == (not is_used)


def test_a_message_that_comes_back_does_not_leave_again(story: Story) -> None:
    """The gateway said "later" to the second channel, and meanwhile the first one's code was entered."""
    code = story.send(channels="sms:5s,tg", template="{code}")
    story.accept(code.message_id)
    story.ahead_s = 6.0
    story.look(code)
    second = story.claim(story.step(code))
    assert story.smsq.otp.check(code.id, story.texts[0]) is Verdict.RIGHT
    story.ledger.release(second, unwritten=False)

    refused = claimed_again(story, second.ref)

    assert isinstance(refused, NoClaim)
    assert refused.refusal is ClaimRefusal.SETTLED
    assert [step.status for step in story.shown(code).steps] == ["accepted", "late"]


def test_what_is_on_its_way_is_settled_as_ever(story: Story) -> None:
    """A code that is entered before the gateway's answer is read: it was accepted."""
    code = story.send(channels="sms", template="{code}")
    claim = story.claim(code.message_id)
    assert story.smsq.otp.check(code.id, story.texts[0]) is Verdict.RIGHT
    story.ledger.settle_accepted(claim, 1, None, 60.0)

    assert [step.status for step in story.shown(code).steps] == ["accepted"]


def test_a_parked_message_is_not_released_to_leave(story: Story) -> None:
    """An operator decides about a code that nobody can enter any more."""
    code = story.send(channels="sms", on_doubt="park", template="{code}", ttl=600)
    claim = story.claim(code.message_id)
    story.ledger.doubt(claim, "no_answer", 1.0, over=True)
    assert story.smsq.otp.check(code.id, story.texts[0]) is Verdict.RIGHT
    ref = Ref(MessageId.parse(code.message_id).batch)
    batch = story.ledger.read([ref])[0]
    assert batch is not None
    story.ledger.resolve(ref, batch.fence, "release")

    assert isinstance(claimed_again(story, ref), NoClaim)


def test_the_text_of_a_parked_code_goes_with_its_time(story: Story) -> None:
    """Whatever an operator decides: it may not leave any more."""
    code = story.send(channels="sms", on_doubt="park", ttl=600)
    claim = story.claim(code.message_id)
    story.ledger.doubt(claim, "no_answer", 1.0, over=True)
    story.ahead_s = 400.0
    absent = Probe(story.ledger.time(), 400.0, ["https://one"], story.ledger.time(), False, {claim.gateway_id: [0]})
    ended = story.ledger.probe(
        claim.ref, absent, window_s=300.0, arrival_s=195.0, next_ask_s=60.0, patience_s=1e6, blind_patience_s=1e6
    )
    assert ended == ("parked", "policy")
    text = (story.ledger.keys.shard(claim.ref.number), f"{claim.ref.number}t")
    story.ledger.watched(claim.ref, 3600.0)
    assert story.ledger.redis.hexists(*text)

    story.ahead_s = 601.0
    story.ledger.watched(claim.ref, 3600.0)

    assert not story.ledger.redis.hexists(*text)
