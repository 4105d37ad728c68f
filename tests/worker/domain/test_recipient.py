"""Recipients: a phone stays a number, an address has one form, and what is neither is refused with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain import phone as phones
from smsq.worker.domain.errors import BadAddress, BadPhone
from smsq.worker.domain.recipient import LONGEST, RecipientKind, answered, key_of, kind_of, masked, parse, written

MAIL: tuple[RecipientKind, ...] = ("mail",)
TELEGRAM: tuple[RecipientKind, ...] = ("phone", "telegram")

local_parts = st.from_regex(
    r"\A[a-zA-Z0-9!$%&*+/=?^_`{|}~-][a-zA-Z0-9!$%&'*+/=?^_`{|}~-]{0,19}(\.[a-zA-Z0-9]{1,10}){0,2}\Z"
)
domains = st.from_regex(r"\A[a-zA-Z0-9]{1,20}(-[a-zA-Z0-9]{1,10})?(\.[a-zA-Z0-9]{1,10}){0,2}\.[a-zA-Z]{2,10}\Z")
mail_addresses = st.builds("{}@{}".format, local_parts, domains)
nicks = st.from_regex(r"\A@[a-zA-Z][a-zA-Z0-9_]{3,31}\Z")
telegram_ids = st.integers(1, 10**18).map("#{}".format)


@pytest.mark.parametrize(
    ("given_as", "kinds", "meant"),
    [
        ("8 999 123-45-67", ("phone",), 79991234567),
        ("+7 (999) 123-45-67", TELEGRAM, 79991234567),
        ("Anna.K@Example.RU", MAIL, "anna.k@example.ru"),
        ("  <anna@example.ru>".strip(" <>"), MAIL, "anna@example.ru"),
        ("mailto:anna@example.ru", MAIL, "anna@example.ru"),
        ("anna+shop@example.ru", MAIL, "anna+shop@example.ru"),
        ("'anna@example.ru", MAIL, "anna@example.ru"),
        ("anna@example.ru\u200b", MAIL, "anna@example.ru"),
        ("anna@почта.рф", MAIL, "anna@xn--80a1acny.xn--p1ai"),
        ("anna@example.ru.", MAIL, "anna@example.ru"),
        ("@Anna_K", TELEGRAM, "@anna_k"),
        ("#123456", TELEGRAM, "#123456"),
    ],
)
def test_one_recipient_has_one_form(given_as: str, kinds: tuple[RecipientKind, ...], meant: int | str) -> None:
    """However it is written, so that it is compared by equality alone."""
    assert meant == parse(given_as, kinds)


@pytest.mark.parametrize(
    ("given_as", "kinds", "says"),
    [
        ("G12", ("phone",), "contact group"),
        ("G12", MAIL, "contact group"),
        ("g 12", TELEGRAM, "contact group"),
        ("anna@example.ru", ("phone",), "a mail address, and a message of this channel goes to a phone"),
        ("@anna", ("phone",), "Telegram nick or id"),
        ("#123", ("phone",), "Telegram nick or id"),
        ("+79991234567", MAIL, "this is not a mail address"),
        ("Anna <anna@example.ru>", MAIL, "one mail address alone"),
        ('"anna k"@example.ru', MAIL, "one mail address alone"),
        ("anna@example.ru, bob@example.ru", MAIL, "one mail address alone"),
        ("анна@example.ru", MAIL, "Latin letters"),
        ("anna@localhost", MAIL, "domain"),
        ("anna@127.0.0.1", MAIL, "domain"),
        ("anna@-example.ru", MAIL, "domain"),
        ("anna@exa mple.ru", MAIL, "domain"),
        (f"{'a' * 65}@example.ru", MAIL, "one mail address alone"),
        (f"anna@{'a.' * 130}ru", MAIL, "at most"),
        ("#anna@example.ru", MAIL, "one mail address alone"),
        ("@an", TELEGRAM, "4 to 32"),
        ("#0", TELEGRAM, "# and an id"),
        ("", MAIL, "no recipient"),
    ],
)
def test_what_is_no_recipient_is_refused(given_as: str, kinds: tuple[RecipientKind, ...], says: str) -> None:
    """With a sentence that does not repeat it."""
    with pytest.raises(BadPhone, match=says) as caught:
        parse(given_as, kinds)

    assert isinstance(caught.value, BadAddress)
    assert not given_as or given_as not in caught.value.sentence


@given(st.one_of(mail_addresses, nicks, telegram_ids))
def test_the_gateway_may_answer_with_what_it_was_told(address: str) -> None:
    """The form that we write is read as itself, in letters of any size, and is told from every phone."""
    kinds: tuple[RecipientKind, ...] = ("mail", "telegram")
    recipient = parse(address, kinds)

    assert recipient == parse(written(recipient), kinds) == answered(written(recipient)) == answered(address)
    assert kind_of(recipient) in kinds
    assert not key_of(recipient).isdigit()
    assert len(written(recipient)) <= LONGEST
    assert not set(written(recipient)) & set(":;,\n\r\\ ")


@given(st.integers(1, 10**15 - 1))
def test_a_phone_is_the_number_that_it_was(number: int) -> None:
    """Its key is its digits, as hashes were always made of them; the gateway answers with or without a plus."""
    assert (written(number), key_of(number)) == (f"+{number}", b"%d" % number)
    assert number == answered(str(number)) == answered(f"+{number}") == answered(number)
    assert masked(number) == phones.masked(number)


@pytest.mark.parametrize(
    "text", ["", " ", "+", "7 999", "a b", "@", "#", "#x", "a@b", "x" * 300, None, True, 1.5, -1, 10**18, "٧٩٩٩"]
)
def test_what_names_nobody(text: object) -> None:
    """It proves nothing about anybody."""
    assert answered(text) is None


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(text: str) -> None:
    """Whatever stands in an answer or in a file."""
    found = answered(text)
    if isinstance(found, str):
        assert answered(found) == found
    kinds: tuple[RecipientKind, ...]
    for kinds in (("phone",), MAIL, ("telegram",), ("phone", "mail", "telegram")):
        try:
            parse(text, kinds)
        except BadPhone:
            pass
    masked(text)


@given(mail_addresses)
def test_a_log_does_not_show_who(address: str) -> None:
    """Of a mail address its first letter and its domain, of a nick its first letter."""
    recipient = str(parse(address, MAIL))
    local = recipient.rpartition("@")[0]

    assert masked(recipient) == f"{local[0]}***@{recipient.rpartition('@')[2]}"
    assert masked("@anna_k") == "@a***"
    assert masked("7999***4567") == phones.masked("7999***4567")
