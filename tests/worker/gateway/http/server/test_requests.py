"""Requests as values: what each field means, and which error a wrong one is."""

from __future__ import annotations

from datetime import date

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.gateway.http.server.balance import BalanceRequest
from smsq.worker.gateway.http.server.form import Form, FormError, Upload
from smsq.worker.gateway.http.server.info import InfoRequest
from smsq.worker.gateway.http.server.jobs import Action, JobRequest
from smsq.worker.gateway.http.server.lists import AnswersRequest, HistoryRequest, read_get
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.http.server.statuses import StatusRequest

PHONE = "79991234567"
HI = {"phones": PHONE, "mes": "Hi"}
MAIL = {"phones": "anna@example.com", "mes": "Hi", "mail": "1", "sender": "me@example.com", "subj": "Hi"}


def send(**words: str) -> SendRequest:
    return SendRequest.read(Form.of({**HI, **words}))


@pytest.mark.parametrize(
    ("phones", "shown"),
    [
        pytest.param("+7 (999) 123-45-67", [PHONE], id="a phone as people write it"),
        pytest.param(" 79991234567", [PHONE], id="a plus that was not encoded"),
        pytest.param("79991234567,;79991234568;", [PHONE, "79991234568"], id="either separator, and none too many"),
        pytest.param("a-b+c@example.com", ["a-b+c@example.com"], id="an address keeps its signs"),
        pytest.param("@anna_k,#123456", ["@anna_k", "#123456"], id="a nick and a number of Telegram"),
        pytest.param("G15", ["G15"], id="a group"),
        pytest.param("phone", ["phone"], id="what is none stays"),
    ],
)
def test_recipients_are_shown_as_answers_show_them(phones: str, shown: list[str]) -> None:
    """Beside what was written, which tells whether a number is whole."""
    request = send(phones=phones)

    assert shown == [recipient for recipient, _ in request.messages]
    assert [word.strip() for word in phones.replace(";", ",").split(",") if word.strip()] == request.written


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        pytest.param("79991234567:Hi\n79991234568:Ho", [(PHONE, "Hi"), ("79991234568", "Ho")], id="a line each"),
        pytest.param("79991234567:Hi\r\n79991234568:Ho\r\n", [(PHONE, "Hi"), ("79991234568", "Ho")], id="CR LF"),
        pytest.param("79991234567:a\\nb", [(PHONE, "a\nb")], id="a line break inside"),
        pytest.param("anna@example.com:Hi: you", [("anna@example.com", "Hi: you")], id="an address"),
        pytest.param("a@example.com;b@example.com;Hi; you",
                     [("a@example.com", "Hi; you"), ("b@example.com", "Hi; you")], id="semicolons everywhere"),
        pytest.param("@anna_k;4821", [("@anna_k", "4821")], id="a nick"),
        pytest.param("79991234567:a\\n79991234568:b", [(PHONE, "a\n79991234568:b")], id="no record, by its separator"),
    ],
)  # fmt: skip
def test_a_list_has_a_text_for_each(value: str, messages: list[tuple[str, str]]) -> None:
    """By the first separator of a line."""
    request = SendRequest.read(Form.of({"list": value}))

    assert (messages, True) == (request.messages, request.is_list)


def test_a_mode_that_nobody_describes_is_taken_where_it_changes_nothing() -> None:
    """`nl=1` without a line break in a text is a list like any other; with one it is refused."""
    assert SendRequest.read(Form.of({"list": f"{PHONE}:Hi", "nl": "1"})).messages == [(PHONE, "Hi")]
    with pytest.raises(FormError, match="nl=1"):
        SendRequest.read(Form.of({"list": f"{PHONE}:a\\nb", "nl": "1"}))
    with pytest.raises(FormError, match="record"):
        SendRequest.read(Form.of({"list": f"{PHONE}:a\nb", "nl": "1"}))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param({"mes": ""}, 1, id="no text"),
        pytest.param({"phones": " ,;"}, 1, id="no recipient"),
        pytest.param({"time": "tomorrow"}, 5, id="a wrong time"),
        pytest.param({"cost": "9"}, 1, id="a cost that there is not"),
        pytest.param({"translit": "x"}, 1, id="a translit that is no number"),
        pytest.param({"id": "0x5"}, None, id="a string id"),
        pytest.param({"id": "a b"}, 1, id="no id"),
        pytest.param({"hlr": "1"}, 1, id="a look-up with a text"),
        pytest.param({"hlr": "1", "mes": ""}, None, id="a look-up"),
        pytest.param({"viber": "1", "call": "1"}, 1, id="two kinds"),
        pytest.param({"call": "1", "voice": "nobody"}, 1, id="a voice that there is not"),
        pytest.param({"call": "1", "mes": "code"}, None, id="a call that makes up its code"),
        pytest.param({"tg": "1"}, 1, id="no code for Telegram"),
        pytest.param({"bin": "2"}, 1, id="no hex"),
        pytest.param({"bin": "1", "list": f"{PHONE}:Hi"}, 1, id="raw bytes in a list"),
        pytest.param({**MAIL, "subj": ""}, 1, id="a letter without a subject"),
        pytest.param({**MAIL, "sender": ""}, 1, id="a letter from nobody"),
        pytest.param(MAIL, None, id="a letter"),
        pytest.param({"mms": "1", "mes": ""}, 1, id="an MMS of nothing"),
        pytest.param({"colour": "red"}, None, id="a field that nobody knows"),
        pytest.param({"maxsms": "many"}, None, id="an option of an SMS, which is for the server to judge"),
    ],
)
def test_what_is_wrong_with_a_send(words: dict[str, str], code: int | None) -> None:
    """The gateway's error, or none."""
    try:
        send(**words)
    except FormError as wrong:
        found = wrong.error
    else:
        found = None

    assert code == found


def test_an_mms_may_be_all_file() -> None:
    """There need be no text beside it."""
    form = Form.of({"phones": PHONE, "mms": "1"})
    with_file = Form(raw=form.raw, words=form.words, charset="utf-8", uploads=[Upload("file0", "a.png", "image/png")])

    assert [upload.name for upload in SendRequest.read(with_file).uploads] == ["a.png"]


@pytest.mark.parametrize(
    ("words", "options"),
    [
        pytest.param({}, Options(), id="nothing"),
        pytest.param({"sender": "Shop", "valid": "01:00", "time": "+5", "tz": "2", "maxsms": "3", "translit": "1"},
                     Options(sender="Shop", valid="01:00", time="+5", tz=2, maxsms=3, translit=1), id="an SMS"),
        pytest.param({"sender": ""}, Options(sender=""), id="no sender's name"),
        pytest.param({"time": "", "valid": "", "translit": "0"}, Options(), id="empty words"),
        pytest.param(MAIL, Options(channel="mail", sender="me@example.com", subj="Hi"), id="a letter"),
        pytest.param({"bin": "2", "mes": "06"}, Options(channel="bin"), id="bytes, whichever way they were written"),
        pytest.param({"call": "1", "voice": "w,en", "param": "25,60,2"},
                     Options(channel="call", voice="w,en", param="25,60,2"), id="a call"),
        pytest.param({"bot": "@shop_bot"}, Options(channel="bot", bot="@shop_bot"), id="a bot"),
        pytest.param({"viber": "1", "maxsms": "3", "colour": "red"}, Options(channel="viber"), id="what counts not"),
    ],
)  # fmt: skip
def test_what_is_asked_beside_a_text(words: dict[str, str], options: Options) -> None:
    """As a caller of ours would ask for it."""
    assert options == send(**words).options()


@pytest.mark.parametrize("words", [{"maxsms": "many"}, {"tz": "99"}, {"valid": "25"}, {"tinyurl": "2"}])
def test_an_option_that_no_request_of_ours_has_is_error_1(words: dict[str, str]) -> None:
    """A gateway may take it; whoever sends on would be refused for it."""
    with pytest.raises(FormError) as caught:
        send(**words).options()

    assert caught.value.error == 1


@pytest.mark.parametrize(
    ("words", "pairs", "is_multiple"),
    [
        pytest.param({"id": "5", "phone": PHONE}, [(5, PHONE)], False, id="one"),
        pytest.param({"id": "5,", "phone": f"{PHONE},"}, [(5, PHONE)], True, id="one, as a list"),
        pytest.param({"id": "5,", "phone": PHONE}, [(5, PHONE)], True, id="a comma behind the id alone"),
        pytest.param({"id": "5,6", "phone": f"{PHONE},a@b.com"}, [(5, PHONE), (6, "a@b.com")], True, id="two"),
        pytest.param({"id": "a-1", "phone": "+7 999 123-45-67"}, [("a-1", PHONE)], False, id="a string id"),
    ],
)  # fmt: skip
def test_statuses_are_asked_by_pairs(
    words: dict[str, str], pairs: list[tuple[int | str, str]], is_multiple: bool
) -> None:
    """A comma anywhere in the ids asks for a list."""
    request = StatusRequest.read(Form.of({**words, "all": "2", "del": "1"}))

    assert (pairs, is_multiple, 2, True) == (request.pairs, request.is_multiple, request.detail, request.is_delete)


WRONG = [
    (StatusRequest.read, {"id": "5", "phone": f"{PHONE},{PHONE}"}, "two phones under one id"),
    (StatusRequest.read, {"id": "0", "phone": PHONE}, "id 0"),
    (StatusRequest.read, {"id": ",", "phone": ","}, "nothing but commas"),
    (StatusRequest.read, {"id": "5", "phone": PHONE, "all": "3"}, "a detail that there is not"),
    (BalanceRequest.read, {"fmt": "x"}, "a shape that there is not"),
    (JobRequest.read, {}, "no action"),
    (JobRequest.read, {"get": "1", "del": "1", "id": "5"}, "two actions"),
    (JobRequest.read, {"get": "1"}, "no number"),
    (JobRequest.read, {"get": "1", "id": "spring"}, "a number that is none"),
    (JobRequest.read, {"add": "1", **HI}, "no name"),
    (read_get, {}, "no list"),
    (read_get, {"get_stat": "1"}, "statistics, whose shape nobody knows"),
    (read_get, {"get_messages": "1", "start": "2026-11-01"}, "a day in another form"),
    (read_get, {"get_messages": "1", "cnt": "-1"}, "a count below zero"),
    (InfoRequest.read, {"get_operator": "1"}, "nobody's operator"),
    (InfoRequest.read, {"phone": PHONE}, "nothing asked"),
]


@pytest.mark.parametrize(("read", "words"), [row[:2] for row in WRONG], ids=[row[2] for row in WRONG])
def test_a_wrong_question_is_error_1(read: object, words: dict[str, str]) -> None:
    """Whatever it is about."""
    assert callable(read)
    with pytest.raises(FormError) as caught:
        read(Form.of(words))

    assert caught.value.error == 1


def test_lists_are_asked_for_by_their_names() -> None:
    """History by days, pages and recipients; answers by hours or behind one."""
    days = {"start": "01.11.2026", "end": "", "cnt": "5000", "prev_id": "9", "format": "8"}
    history = read_get(Form.of({"get_messages": "1", **days, "phone": f"+{PHONE},12", "email": "a@example.com"}))
    answers = read_get(Form.of({"get_answers": "1", "hour": "1000", "after_id": "7"}))

    assert isinstance(history, HistoryRequest)
    assert isinstance(answers, AnswersRequest)
    assert (history.start, history.end, history.count, history.prev_id) == (date(2026, 11, 1), None, 1000, 9)
    assert (history.recipients, history.is_mail) == ((PHONE, "12", "a@example.com"), True)
    assert (answers.hours, answers.after_id) == (168, 7)


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.ADD])
def test_a_mailing_is_spoken_of_by_its_number(action: Action) -> None:
    """But for all of them together."""
    request = JobRequest.read(Form.of({action.value: "1", "id": "1234567"}))

    assert (request.action, request.id) == (action, 0 if action is Action.GET_ALL else 1234567)


def test_a_mailing_is_a_send_with_a_name() -> None:
    """With all that a send has."""
    request = JobRequest.read(Form.of({"add": "1", "name": "Spring", **MAIL, "cost": "1"}))

    assert request.send is not None
    assert (request.name, request.send.channel, request.send.cost) == ("Spring", "mail", 1)
