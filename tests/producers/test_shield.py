"""The shield around one-time codes: what it refuses and how it says so, in Python and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from click.testing import Result

from smsq.producers.api import Smsq
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.errors import BadInput, Conflict, Denied, Held, Limited, OverBudget, TooMany
from smsq.worker.redis_client import connect
from tests.producers.otp.sent import at_once, text_of

PHONE = "+79161234567"
Run = Callable[..., Result]


def block(many: int, first: int = 79000070000) -> list[int]:
    return list(range(first, first + many))


@pytest.fixture
def guarded(environ: dict[str, str]) -> Iterator[Callable[..., Smsq]]:
    """A way in with a shield set as told: `guarded(PHONE="2/h")`."""
    made: list[Smsq] = []

    def make(**told: str) -> Smsq:
        made.append(Smsq(environ=environ | {f"SMSQ_SHIELD_{name}": value for name, value in told.items()}))
        return made[-1]

    yield make
    for smsq in made:
        smsq.close()


def typed(smsq: Smsq, code_id: str) -> str:
    """The code, as its owner would know it."""
    opened = smsq.runtime.otp._open(code_id)
    assert opened is not None
    return opened.code()


def records(smsq: Smsq) -> list[bytes]:
    redis: Any = connect(smsq.settings.redis_url or "")
    return sorted(key for key in redis.keys("*") if key.startswith((b"{smsq}:code", b"{smsq}:idem")))


@pytest.mark.parametrize(
    ("told", "kind", "decision", "word"),
    [
        ({"PHONE": "1/h"}, TooMany, "phone_limit", "too_many"),
        ({"BLOCK": "1/h"}, TooMany, "prefix_limit", "too_many"),
        ({"COUNTRY": "1/h"}, TooMany, "country_limit", "too_many"),
        ({"CLIENT": "1/h"}, TooMany, "client_limit", "too_many"),
        ({"DAILY": "1"}, TooMany, "daily_limit", "too_many"),
        ({"DAILY_COST": "7"}, OverBudget, "daily_cost", "over_budget"),
        ({"HOLD_AFTER": "1,0,0"}, Held, "held", "held"),
        ({"DENY": "RU"}, Denied, "denied_country", "denied"),
    ],
)
def test_each_refusal_is_an_error_of_its_own(
    guarded: Callable[..., Smsq], told: dict[str, str], kind: type[Limited], decision: str, word: str
) -> None:
    """With the shield's word, a sentence, and when to come again; nothing of the code stays."""
    smsq = guarded(**told)
    if kind is not Denied:
        smsq.otp.send(PHONE, client="a")
    before = records(smsq)
    with pytest.raises(kind) as caught:
        smsq.otp.send(PHONE, client="a", key="login-17")

    assert (caught.value.decision, caught.value.word) == (decision, word)
    assert caught.value.sentence
    assert (caught.value.retry_after_s is None) == (kind is Denied)
    assert "9161234567" not in caught.value.sentence
    assert records(smsq) == before


def test_a_repeated_key_passes_once(guarded: Callable[..., Smsq]) -> None:
    """Whoever lost the answer gets it again, whatever the limits say by now."""
    smsq = guarded(PHONE="1/h")
    first = smsq.otp.send(PHONE, key="login-17", client="a")

    again = smsq.otp.send(PHONE, key="login-17", client="another address")
    assert (again.id, again.message_id, again.created) == (first.id, first.message_id, False)
    with pytest.raises(Conflict):
        smsq.otp.send("+79161234568", key="login-17")
    with pytest.raises(TooMany):
        smsq.otp.send(PHONE, key="login-18")


def test_a_right_code_speaks_for_its_prefix(guarded: Callable[..., Smsq]) -> None:
    """A block whose codes are verified is not held; one whose are not is."""
    smsq = guarded(HOLD_AFTER="3,0,0")
    for phone in block(9):
        code = smsq.otp.send(phone)
        assert smsq.otp.check(code.id, typed(smsq, code.id)).value == "right"
    for phone in block(3, 79000080000):
        smsq.otp.check(smsq.otp.send(phone).id, "no")
    with pytest.raises(Held, match=r"\+7900008… are held: 0 of the last 3 were verified"):
        smsq.otp.send(79000080003)

    smsq.otp.send(79000070009)
    assert (smsq.shield.show().all.sent, smsq.shield.show().all.verified) == (13, 9)


def test_a_resend_passes_the_shield_too(environ: dict[str, str]) -> None:
    """For the same client; one that is refused costs no resend."""
    told = {"SMSQ_CODE_COOLDOWN_S": "0", "SMSQ_SHIELD_CLIENT": "2/h"}
    with Smsq(environ=environ | told) as smsq:
        code = smsq.otp.send(PHONE, client="a")
        text_of(smsq, code.message_id)
        smsq.otp.resend(code.id)
        text_of(smsq, smsq.otp.show(code.id).steps[-1].message_id)
        with pytest.raises(TooMany, match="a client asks for at most 2 codes"):
            smsq.otp.resend(code.id)

        assert (smsq.otp.show(code.id).resends_left, len(smsq.otp.show(code.id).steps)) == (2, 2)


def test_plain_messages_pass_where_a_client_is_named(guarded: Callable[..., Smsq]) -> None:
    """For teams that make codes of their own; they are no evidence, since nobody says when one was right."""
    smsq = guarded(CLIENT="2/h", HOLD_AFTER="1,0,0")
    first = smsq.send(PHONE, "Code 1", client="a", key="k")
    smsq.send(PHONE, "Code 2", client="a")
    with pytest.raises(TooMany) as caught:
        smsq.send(PHONE, "Code 3", client="a")

    assert caught.value.decision == "client_limit"
    assert smsq.send(PHONE, "Code 1", client="a", key="k").id == first.id
    assert smsq.send(PHONE, "An invoice").created
    with pytest.raises(BadInput, match="client is for urgent messages"):
        smsq.send(PHONE, "News", client="a", lane="bulk")


def test_the_sender_learns_what_a_code_costs(make_plant: Callable[..., Any]) -> None:
    """From the gateway's answer; the next one is reserved at that price."""
    plant = make_plant(SMSQ_SHIELD_PRICE="100")
    told = {f"SMSQ_{name.upper()}": str(getattr(plant.runtime.settings, name)) for name in ("home", "redis_url")}
    with Smsq(environ={**told, "SMSQ_LOGIN": "demo", "SMSQ_PASSWORD": "demo"}) as smsq:
        code = smsq.otp.send(PHONE)
        assert smsq.shield.show().all.cost == 5
        plant.send(Ref(MessageId.parse(code.message_id).batch))
        view = smsq.shield.show()

        cost = smsq.status(code.message_id).cost
        assert cost > 0
        assert view.prices == {"sms:RU": cost}
        assert view.all.cost == cost
        assert smsq.shield.dry_run(PHONE).price == cost


@pytest.mark.parametrize("client", ["198.51.100.9, 203.0.113.7", "::1,203.0.113.7"])
def test_a_whole_forwarded_for_is_no_client(smsq: Smsq, client: str) -> None:
    """Its visitor writes all of it but the last, and would be a new client each time."""
    for ask in (smsq.otp.send, smsq.shield.dry_run):
        with pytest.raises(BadInput, match="the address that your own proxy added"):
            ask(PHONE, client=client)


def test_one_visitor_is_one_client(guarded: Callable[..., Smsq]) -> None:
    """However the address is written, for codes and for messages, and a right code speaks for its client."""
    smsq = guarded(CLIENT="3/h")
    code = smsq.otp.send(PHONE, client="2001:db8::1")
    assert smsq.otp.check(code.id, typed(smsq, code.id)).value == "right"
    smsq.otp.send(PHONE, client="[2001:DB8::2]:443")
    smsq.send(PHONE, "Code 1", client="2001:db8:0:0:ffff::")

    with pytest.raises(TooMany, match="a client asks for at most 3 codes"):
        smsq.otp.send(79161234568, client=" 2001:db8::5 ")


def test_a_shield_that_only_watches_says_what_it_would_have_done(
    guarded: Callable[..., Smsq], caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, without the phone; the code goes."""
    caplog.set_level("INFO")
    smsq = guarded(PHONE="1/h")
    smsq.shield.limit("mode", "watch")
    smsq.otp.send(PHONE)
    assert caplog.messages == []

    assert smsq.otp.send(PHONE).created
    assert caplog.messages == ["shield watches: would refuse decision=phone_limit"]


# The command ----------------------------------------------------------------------------------------------------------


def test_the_shield_is_seen_and_adjusted_by_command(run: Run, smsq: Smsq) -> None:
    """Each verb says what it did; `show` says it too."""
    smsq.otp.send(PHONE)
    said = [
        run("shield", *words.split()).stdout.strip()
        for words in (
            "allow KZ", "deny +7701", "hold +7902 --for 2h", "hold BY", "limit phone 7/h", "limit daily_cost 99.5",
            "limit phone default",
        )
    ]  # fmt: skip

    assert said == [
        "allowed KZ", "denied +7701…", "held +7902… for 2h", "held BY until it is released", "phone 7/h",
        "daily_cost 99.5", "phone 5/10min,10/d",
    ]  # fmt: skip
    shown = run("shield", "show").stdout
    for line in (
        "mode          on", "daily_cost    99.5  (set by hand)", "phone         5/10min,10/d",
        "last hour     0 of 1 verified, cost 5 in a day", "denied   +7701…", "until it is changed: by hand",
        "block    +7916123…      0 of 1 verified; 1 of 50/h; 1 of 200/d",
    ):  # fmt: skip
        assert line in shown
    told = json.loads(run("shield", "show", "--json").stdout)
    assert {rule["name"]: rule["kind"] for rule in told["rules"]} == {
        "KZ": "allow", "7701": "deny", "7902": "hold", "BY": "hold",
    }  # fmt: skip
    assert (told["live"], told["all"]["sent"], told["limits"]["wide"]) == (["daily_cost"], 1, "1000/h")
    assert run("shield", "release", "7902").stdout == "released +7902…\n"


def test_a_try_counts_nothing(run: Run, smsq: Smsq) -> None:
    """It says what would be decided, and exits by it."""
    assert run("shield", "try", PHONE).stdout == "allowed\n"
    run("shield", "hold", "7916", "--for", "30min")
    refused = run("shield", "try", PHONE, "--client", "a", "--json")
    told = json.loads(refused.stdout)

    assert refused.exit_code == 1
    assert (told["allowed"], told["decision"], told["why"]) == (False, "held", "codes to +7916… are held by hand")
    assert 1790 < told["retry_after_s"] <= 1800
    assert "codes to +7916… are held by hand; again in" in run("shield", "try", PHONE).stderr
    assert smsq.shield.show().all.used == [(0, 10_000, 86_400)]
    assert smsq.shield.show().busiest == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("limit speed 5", "no limit is called 'speed'"),
        ("limit speed default", "no limit is called 'speed'"),
        ("limit phone often", "phone: 'often' is not valid; give numbers within a time"),
        ("hold Russia", "'Russia' is neither a country"),
        ("hold 7916 --for long", "--for: 'long' is not valid"),
        ("release 7916", "+7916… is not held, allowed or denied"),
        ("try 123", "too few digits"),
        ("try +79161234567 --channel pigeon", "there is no channel 'pigeon'"),
    ],
)
def test_wrong_words_are_said(run: Run, smsq: Smsq, words: str, sentence: str) -> None:
    """And change nothing."""
    result = run("shield", *words.split())

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert smsq.shield.show().live == frozenset()
    assert smsq.shield.show().rules == []


def test_a_release_names_what_is_held_below(smsq: Smsq) -> None:
    """An operator types less than the shield holds."""
    smsq.shield.hold("+7916123", for_s=60)

    with pytest.raises(BadInput, match=r"below it there are \+7916123…"):
        smsq.shield.release("+7916")


def test_a_refused_code_is_an_object_too(run: Run, environ: dict[str, str], smsq: Smsq) -> None:
    """With the shield's word beside the error's."""
    smsq.shield.limit("phone", "1/h")
    run("otp", "send", PHONE)
    refused = run("otp", "send", PHONE, "--json")
    told = json.loads(refused.stdout)

    assert refused.exit_code == 1
    assert (told["error"], told["decision"]) == ("too_many", "phone_limit")
    assert told["retry_after_s"] > 3000
    assert Decimal(smsq.shield.show().all.cost) == 5
    assert smsq.runtime.views.depth().by("smsq_codes_total") == {"sent": 1}, "what the shield refused was not sent"


def test_of_many_at_once_with_one_key_none_is_told_that_a_refused_code_went(guarded: Callable[..., Smsq]) -> None:
    """Whoever finds the record of another that is refused meanwhile is refused too."""
    smsq = guarded(PHONE="1/h")
    smsq.otp.send(PHONE)
    before = records(smsq)

    def ask(_: int) -> str:
        try:
            return smsq.otp.send(PHONE, key="login-17").message_id or "nothing"
        except TooMany:
            return "refused"

    for _ in range(5):
        assert at_once(20, ask) == {"refused": 20}
    assert records(smsq) == before


def test_a_code_that_was_taken_back_meanwhile_is_asked_for_anew(
    guarded: Callable[..., Smsq], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding another's record and enrolling: no answer without a message."""
    smsq = guarded(PHONE="1/h")
    smsq.otp.send(PHONE)
    codes = smsq.runtime.otp
    found = codes.open

    def taken_back(spec: Any, key: str | None) -> Any:
        opened = replace(found(spec, key)[0], created=False)
        codes.forget(opened.id, key)
        monkeypatch.setattr(codes, "open", found)
        return opened, None

    monkeypatch.setattr(codes, "open", taken_back)
    with pytest.raises(TooMany):
        smsq.otp.send(PHONE, key="login-17")
