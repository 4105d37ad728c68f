"""The syntax of templates: what each sign means, and a sentence with a place for each mistake."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.producers.intake.template_parser import DEEPEST, Place, Section, parse
from smsq.producers.intake.templates import Template
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.text import tidied

COLUMNS = ("phone", "name", "n", "due", "a|b", "?odd", "/x")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Hi {name|uper}", r"\{name\|uper\} at character 4 of the text: there is no filter uper; did you mean upper\?"),
        ("Hi {name|Titel}", "did you mean title"),
        ("Hi {name|truncate:5}", r'no filter truncate; there are upper, .*stands in quotes: \|"truncate:5"'),
        ("{name|Upper}", "there is no filter Upper; did you mean upper"),
        ("{name|friend|upper}", "'friend' is no filter, so it is a default, which stands last"),
        ("{name||upper}", "'' is no filter"),
        ('{name|"dear}', "a default in quotes ends with a quote"),
        ('{name|"dear" friend}', "a default in quotes ends with a quote"),
        ("a {?name}b", r"the part \{\?name\} that begins at character 3 never ends: write \{/name\} behind it"),
        ("a {?name}{?n}b{/}", r"\{\?name\} that begins at character 3 never ends"),
        ("a{/name}", r"has \{/name\} at character 2, but no part is open there"),
        ("a{?name}b{/n}", r"has \{/n\} at character 10, but the part that is open there is \{\?name\}: write \{/name"),
        ("{?}a{/}", "a part names a column"),
        ("{?name=}a{/}", r"\{\?name=\} at character 1 of the text: behind = stands a value; \{!name\} is for rows"),
        ("{?n}" * (DEEPEST + 1) + "{/}" * (DEEPEST + 1), "no more than 8 parts may stand within each other"),
        ("{?nmae}a{/}", r"uses \{nmae\}, but the columns are: .*did you mean name"),
        ("{nmae|friend}", r"uses \{nmae\}, but the columns are: .*did you mean name"),
        ("{|friend}", "without a column name in the braces"),
        ("товаров {n|plural:товар,товара}", "plural: Russian takes 3 or 4 forms, such as .* and it has 2"),
        ("{n|plural:item,items,itemses}", "plural: English takes 2 forms, such as plural:item,items, and it has 3"),
        ("{n|plural}", "it has 0"),
        ("{n|plural:,}", "takes 2 forms"),
        ("{due|date:d of mmmm}", r"at character 1 of the text: date: it has o, which is none of d, dd"),
        ("{name|upper:3}", "upper: it takes nothing behind a colon"),
        ("{n|number:9}", "number: behind the colon stands how many decimals it shows, 0 to 6"),
    ],
)
def test_a_mistake_is_named_with_its_place(written: str, why: str) -> None:
    """And with the nearest that makes sense."""
    with pytest.raises(BadInput, match=why):
        Template.compile(written, COLUMNS)


def test_a_column_is_a_column_whatever_its_name() -> None:
    """So a text that was right before there were filters and parts still means the same."""
    values = ["1", "Ann", "2", "", "bar", "odd", "slash"]

    assert Template.compile("{a|b} {?odd} {/x}", COLUMNS).render(values) == "bar odd slash"
    assert type(Template.compile("{a|b} {?odd} {/x}", COLUMNS)) is Template


def test_a_tree_holds_what_was_written() -> None:
    """Places count characters from 1."""
    assert parse('Hi {name|title|"a|b"}{?n=1}!{/n}{{}}', lambda name: False) == [
        "Hi ",
        Place(4, '{name|title|"a|b"}', "name", (("title", ""),), "a|b"),
        Section(22, "{?n=1}", "n", wanted="1", parts=["!"]),
        "{",
        "}",
    ]


SIGNS = st.text(st.sampled_from('{}?!/|:="% \\nabAя\u0438\u0306\r\n,') | st.characters(), max_size=60)
PIECES = st.lists(
    st.sampled_from(
        ["{name}", "{n|plural:a,b}", "{?name}", "{!n}", "{/}", "{/name}", "{name|x}", "{due|date}", " a%s"]
    ),
    max_size=12,
).map("".join)


@given(SIGNS | PIECES, st.lists(st.text(max_size=8), min_size=7, max_size=7))
def test_nothing_but_bad_input_comes_of_a_text(written: str, values: list[str]) -> None:
    """A text is refused, or filled with any values, or a row is refused."""
    with contextlib.suppress(BadInput):
        template = Template.compile(written, COLUMNS)
        with contextlib.suppress(BadText):
            assert isinstance(template.render(values), str)
        list(template.gap_finder()(values))


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_plain_text_comes_back_as_it_was(written: str) -> None:
    """Braces doubled, it is a template of itself; a value is put in as it is, whatever it holds."""
    doubled = written.replace("{", "{{").replace("}", "}}")
    quoted = Template.compile("{!name}" + doubled + "{/}", COLUMNS)

    assert Template.compile(doubled, COLUMNS).render(()) == tidied(written)
    assert quoted.render(["1", "", "", "", "", "", ""]) == tidied(written)
