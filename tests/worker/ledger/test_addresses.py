"""Messages to addresses in the ledger; those to phones keep the bytes and the hashes that they always had."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from smsq.worker.domain.batch import MessageId, Options, Ref, pack
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status
from smsq.worker.gateway.options import given_options
from smsq.worker.ledger.batches.enrolment import hash_of
from smsq.worker.ledger.campaigns.lately import USE, Printer
from smsq.worker.ledger.values import NewMessage
from smsq.worker.sealing import Sealer
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79991234567
ANNA, BOB, NICK = "anna@example.ru", "bob+7@example.ru", "@carol"
EVERYBODY: list[Recipient] = [ANNA, PHONE, BOB, NICK, "#123456"]
MAIL = Options(channel="mail", sender="shop@example.ru", subj="Hello")


def test_a_phone_keeps_its_hashes(desk: Any) -> None:
    """The content of a key, and the fingerprint of a text: a message of an older version is known again."""
    desk.single(phone=PHONE, lane="bulk", key="order-17")
    content = desk.redis.hget(desk.ledger.key(f"idem:{hash_of('order-17')}"), "content").decode()
    assert content == hashlib.sha256(b"79991234567\0Hi\0{}\0ask").hexdigest()

    key = Sealer(["a secret of thirty-two characters"]).key()
    hasher = key.hasher(f"{USE}/each", 6)
    hasher.update(b"Shop\x00" + b"79991234567\x00Hi")
    assert Printer(key, "Shop").each(PHONE, "Hi") == hasher.digest()


def mixed(desk: Any, recipients: list[Recipient] = EVERYBODY) -> tuple[str, Ref]:
    """A campaign to everybody."""
    opened = desk.ledger.open_campaign(desk.plan(options=MAIL))
    many = len(recipients)
    batch = pack(recipients, None, range(1, many + 1), many)
    desk.ledger.enrol_range(opened.id, 1, [batch], [], many, channel="mail")
    desk.ledger.close_campaign(opened.id)
    (ref,) = desk.ledger.feed(opened.id, 1, 10)[0]
    return opened.id, ref


def test_addresses_go_from_claim_to_report(desk: Any) -> None:
    """Each is found again by what the gateway calls it, and by nothing else."""
    campaign, ref = mixed(desk)
    claim = desk.settled(ref)

    assert claim.recipients == EVERYBODY
    assert [desk.fact(claim.gateway_id, each) for each in EVERYBODY] == [1] * 5
    assert desk.statuses(ref) == ["delivered"] * 5
    told = [row.phone for row in desk.views.report(campaign)]
    assert told == [ANNA, f"+{PHONE}", BOB, NICK, "#123456"]


@pytest.mark.parametrize(
    "stranger", ["dan@example.ru", "anna", PHONE + 1, 0, "7", "79991234567.0", "nan", "inf", "0x10"]
)
def test_a_stranger_changes_nothing(desk: Any, stranger: Recipient) -> None:
    """Neither in a batch of addresses nor in one of phones."""
    _, ref = mixed(desk)
    claim = desk.settled(ref)
    phones = desk.settled(desk.single(phone=PHONE))

    assert desk.fact(claim.gateway_id, stranger) == desk.fact(phones.gateway_id, stranger) == 0
    assert desk.totals()["alarm:foreign-id"] == 2
    assert desk.fact(phones.gateway_id, ANNA) == 0


def test_the_rest_of_a_batch_goes_on(desk: Any) -> None:
    """A found address is proved, and only the others leave again."""
    _, ref = mixed(desk, [ANNA, PHONE, BOB])
    claim = desk.doubted(ref)
    desk.fact(claim.gateway_id, BOB, Status.ACCEPTED)
    desk.probe(ref, {claim.gateway_id: [0, 1]})

    assert desk.claim(ref).recipients == [ANNA, PHONE]


@pytest.mark.parametrize(("recipient", "state"), [(ANNA, "ready"), (NICK, "parked"), ("#123456", "parked")])
def test_a_nick_is_not_sent_to_twice(desk: Any, recipient: Recipient, state: str) -> None:
    """In which form the gateway keeps it is not known, so that it may answer "not there" of one that arrived."""
    options = MAIL if recipient == ANNA else Options(channel="bot", bot="@shop_bot")
    enrolled = desk.ledger.enrol(NewMessage(recipient, "Hi", lane="bulk", options=options))
    ref = Ref(MessageId.parse(enrolled.id).batch)
    claim = desk.doubted(ref)

    assert desk.probe(ref, {claim.gateway_id: [0]})[0] == state


def test_an_address_is_no_control(desk: Any) -> None:
    """History may list e-mails elsewhere: what is missing beside one proves nothing."""
    _, ref = mixed(desk)
    desk.settled(ref)
    desk.now += 3600.0
    assert desk.ledger.control_message(60.0) is None

    single = Ref(MessageId.parse(desk.ledger.enrol(NewMessage(ANNA, "Hi", lane="bulk", options=MAIL)).id).batch)
    desk.settled(single)
    desk.now += 3600.0
    assert desk.ledger.control_message(60.0) is None

    desk.settled(desk.single(phone=PHONE))
    desk.now += 3600.0
    assert desk.ledger.control_message(60.0).phone == PHONE


def test_the_same_key_and_address_are_one_message(desk: Any) -> None:
    """A phone and an address never have one content."""
    first = desk.ledger.enrol(NewMessage(ANNA, "Hi", lane="bulk", key="k", options=MAIL))
    again = desk.ledger.enrol(NewMessage(ANNA, "Hi", lane="bulk", key="k", options=MAIL))

    assert (first.id, first.created, again.created) == (again.id, True, False)
    assert desk.views.receipt(MessageId.parse(first.id)).phone == ANNA


def test_a_time_that_moved_is_the_same_wish(desk: Any) -> None:
    """`+30` has become another moment when the call is repeated."""
    wish = Options(time="+30")
    for moment in ("01795262400", "01795262460"):
        options = Options(time=moment)
        enrolled = desk.ledger.enrol(NewMessage(PHONE, "Hi", lane="bulk", key="k", options=options, said=wish))

    assert not enrolled.created
    assert desk.claim(Ref(MessageId.parse(enrolled.id).batch)).options == Options(time="01795262400")


def test_options_written_before_are_read(desk: Any) -> None:
    """What was enrolled by a version without keywords for them."""
    written = b'{"channel":"call","sender":"Shop","valid":"2","translit":1,"extra":{"param":"25,60,2","voice":"w"}}'
    options = msgspec.json.decode(written, type=Options)

    assert options.written() == written
    assert (options.extra, given_options(options)) == (
        {"param": "25,60,2", "voice": "w"},
        {"sender": "Shop", "valid": "2", "translit": 1},
    )
