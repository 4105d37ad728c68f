"""Every kind of message on a whole installation: from the caller over the wire to the sandbox, and back as a status."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smsq.producers.testing.tested import Installation, Received, TestedSmsq
from smsq.worker.domain.batch import Options
from smsq.worker.domain.recipient import Recipient, kind_of, parse
from smsq.worker.gateway.channels import CHANNELS, channel, names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

OPTIONS = {
    "mail": Options(channel="mail", sender="shop@example.ru", subj="Autumn", comment="order 17"),
    "bot": Options(channel="bot", bot="@shop_bot"),
}
TEXTS = {"tg": "4821", "push": "https://example.ru/a\nAutumn", "hlr": "", "ping": "", "bin": "0605040b8423f0"}
ADDRESSES = {"mail": "Anna+7@Example.ru", "bot": "@Anna_K"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Workers, scheduler and a sandbox, for this module."""
    started = Installation(tmp_path_factory.mktemp("smsq"), {})
    started.start()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def smsq(installation: Installation) -> Iterator[TestedSmsq]:
    """A way in."""
    with TestedSmsq(installation) as way_in:
        yield way_in


def until(claim: Callable[[], bool], seconds: float = 90.0) -> None:
    """Look until `claim` holds."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_message_of_every_kind_arrives(smsq: TestedSmsq) -> None:
    """At the recipient that was meant, by the channel that was chosen, with its text and nothing of its comment."""
    sent = {}
    for name in names():
        whom = ADDRESSES.get(name) or smsq.phone()
        given = TEXTS.get(name, f"Hi by {name}")
        text = bytes.fromhex(given) if name == "bin" else given
        sent[name] = smsq.send(whom, text, options=OPTIONS.get(name, Options(channel=name)))
    until(lambda: all(smsq.status(each.id).status in ("delivered", "read") for each in sent.values()))

    received: dict[str, Received] = {}
    for each in smsq.messages():
        received[CHANNELS[each.channel].same_as or each.channel] = each
    assert received.keys() == sent.keys()
    for name, each in received.items():
        assert (each.text, each.phone) == (TEXTS.get(name, f"Hi by {name}"), smsq.status(sent[name].id).phone)


@pytest.mark.parametrize("name", ["mail", "viber"])
def test_a_campaign_arrives(smsq: TestedSmsq, name: str) -> None:
    """Whole, each with its own text; and nobody twice, though answers are lost."""
    row = channel(name)
    rows = [
        {row.column: f"p{n}@example.ru" if row.recipients == ("mail",) else smsq.phone(), "n": str(n)}
        for n in range(250)
    ]
    rows.append(rows[0])
    smsq.misfortune("lose_answer", next=1)
    options = Options(channel=name, sender="a@b.ru", subj="x") if name == "mail" else Options(channel=name)
    view = smsq.campaigns.run(rows, text="Hello {n}", options=options)
    until(lambda: smsq.campaigns.show(view.id).state == "done", 200)

    shown = smsq.campaigns.show(view.id)
    assert dict(shown.statuses) == {"delivered": 250, "duplicate": 1}
    assert shown.cost > 0
    everybody: dict[Recipient, str] = {}
    for each in smsq.messages():
        recipient = parse(each.phone, row.recipients)
        assert kind_of(recipient) in row.recipients
        assert recipient not in everybody
        everybody[recipient] = each.text
    assert everybody == {parse(each[row.column], row.recipients): f"Hello {each['n']}" for each in rows}


def test_each_row_leaves_under_its_own_sender_by_its_own_channel(smsq: TestedSmsq, tmp_path: Path) -> None:
    """By the sandbox's count, though answers are lost; the report says the same of each row."""
    ways = [("Shop", "viber"), ("", "sms"), ("Bank", ""), ("Bank", "viber"), ("Shop", "")]
    told = [(smsq.phone(), *ways[n % 5], n) for n in range(500)]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["phone,from,way,n", *(f"{p},{s},{c},{n}" for p, s, c, n in told)]), "utf-8")
    smsq.misfortune("lose_answer", next=1)
    view = smsq.campaigns.run(file, text="Hello {n}", sender="Club", per_row={"sender": "from", "channel": "way"})
    until(lambda: smsq.campaigns.show(view.id).state == "done", 200)

    expected = {phone: (sender or "Club", way or "sms", f"Hello {n}") for phone, sender, way, n in told}
    received = smsq.messages()
    assert {each.phone: (each.sender, each.channel, each.text) for each in received} == expected
    assert len(received) == 500
    reported = {each.phone: (each.sender, each.channel) for each in smsq.campaigns.report(view.id)}
    assert reported == {phone: way[:2] for phone, way in expected.items()}
    assert dict(smsq.campaigns.show(view.id).statuses) == {"delivered": 500}
