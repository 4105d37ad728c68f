"""Opt-outs at the door: the list, its files, single messages, and the rows of campaigns."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.producers.intake.drafts import draft
from smsq.worker.domain import errors
from smsq.worker.domain.batch import unpack_recipients, unpack_texts
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.optout import Scope
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim
from smsq.worker.ledger.values import ClaimCall
from tests.producers.conftest import TERMS

FIRST = 79990000000


def people(path: Path, rows: int, *extra: str) -> Path:
    good = [f"+{FIRST + n},P{n}" for n in range(rows)]
    path.write_text("\n".join(["phone,name", *good, *extra]) + "\n")
    return path


def test_the_list(smsq: Smsq) -> None:
    """One entry for each scope; the first date and reason stay; a number may be written in any way."""
    assert smsq.optouts.add("8 999 000-00-01", reason="called us")
    assert not smsq.optouts.add("+79990000001", reason="again")
    assert smsq.optouts.add(79990000001, topic="News")
    assert smsq.optouts.add("Anna@Example.ru", sender="Shop")

    assert [(each.scope, each.reason) for each in smsq.optouts.of("+79990000001")] == [
        (Scope(), "called us"), (Scope(topic="news"), ""),
    ]  # fmt: skip
    assert [each.shown for each in smsq.optouts.list(sender="shop")] == ["anna@example.ru"]
    assert smsq.optouts.remove("+79990000001")
    assert not smsq.optouts.remove("+79990000001")
    assert smsq.optouts.count() == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"sender": "a", "topic": "b"}, "a sender or from a topic"),
        ({"topic": "two words"}, "a topic is a word"),
        ({"topic": ""}, "a topic is a word"),
        ({"sender": " "}, "the sender is empty"),
        ({"reason": "x" * 300}, "a reason has at most 200"),
    ],
    ids=["both", "two words", "empty topic", "empty sender", "long reason"],
)
def test_what_is_no_opt_out(smsq: Smsq, given: dict[str, str], why: str) -> None:
    """It is refused with what would do, and nothing is changed."""
    with pytest.raises(errors.BadInput, match=why):
        smsq.optouts.add("+79990000001", **given)  # type: ignore[arg-type]
    assert smsq.optouts.count() == 0


def test_rows_are_left_out_when_they_are_enrolled(smsq: Smsq, tmp_path: Path) -> None:
    """In the report they stand in their place with their status; the others keep their texts."""
    smsq.optouts.add(f"+{FIRST + 1}")
    smsq.optouts.add(f"+{FIRST + 150}", topic="news")
    file = people(tmp_path / "x.csv", 250)
    view = smsq.campaigns.run(file, text="Hello {name}", topic="News")

    report = list(smsq.campaigns.report(view.id))
    assert dict(view.statuses) == {"queued": 248, "optout": 2}
    assert (view.messages, view.enrolled, view.parts, view.topic) == (250, 248, 248, "news")
    assert [(each.row, each.phone, each.error) for each in report if each.status == "optout"] == [
        (2, f"+{FIRST + 1}", "this recipient has opted out"), (151, f"+{FIRST + 150}", "this recipient has opted out"),
    ]  # fmt: skip
    claim = smsq.runtime.ledger.claim_next("n", TERMS, ClaimCall("w/1", 1, "bulk"))
    if not isinstance(claim, Claim):  # it is not handed out yet
        refs, _ = smsq.runtime.ledger.feed(view.id, 5, 100)
        claim = smsq.runtime.ledger.claim(refs[0], "m", **vars(TERMS))
    assert isinstance(claim, Claim)
    assert list(zip(claim.recipients, claim.texts, strict=True))[:2] == [
        (FIRST, "Hello P0"), (FIRST + 2, "Hello P2"),
    ]  # fmt: skip


def test_a_whole_batch_that_opted_out_leaves_no_batch(smsq: Smsq, tmp_path: Path) -> None:
    """Rows of the next one keep their numbers."""
    for n in range(100):
        smsq.optouts.add(FIRST + n)
    view = smsq.campaigns.run(people(tmp_path / "x.csv", 150), text="Hi")

    assert (view.batches, dict(view.statuses)) == (1, {"queued": 50, "optout": 100})
    assert [each.row for each in smsq.campaigns.report(view.id)] == list(range(1, 151))


def test_nobody_left_enrols_nothing(smsq: Smsq, tmp_path: Path) -> None:
    """The command says why before anything is written."""
    smsq.optouts.add(FIRST)
    file = people(tmp_path / "x.csv", 1)
    found = smsq.campaigns.look(draft(file, text="Hi"))

    assert (found.messages, found.opted_out) == (0, 1)


def test_a_single_message(smsq: Smsq) -> None:
    """It is refused; one that was enrolled before gets its first answer; one that must go goes."""
    first = smsq.send(FIRST, "Hi", key="k1", lane="bulk")
    smsq.optouts.add(FIRST)

    with pytest.raises(errors.OptedOut, match="has opted out: nothing was enrolled"):
        smsq.send(FIRST, "Hi", key="k2")
    assert smsq.send(FIRST, "Hi", key="k1", lane="bulk").id == first.id
    forced = smsq.send(FIRST, "Your contract ends", key="k3", even_opted_out=True)
    assert forced.created


def test_a_sender_that_is_written_otherwise(smsq: Smsq) -> None:
    """Is the same one."""
    smsq.optouts.add(FIRST, sender="SHOP")
    with pytest.raises(errors.OptedOut):
        smsq.send(FIRST, "Hi", sender="Shop")
    assert smsq.send(FIRST, "Hi", sender="Bank").created


def test_a_list_goes_out_and_comes_in_again(smsq: Smsq, tmp_path: Path) -> None:
    """With scopes, reasons and dates; a nick is no formula."""
    smsq.optouts.add("+79990000001", reason="=1+1, said he")
    smsq.optouts.add("@anna_k", topic="news")
    smsq.optouts.add("79990000002", sender="Shop")
    before = sorted(smsq.optouts.list(), key=repr)
    out = io.StringIO(newline="")
    assert smsq.optouts.export(out) == 3
    file = tmp_path / "list.csv"
    file.write_text(out.getvalue(), newline="")
    for each in before:
        smsq.runtime.ledger.opt_in([each])
    assert smsq.optouts.count() == 0

    done = smsq.optouts.import_file(file)

    assert (done.rows, done.added, done.bad) == (3, 3, 0)
    after = sorted(smsq.optouts.list(), key=repr)
    assert [(a.key, a.scope, a.reason, int(a.at)) for a in after] == [
        (b.key, b.scope, b.reason, int(b.at)) for b in before
    ]
    assert smsq.optouts.import_file(file).known == 3


def test_a_file_with_broken_rows(smsq: Smsq, tmp_path: Path) -> None:
    """Nothing goes in, and each is named; with `skip_bad` the others do."""
    file = tmp_path / "list.csv"
    file.write_text(
        "phone;topic;at\n+79990000001;news;2026-01-05\n123;news;\n+79990000002;no topic;\n+79990000003;news;soon\n"
    )

    with pytest.raises(errors.BadInput) as refusal:
        smsq.optouts.import_file(file)
    assert smsq.optouts.count() == 0
    assert "3 of 4 rows" in refusal.value.sentence
    assert "row 2: 123: too few digits" in refusal.value.sentence
    assert "column at: 'soon' is no moment" in refusal.value.sentence

    done = smsq.optouts.import_file(file, skip_bad=True)
    assert (done.added, done.bad, [each.row for each in done.rejects]) == (1, 3, [2, 3, 4])
    assert [int(each.at) for each in smsq.optouts.list()] == [1767571200]


def settled(smsq: Smsq, campaign: str) -> None:
    """All that is ready is claimed, accepted and delivered."""
    ledger = smsq.runtime.ledger
    for number, ref in enumerate(ledger.feed(campaign, 50, 100)[0] or smsq.runtime.views.batch_refs(campaign)):
        claim = ledger.claim(ref, f"s{number}", **vars(TERMS))
        assert isinstance(claim, Claim)
        ledger.settle_accepted(claim, 1, Decimal(1), 60.0)
        now = int(ledger.time())
        for phone in claim.recipients:
            ledger.advance(
                [
                    Fact(
                        gateway_id=claim.gateway_id,
                        recipient=phone,
                        status=Status.DELIVERED,
                        cost=Decimal(1),
                        at=now,
                    )
                ]
            )


def everything(smsq: Smsq) -> str:
    """All that Redis holds, texts unpacked."""
    redis = smsq.runtime.ledger.redis
    told = []
    for key in redis.keys("*"):
        kind = redis.type(key)
        value = redis.hgetall(key) if kind == b"hash" else redis.get(key) if kind == b"string" else key
        told.append(repr((key, value)))
        if kind == b"hash":
            for name, raw in value.items():
                if key.startswith(b"{smsq}:b:") and name.endswith(b"t"):
                    told.append(repr(unpack_texts(raw)))
                if key.startswith(b"{smsq}:b:") and name.endswith(b"p"):
                    told.append(repr(unpack_recipients(raw)))
    return "\n".join(told)


def test_a_person_is_forgotten(smsq: Smsq, tmp_path: Path) -> None:
    """Its message, its text, its rejected rows; the report keeps the row; the opt-out works on as a hash."""
    phone = FIRST + 3
    file = people(tmp_path / "x.csv", 5, f"8{str(phone)[1:]},Again", "12,Bad")
    view = smsq.campaigns.run(file, text="Hello {name}")
    settled(smsq, view.id)
    smsq.optouts.add(phone, reason="wrote to us")
    assert str(phone) in everything(smsq)

    done = smsq.optouts.forget(f"+{phone}")

    assert (done.messages, done.rows, done.optouts, done.left) == (1, 1, 1, [])
    left = everything(smsq)
    assert str(phone) not in left
    assert str(phone)[1:] not in left
    assert "Hello P3" not in left
    assert "Hello P2" in left
    report = [(each.row, each.phone, each.status) for each in smsq.campaigns.report(view.id)]
    assert report[3] == (4, "", "delivered")
    assert report[5] == (6, "", "duplicate")
    assert report[2] == (3, f"+{FIRST + 2}", "delivered")
    assert smsq.campaigns.show(view.id).statuses == {"delivered": 5, "duplicate": 1, "invalid": 1}
    assert [each.recipient for each in smsq.optouts.list()] == [None]
    with pytest.raises(errors.OptedOut):
        smsq.send(phone, "Hi")
    other = smsq.campaigns.run([f"+{phone}", f"+{FIRST + 99}"], text="Once more")
    assert dict(other.statuses) == {"queued": 1, "optout": 1}
    assert smsq.optouts.remove(phone)
    assert smsq.optouts.count() == 0


def test_what_is_in_motion_is_not_forgotten(smsq: Smsq, tmp_path: Path) -> None:
    """It is named with its reason, and the opt-out stays readable; later the same call finishes."""
    view = smsq.campaigns.run(people(tmp_path / "x.csv", 2), text="Hi")
    smsq.optouts.add(FIRST, topic="news")

    first = smsq.optouts.forget(FIRST)
    assert [why for _, why in first.left] == ["it waits to be sent"]
    assert (first.messages, first.optouts) == (0, 0)
    assert [each.shown for each in smsq.optouts.list()] == [f"+{FIRST}"]

    smsq.optouts.remove(FIRST, topic="news")
    ref = smsq.runtime.views.batch_refs(view.id)[0]
    smsq.runtime.ledger.feed(view.id, 5, 100)
    smsq.runtime.ledger.screen(ref)
    settled(smsq, view.id)
    second = smsq.optouts.forget(FIRST)
    assert (second.messages, second.left) == (1, [])
