"""Templates: places for values, and nothing else."""

from __future__ import annotations

import pytest

from smsq.producers.intake.rows import MISSING
from smsq.producers.intake.templates import Template, fields_of
from smsq.worker.domain.errors import BadInput, BadText

COLUMNS = ("phone", "name", "город")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Hello", "Hello"),
        ("Hello {name}!", "Hello {Ivan} %s!"),
        ("{name}{город}", "{Ivan} %sОмск"),
        ("100% {{name}} {name}", "100% {name} {Ivan} %s"),
        ("{ name }%s%%", "{Ivan} %s%s%%"),
    ],
)
def test_values_are_put_in_as_they_stand(written: str, expected: str) -> None:
    """A value with braces or percent signs is only a value."""
    assert Template.compile(written, COLUMNS).render(["1", "{Ivan} %s", "Омск"]) == expected


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("Hi {nmae}", r"uses \{nmae\}, but the columns are: phone, name, город; did you mean name"),
        ("Hi {}", "without a column name"),
        ("Hi {name", r"single \{ at character 4"),
        ("Hi name}", r"single \} at character 8"),
        ("{name.__class__}", "uses"),
        ("{0}", "uses"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(written: str, sentence: str) -> None:
    """Mistakes are found before the first row."""
    with pytest.raises(BadInput, match=sentence):
        Template.compile(written, COLUMNS)


def test_a_field_is_found_in_other_letters() -> None:
    """As the phone's column is; an exact name comes first, and two that differ in case alone need it."""
    assert Template.compile("{Name}", COLUMNS).fields == ("name",)
    assert Template.compile("{NAME}", ("phone", "Name", "NAME")).fields == ("NAME",)
    with pytest.raises(BadInput, match="uses"):
        Template.compile("{name}", ("phone", "Name", "NAME"))


def test_a_field_is_found_as_it_is_seen() -> None:
    """Signs that nobody sees, and letters in pieces, make no other name."""
    columns = ("phone", "и\u0306мя")

    assert Template.compile("{\u200bймя\u200f}", columns).render(["1", "Ann"]) == "Ann"
    assert Template.compile("{и\u0306мя}", ("phone", "ймя")).render(["1", "Ann"]) == "Ann"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("NULL", "NULL stands for a missing value here; leave the cell empty, or the row out"),
        ("nan", "nan stands for a missing value"),
        ("\\N", r"\\N stands for a missing value"),
        ("#N/A", "a spreadsheet wrote #N/A here, for a value that it could not find"),
        ("#н/д ", "a spreadsheet wrote #н/д here"),
        ("????", r"\?\?\?\? stands for letters that were lost before the file was saved; export it again in UTF-8"),
        ("????? 5, ???????.", "letters that were lost"),
        ("Petr ????????", "letters that were lost"),
    ],
)
def test_what_programs_write_for_no_value_is_not_sent(value: str, why: str) -> None:
    """The column and the cell are named, with what to do."""
    with pytest.raises(BadText, match=f"^column город: .*{why}"):
        Template.compile("{name} {name} {город}", COLUMNS).render(["1", "Ann", value])


@pytest.mark.parametrize("value", ["", "Null", "Nan", "none", "Really???", "Why ??", "?", "#1", "C#", "NULLABLE"])
def test_names_and_questions_are_values(value: str) -> None:
    """A person may have such a name, and a text may ask."""
    assert Template.compile("Hi {name}", COLUMNS).render(["1", value, ""]) == f"Hi {value}"


def test_line_breaks_are_one_character() -> None:
    """Whether they stand in the text or in a value; letters in pieces are made whole."""
    template = Template.compile("Hi\r\n{name}\rbye", COLUMNS)

    assert template.render(["1", "A\r\nи\u0306\u2028B", ""]) == "Hi\nA\nй\nB\nbye"
    assert Template.compile("a\r\nb", COLUMNS).render(()) == "a\nb"


def test_fields_and_constants() -> None:
    """Each field is named once; a text without fields is constant."""
    assert Template.compile("{name} {город} {name}", COLUMNS).fields == ("name", "город")
    assert Template.compile("{{name}}", COLUMNS).is_constant
    assert not Template.compile("{name}", COLUMNS).is_constant


def row(name: str = "", город: str = "") -> list[str]:
    return ["1", name, город]


@pytest.mark.parametrize(
    ("written", "values", "expected"),
    [
        ("Hi {name|friend}!", row("Ann"), "Hi Ann!"),
        ("Hi {name|friend}!", row(""), "Hi friend!"),
        ("Hi { name | dear friend }!", row("  "), "Hi dear friend!"),
        ('Hi {name|" upper"}!', row(), "Hi  upper!"),
        ("Hi {name|}!", row(), "Hi !"),
        ("Hi {name|friend}!", row("NULL"), "Hi friend!"),
        ("Hi {name|{{}", None, None),
        ("Hi {name|friend}!", row("{name} %s {{"), "Hi {name} %s {{!"),
        ("100% {{a}} {name|50%}", row(), "100% {a} 50%"),
        ("Hi {name|title|friend}", row("ANNA-мария o'neil"), "Hi Anna-Мария O'Neil"),
        ("Hi {name|title|FRIEND}", row(), "Hi FRIEND"),
        ("{name|upper} {name|lower} {name|capital}", row("straße"), "STRASSE straße Straße"),
        ("Hi{?name}, {name}{/name}!", row("Ann"), "Hi, Ann!"),
        ("Hi{?name}, {name}{/}!", row(" "), "Hi!"),
        ("Hi{?name}, {name}{/}!", row("NULL"), "Hi!"),
        ("{!name}Dear client{/}{?name}{name}{/}!", row(), "Dear client!"),
        ("{?город=омск}a{/}{?город=\"Тверь\"}b{/}.", row("", "ОМСК "), "a."),
        ("{?name}{?город}{name} ({город}){/}{!город}{name}{/}{/}.", row("Ann"), "Ann."),
        ("{name|plural:товар,товара,товаров}", row("22"), "товара"),
        ("{name} {name|plural:item,items}", row("1"), "1 item"),
        ("{name|plural:item,items|\"no items\"}", row(), "no items"),
        ("до {name|date:d mmmm}", row("29.11.2026"), "до 29 ноября"),
        ("{name|number:2} р.", row("1234.5"), "1 234,50 р."),
    ],
)  # fmt: skip
def test_what_a_rich_text_says(written: str, values: list[str] | None, expected: str | None) -> None:
    """Filters, defaults and optional parts; braces cannot stand in a default."""
    if values is None:
        with pytest.raises(BadInput, match="single"):
            Template.compile(written, COLUMNS)
        return
    assert Template.compile(written, COLUMNS).render(values) == expected


@pytest.mark.parametrize(
    ("written", "value", "why"),
    [
        ("{name|friend}", "#N/A", "^column name: a spreadsheet wrote #N/A here"),
        ("{?name}a{/}b", "?????", "^column name: .*letters that were lost"),
        ("{name|title}", "NULL", "^column name: NULL stands for a missing value"),
        ("{name|plural:item,items}", "many", "^column name: many is not a number"),
        ("{name|plural:item,items}", "", "column name is empty, but .* needs a value; a default is"),
        ("{name|date}", "11/29/2026", "^column name: 11/29/2026 is not a date"),
    ],
)  # fmt: skip
def test_a_row_that_a_rich_text_cannot_take_is_named(written: str, value: str, why: str) -> None:
    """By column and value, with what to do."""
    with pytest.raises(BadText, match=why):
        Template.compile(written, COLUMNS).render(row(value))


def test_a_cut_row_is_refused_only_if_its_cell_is_needed() -> None:
    """A default or a part that is left out does without."""
    cut = ["1", "Ann", MISSING]

    assert Template.compile("{name}{?город} in {город}{/}", COLUMNS).render(cut) == "Ann"
    assert Template.compile("{name} {город|here}", COLUMNS).render(cut) == "Ann here"
    with pytest.raises(BadText, match="too few columns: the row ends before город, which the text uses"):
        Template.compile("{name|friend} {город}", COLUMNS).render(cut)


def test_gaps_are_what_a_row_does_not_fill() -> None:
    """What a part leaves out is not empty."""
    template = Template.compile("{name} {name|friend}{?город} in {город}{/} {город}", COLUMNS)

    assert list(template.gap_finder()(row())) == [
        *[("empty", "name"), ("default", "{name|friend}"), ("part", "{?город}"), ("empty", "город")]
    ]
    assert list(Template.compile("{name} {name} {город}", COLUMNS).gap_finder()(row("", "Омск"))) == [("empty", "name")]
    assert list(Template.compile("{name|}", COLUMNS).gap_finder()(row())) == []


def test_a_language_is_named_or_told_by_the_letters() -> None:
    """It matters only to texts with plurals, dates and numbers."""
    forms = "{name|plural:тауар,тауарлар}"

    assert Template.compile(forms, COLUMNS, language="kk").render(row("1")) == "тауар"
    assert Template.compile("Дякуємо {name|date:mmmm}", COLUMNS).language == "uk"
    assert Template.compile("Спасибо {name|friend}", COLUMNS).language == ""
    with pytest.raises(BadInput, match="no rules for the language 'de'; there are ru"):
        Template.compile("{name}", COLUMNS, language="de")


def test_plain_characters_are_a_pass_over_the_whole_text() -> None:
    """Of constant texts too."""
    long = "x" * 100
    plain = Template.compile("“{name}” " + long, COLUMNS, plain_chars=True)
    seen: list[str] = []

    assert plain.render(row("Ann")) == f'"Ann" {long}'
    assert plain.render(row("Анна")) == f"“Анна” {long}"
    assert Template.compile("“a” " + long, COLUMNS, plain_chars=True).render(()) == f'"a" {long}'
    assert plain.finished_by(lambda text: seen.append(text) or "b").render(row("Ann")) == "b"
    assert seen == [f"“Ann” {long}"]


def test_fields_of_a_text_are_known_without_columns() -> None:
    """As saved texts are checked."""
    assert fields_of("{name|friend} {?city}{n|plural:a,b}{/}") == ("name", "city", "n")
    with pytest.raises(BadInput, match="without a column name"):
        fields_of("Hi {}")
    with pytest.raises(BadInput, match="Russian takes 3 or 4"):
        fields_of("{n|plural:a,b}", language="ru")
