"""Single messages and campaigns by other channels than plain SMS, from the caller to the ledger and the report."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.intake.own_columns import OwnColumns
from smsq.producers.intake.repeats import number_of
from smsq.producers.intake.rows import inspect
from smsq.producers.report import as_object, found_columns, write_csv
from smsq.producers.terminal.display import campaign_object, print_campaign
from smsq.worker.domain import errors
from smsq.worker.domain.batch import MessageId, Options, Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim, Enrolled

MAIL = Options(channel="mail", sender="shop@example.ru", subj="Autumn")
PEOPLE = """email,name
anna@example.ru,Anna
Boris@Example.ru,Boris
nobody,Vera
anna@EXAMPLE.ru,Anna again
G12,Everybody
gleb@example.ru,Gleb
"""


def claimed(smsq: Smsq, ref: Ref, nonce: str = "a") -> Claim:
    """Take it, as a worker does."""
    terms: dict[str, Any] = {"owner": "o", "mirror": "m", "lease_s": 45.0, "parallel": 10, "urgent_slots": 3}
    claim = smsq.runtime.ledger.claim(ref, nonce, **terms, slot_kept_s=75.0, credentials="c")
    assert isinstance(claim, Claim), claim
    return claim


def fed(smsq: Smsq, campaign_id: str) -> list[Ref]:
    """The batches of a campaign, handed out."""
    return smsq.runtime.ledger.feed(campaign_id, 10, 100)[0]


def ref_of(sent: Enrolled) -> Ref:
    """The batch of a single message."""
    return Ref(MessageId.parse(sent.id).batch)


def test_an_e_mail_campaign_is_as_any_other(smsq: Smsq, tmp_path: Path) -> None:
    """From its file to its report: addresses in one form, doubles and groups left out, a status for each."""
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    view = smsq.campaigns.run(file, text="Hello {name}", options=MAIL)

    assert dict(view.statuses) == {"queued": 3, "invalid": 2, "duplicate": 1}
    (ref,) = fed(smsq, view.id)
    claim = claimed(smsq, ref)
    people: list[Recipient] = ["anna@example.ru", "boris@example.ru", "gleb@example.ru"]
    assert (claim.recipients, claim.texts) == (people, ["Hello Anna", "Hello Boris", "Hello Gleb"])
    assert claim.options == MAIL

    ledger = smsq.runtime.ledger
    ledger.settle_accepted(claim, 1, None, 60.0)
    ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=each, status=Status.READ, at=1) for each in people[:2]])
    receipts = list(smsq.campaigns.report(view.id))
    assert [(each.row, each.phone, each.status) for each in receipts] == [
        (1, "anna@example.ru", "read"),
        (2, "boris@example.ru", "read"),
        (3, "nobody", "invalid"),
        (4, "anna@EXAMPLE.ru", "duplicate"),
        (5, "G12", "invalid"),
        (6, "gleb@example.ru", "accepted"),
    ]
    assert "contact group" in receipts[4].error

    out = io.StringIO()
    write_csv(receipts, out, OwnColumns(inspect(file, "email")))
    line = out.getvalue().splitlines()[2]
    assert line.startswith("2,boris@example.ru,read,")
    assert line.endswith(",Boris@Example.ru,Boris")


def test_rows_of_a_viber_campaign_that_were_sent_by_sms(smsq: Smsq) -> None:
    """By another channel it is another message; by the same one it was sent already."""
    rows = ["+79991234567"]
    smsq.campaigns.run(rows, text="Hello")
    smsq.campaigns.run(rows, text="Hello", options=Options(channel="viber"))
    with pytest.raises(errors.Conflict, match="sent already"):
        smsq.campaigns.run([*rows, "+79991234568"], text="Hello", options=Options(channel="viber"))


def test_e_mails_that_were_sent_are_known_again(smsq: Smsq) -> None:
    """However the address is written in the corrected file."""
    first = smsq.campaigns.run([{"email": "anna@example.ru"}, {"email": "bob@example.ru"}], text="Hi", options=MAIL)
    rows = [{"email": "Anna@Example.ru"}, {"email": "carol@example.ru"}]
    with pytest.raises(errors.Conflict, match=f"1 row was sent already .* by campaign {first.id}"):
        smsq.campaigns.run(rows, text="Hi", options=MAIL)
    second = smsq.campaigns.run(rows, text="Hi", options=MAIL, only_new=True)

    (ref,) = fed(smsq, second.id)
    assert claimed(smsq, ref).recipients == ["carol@example.ru"]


def test_an_address_is_compared_as_a_number() -> None:
    """Larger than any phone, the same every time, and another for each."""
    numbers = [number_of(f"p{n}@example.ru") for n in range(1000)]

    assert number_of(79991234567) == 79991234567
    assert len(set(numbers)) == 1000
    assert min(numbers) >= 1 << 63 > 10**15
    assert numbers[7] == number_of("p7@example.ru")


def test_options_of_rows_reach_their_requests(smsq: Smsq) -> None:
    """Each batch leaves with its own; the report is in the file's order all the same."""
    rows = [{"email": f"p{n}@example.ru", "subj": f"Topic {n % 2}"} for n in range(6)]
    view = smsq.campaigns.run(rows, text="Hi", options=Options(channel="mail", sender="a@b.ru"), per_row=["subj"])
    said: dict[str | None, list[Any]] = {}
    for number, ref in enumerate(fed(smsq, view.id)):
        claim = claimed(smsq, ref, str(number))
        said[claim.options.subj] = list(claim.recipients)

    assert said == {
        "Topic 0": ["p0@example.ru", "p2@example.ru", "p4@example.ru"],
        "Topic 1": ["p1@example.ru", "p3@example.ru", "p5@example.ru"],
    }
    receipts = list(smsq.campaigns.report(view.id))
    assert [(each.row, each.phone) for each in receipts] == [(n + 1, f"p{n}@example.ru") for n in range(6)]
    one = smsq.status(receipts[3].id)  # its batch is known to be a campaign's
    assert (one.phone, one.campaign, one.row) == ("p3@example.ru", view.id, 4)


def test_rows_have_senders_and_channels_of_their_own(smsq: Smsq) -> None:
    """From the rows to the requests, to the report, and to the totals by channel when it is cancelled."""
    ways = [("Shop", "viber"), ("", ""), ("Bank", "sms"), ("Shop", "viber")]
    rows = [{"phone": f"+7999123456{n}", "s": sender, "c": way} for n, (sender, way) in enumerate(ways)]
    view = smsq.campaigns.run(rows, text="Hi", sender="Club", per_row={"sender": "s", "channel": "c"})
    told = {}
    for number, ref in enumerate(fed(smsq, view.id)[:2]):
        claim = claimed(smsq, ref, str(number))
        told[claim.options.sender, claim.options.channel] = list(claim.recipients)
        smsq.runtime.ledger.settle_accepted(claim, 1, None, 60.0)

    assert told == {("Shop", "viber"): [79991234560, 79991234563], ("Club", "sms"): [79991234561]}
    receipts = list(smsq.campaigns.report(view.id))
    assert [(each.sender, each.channel) for each in receipts] == [
        ("Shop", "viber"),
        ("Club", "sms"),
        ("Bank", "sms"),
        ("Shop", "viber"),
    ]
    assert (as_object(receipts[2])["sender"], as_object(receipts[2])["channel"]) == ("Bank", "sms")
    out = io.StringIO()
    write_csv(receipts, out, None, found_columns(smsq.campaigns.show(view.id)))
    assert out.getvalue().splitlines()[0].endswith(",sender,channel")
    assert out.getvalue().splitlines()[1].endswith(",Shop,viber")
    assert "sender" not in as_object(
        next(iter(smsq.campaigns.report(smsq.campaigns.run(["+79990000001"], text="Hi").id)))
    )

    copy = smsq.campaigns.copy(view.id, text="Bye")
    assert [each.channel for each in smsq.campaigns.report(copy.id)] == ["viber", "sms", "sms", "viber"]
    smsq.campaigns.cancel(copy.id)
    smsq.runtime.ledger.wind_up(copy.id, 100, 1000)
    totals = smsq.runtime.ledger.redis.hgetall(smsq.runtime.ledger.key("totals"))
    assert (totals[b"messages:bulk:viber:cancelled"], totals[b"messages:bulk:sms:cancelled"]) == (b"2", b"2")


@pytest.mark.parametrize(
    ("whom", "text", "options", "recipient"),
    [
        ("Anna@Example.ru", "Hi", MAIL, "anna@example.ru"),
        ("@Anna_K", "Hi", Options(channel="bot", bot="@shop_bot"), "@anna_k"),
        ("#12345", "4821", Options(channel="tg"), "#12345"),
        ("8 999 123-45-67", "", Options(channel="hlr"), 79991234567),
        ("+79991234567", b"\x06\x05\x04\x0b\x84\x23\xf0", Options(channel="bin"), 79991234567),
    ],
)
def test_a_message_by_every_kind_of_channel(
    smsq: Smsq, whom: str, text: str | bytes, options: Options, recipient: Recipient
) -> None:
    """It is claimed as it was meant, under its own receipt."""
    sent = smsq.send(whom, text, options=options)
    claim = claimed(smsq, ref_of(sent))

    assert (claim.recipients, claim.options.channel) == ([recipient], options.channel)
    assert claim.text == (text.hex() if isinstance(text, bytes) else text)
    assert smsq.status(sent.id).phone == (f"+{recipient}" if isinstance(recipient, int) else recipient)


@pytest.mark.parametrize(
    ("whom", "text", "how", "error", "says"),
    [
        ("G12", "Hi", {}, errors.BadAddress, "contact group"),
        ("G12", "Hi", {"options": MAIL}, errors.BadAddress, "contact group"),
        ("anna@example.ru", "Hi", {}, errors.BadAddress, "goes to a phone"),
        ("+79991234567", "Hi", {"options": MAIL}, errors.BadAddress, "not a mail address"),
        ("anna@example.ru", "Hi", {"options": MAIL, "client": "10.0.0.1"}, errors.BadInput, "the shield counts"),
        ("+79991234567", "", {}, errors.BadText, "empty"),
        ("+79991234567", "Hi", {"options": Options(channel="hlr")}, errors.BadText, "no text"),
        ("+79991234567", b"Hi", {}, errors.BadText, "must be a str"),
        ("+79991234567", "Hi", {"options": Options(subj="x")}, errors.BadInput, "'subj' is for the channels"),
        ("+79991234567", "x" * 990, {"options": Options(comment="too much")}, errors.BadText, "text and comment"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_door(
    smsq: Smsq, whom: str, text: Any, how: dict[str, Any], error: type[errors.BadInput], says: str
) -> None:
    """Nothing is enrolled."""
    with pytest.raises(error, match=says):
        smsq.send(whom, text, **how)

    assert smsq.runtime.ledger.redis.zcard(smsq.runtime.ledger.key("ready:urgent")) == 0


def test_an_mms_with_nothing_in_it_is_refused(smsq: Smsq) -> None:
    """Of a campaign, by row; a file, or an address of one, is something."""
    nothing = "nothing in this mms: give a text, a file or `fileurl`"
    bare, url = Options(channel="mms"), "https://example.ru/a.jpg"
    rows = [("+79991234567", "", ""), ("+79991234568", "Hi", ""), ("+79991234569", "", url)]
    with pytest.raises(errors.BadInput, match=nothing):
        smsq.send("+79991234567", "", options=bare)
    with pytest.raises(errors.BadInput, match=nothing):
        smsq.campaigns.run(rows, text="", columns=("phone", "text", "fileurl"), options=bare)
    smsq.send("+79991234567", "", options=bare, files=[("a.txt", b"x")])
    smsq.send("+79991234567", "", options=Options(channel="mms", fileurl=url))
    by_text = smsq.campaigns.run(rows, text="{text}", columns=("phone", "text", "fileurl"), options=bare)
    by_row = smsq.campaigns.run(
        rows, text="", columns=("phone", "text", "fileurl"), options=bare, per_row=["fileurl"], again=True
    )

    assert (by_text.rows, by_text.messages) == (3, 1)
    assert (by_row.rows, by_row.messages) == (3, 1)


def test_a_moment_that_counts_from_now(smsq: Smsq) -> None:
    """The same call with the same key is the same message a minute later, and its moment is that of the first."""
    options = Options(time="+30", tz=2)
    first = smsq.send("+79991234567", "Hi", key="k", options=options)
    again = smsq.send("+79991234567", "Hi", key="k", options=options)
    kept = claimed(smsq, ref_of(first)).options

    assert (first.created, again.created, again.id) == (True, False, first.id)
    assert kept.time is not None
    assert (kept.tz, kept.time[0], len(kept.time)) == (None, "0", 11)


def test_a_person_sees_the_channel_and_its_options(smsq: Smsq, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a campaign that is no plain SMS; a message without a text has none to be missed."""
    print_campaign(smsq.campaigns.run([{"email": "anna@example.ru"}], text="Hi", options=MAIL))
    mail = capsys.readouterr().out
    print_campaign(smsq.campaigns.run(["+79991234567"], text="", options=Options(channel="hlr")))
    probe = capsys.readouterr().out

    assert "mail: an e-mail, with files" in mail
    assert "subj Autumn" in mail
    assert "no longer kept" not in probe
    assert campaign_object(smsq.campaigns.list()[0])["channel"] == "hlr"
