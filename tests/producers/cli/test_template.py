"""`smsq template …`, and texts that are taken from there: by campaigns, single messages, and programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from smsq.producers.api import Smsq
from smsq.worker.domain.errors import BadInput

Run = Callable[..., Result]


def last(result: Result) -> Any:
    """The object in the last line of standard output."""
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Four rows: a name, none, a number of things, a date."""
    path = tmp_path / "people.csv"
    path.write_text(
        "phone,name,n,due\n+79991230001,АННА,1,2026-11-29\n+79991230002,,3,30.11.2026\n"
        "+79991230003,пётр,5,\n+79991230004,Ольга,много,01.12.2026\n",
        "utf-8",
    )
    return path


def test_templates_are_kept_under_a_name(run: Run, tmp_path: Path) -> None:
    """Added by argument, by file and by standard input; listed, shown, removed."""
    file = tmp_path / "text.txt"
    file.write_text("Hello {name|friend}!\n", "utf-8-sig")
    said = [run("template", "add", "welcome", text).stdout for text in ("Hi", "Hi")]
    said.append(run("template", "add", "welcome", "--file", str(file)).stdout)

    assert said == ["welcome@1\n", "welcome@1\n", "welcome@2\n"]
    assert run("template", "list").stdout.startswith("welcome@2  ")
    told = last(run("template", "show", "welcome", "--json"))
    assert told == last(run("template", "list", "--json"))[0]
    assert (told["version"], told["text"], told["fields"]) == (2, "Hello {name|friend}!", ["name"])
    old = run("template", "show", "welcome", "--version", "1").stdout
    assert "welcome@1 (there is a newer version)" in old
    assert "text            Hi\ncolumns         none\n" in old
    assert run("template", "show", "welcome@1").stdout == old
    assert run("template", "remove", "welcome").stdout == "welcome is removed, with 2 versions\n"
    assert run("template", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "welcome", "Hi {name"), "smsq: the text has a single { at character 4; write {{ for one\n"),
        (("add", "welcome", "{n|plural:a,b}", "--language", "ru"), "Russian takes 3 or 4 forms"),
        (("add", "welcome", "Hi", "--language", "de"), "there are no rules for the language 'de'"),
        (("add", "wel@come", "Hi"), "a template is called by letters and digits"),
        (("add", "welcome", " "), "a template is a text, and not an empty one"),
        (("add", "welcome", "--file", "/nowhere"), "/nowhere cannot be read"),
        (("add", "welcome"), "say which text"),
        (("show", "welcome"), "there is no template welcome; there are greeting\n"),
        (("show", "greetin"), "there is no template greetin; there are greeting; did you mean greeting?"),
        (("show", "greeting@7"), "the template greeting has no version 7; its newest is 1"),
        (("show", "greeting@x"), "a template is named as welcome or welcome@3, not 'greeting@x'"),
        (("remove", "nope"), "there is no template nope"),
        (("remove", "greeting@1"), "all versions go at once: name the template without a version, as greeting"),
    ],
)
def test_what_is_wrong_is_one_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """With what to do, and exit code 2."""
    run("template", "add", "greeting", "Good day")
    result = run("template", *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert [each["version"] for each in last(run("template", "list", "--json"))] == [1]


def test_a_campaign_sends_a_saved_template_and_remembers_it(run: Run, people: Path, smsq: Smsq) -> None:
    """Also once it is removed; a row that the text cannot take is named by field and value."""
    text = "{name|title|Друзья}, {n} {n|plural:товар,товара,товаров}{?due} до {due|date:d mmmm}{/}"
    run("template", "add", "cart", "an older one")
    run("template", "add", "cart", text)
    ran = run("campaign", "run", str(people), "--template", "cart", "--yes", "--json")
    run("template", "remove", "cart")
    told = last(ran)

    assert "the text is the template cart@2" in ran.stderr
    assert (told["template"], told["text"]) == ("cart@2", text)
    assert "template        cart@2" in run("campaign", "show", told["id"]).stdout
    assert told["statuses"] == {"queued": 3, "invalid": 1}
    rejects = json.loads(run("campaign", "report", told["id"], "--rejects", "--format", "json").stdout)
    assert [(each["row"], each["error"]) for each in rejects] == [
        (4, "column n: много is not a number, such as 1234 or 1234.5")
    ]
    assert texts_of(smsq) == ["Анна, 1 товар до 29 ноября", "Друзья, 3 товара до 30 ноября", "Пётр, 5 товаров"]


def texts_of(smsq: Smsq, *wanted: str) -> list[str]:
    """The texts of the only batch in the ledger, or of the one with these."""
    from smsq.worker.domain.batch import unpack_texts

    redis = smsq.runtime.ledger.redis
    fields = [field for key in redis.keys("*:b:*") for field in redis.hgetall(key).items()]
    found = [unpack_texts(value) for name, value in fields if name.endswith(b"t")]
    (texts,) = [each for each in found if not wanted or each == list(wanted)]
    return texts


def test_one_message_takes_a_template_with_values(run: Run) -> None:
    """A default needs no value; a value that the text does not use is a slip."""
    run("template", "add", "welcome", "Hello {name|friend}, order {order}")
    words = ("send", "+79991230001", "--template", "welcome@1")
    sent = run(*words, "--set", "order=17=a", "--set", "NAME=Ann", "--dry-run", "--json")

    assert last(sent)["text"] == "Hello Ann, order 17=a"
    assert last(run(*words, "--set", "order=1", "--dry-run", "--json"))["text"] == "Hello friend, order 1"
    for more, sentence in {
        (): "the template welcome@1 needs a value for order, or a default in its place: {order|…}",
        ("--set", "order=1", "--set", "oder=2"): "has no field oder; it has name, order; did you mean order?",
        ("--set", "order"): "--set takes FIELD=VALUE, such as --set name=Anna, not 'order'",
        ("--set", "order=1", "--set", "order=2"): "--set names order more than once",
    }.items():
        refused = run(*words, *more)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert sentence in refused.stderr
    assert "values fill a saved template" in run("send", "+79991230001", "Hi", "--set", "a=1").stderr
    assert "and not both" in run(*words[:2], "Hi", *words[2:]).stderr


def test_a_program_does_the_same(smsq: Smsq, people: Path) -> None:
    """Templates, one message, a campaign."""
    added = smsq.templates.add("welcome", "Hello {name|friend}")
    again = smsq.templates.add("welcome", "Hello {name|friend}")
    assert (added.created, again.created, again.template) == (True, False, added.template)

    assert smsq.send("+79991230009", template="welcome", values={"name": None}).created
    view = smsq.campaigns.run(people, template="welcome@1", name="spring")
    assert (view.saved_as, view.statuses) == ("welcome@1", {"queued": 4})
    for given in ({"text": "Hi", "template": "welcome"}, {}):
        with pytest.raises(BadInput, match="the name of a saved template"):
            smsq.campaigns.run(people, **given)
    assert [each.called for each in smsq.templates.list()] == ["welcome@1"]
    assert smsq.templates.remove("welcome") == 1


def test_the_price_of_a_template_is_asked(run: Run, smsq: Smsq, chores: Any, people: Path) -> None:
    """Of one message with its values, and of a file's rows; here no gateway answers."""
    run("template", "add", "welcome", "Hello {name|friend} {n}")
    with chores(smsq.runtime):
        for words in (("+79991230001", "--set", "n=1"), (str(people),)):
            assert run("cost", *words, "--template", "welcome").exit_code == 4
    refused = run("cost", "+79991230001", "--template", "welcome")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "the template welcome@1 needs a value for n" in refused.stderr


def test_an_edit_with_a_file_keeps_how_its_text_is_read(run: Run, people: Path, smsq: Smsq) -> None:
    """The language and plain characters that the campaign was begun with, and the template that it names."""
    run("template", "add", "due", "{due|date:d mmmm|—}", "--language", "kk")
    later = ("--at", "2099-01-01T09:00+00:00", "--yes", "--json")
    first = last(run("campaign", "run", str(people), "--template", "due", "--plain-chars", *later))
    people.write_text("phone,name,n,due\n+79991230001,Ann,1,2026-11-29\n")
    edited = last(run("campaign", "edit", first["id"], str(people), "--yes", "--json"))

    view = smsq.campaigns.show(edited["id"])
    assert (view.saved_as, view.language, view.plain_chars) == ("due@1", "kk", True)
    assert texts_of(smsq, "29 қараша") == ["29 қараша"]
