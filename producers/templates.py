"""Saved templates: texts under a name, with versions.

    smsq.templates.add("welcome", "Hello {name|friend}!")
    smsq.campaigns.run("people.csv", template="welcome")
    smsq.send("+79991234567", template="welcome@1", values={"name": "Anna"})

A version never changes: adding another text under the name makes the next one. A campaign keeps the text that it was
begun with, and remembers the name and the version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from smsq.producers.fields import is_nothing
from smsq.producers.installation import Installation
from smsq.producers.intake.rows import listed, nearest, tidy
from smsq.producers.intake.templates import Template, fields_of
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.text import tidied
from smsq.worker.ledger.orders import orderer
from smsq.worker.ledger.templates import SavedTemplate

LONGEST_TEXT = 10_000  # characters; a text that is sent is shorter, and a template has more than it sends
_NAME = re.compile(r"[^\W_][\w.-]{0,63}")
_REFERENCE = re.compile(r"(?P<name>[^@]+)(?:@(?P<version>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Added:
    """A template that is kept now; `created` is False if its newest version said the same already."""

    template: SavedTemplate
    created: bool


class Templates:
    """The saved templates of one installation."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def add(self, name: str, text: str, *, language: str | None = None) -> Added:
        """Keep a text under a name; a text that differs from the newest version is the next one.

        `language` is what its plural forms and dates are in, by default the one whose letters it has. Raises BadInput
        for a name that will not do, and for a text that makes no sense.
        """
        check_name(name)
        if not isinstance(text, str) or not text.strip():
            raise BadInput("a template is a text, and not an empty one")
        text = tidied(text)
        if len(text) > LONGEST_TEXT:
            raise BadInput(f"a template has at most {LONGEST_TEXT} characters, and this one has {len(text)}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadInput("the template holds half of a character (a lone surrogate)") from None
        fields_of(text, language=language)
        ledger = self._smsq.runtime.ledger
        version, created = self._smsq.patiently(lambda: ledger.add_template(name, text, language or "", orderer()))
        return Added(self.show(name, version), created)

    def list(self) -> list[SavedTemplate]:
        """The newest version of each template, by name."""
        return self._smsq.runtime.ledger.templates()

    def show(self, name: str, version: int | None = None) -> SavedTemplate:
        """A template, the newest version if none is named; `name` may be `welcome@2`.

        Raises BadInput if there is none, with the names of those that there are.
        """
        said, of_name = parse_reference(name)
        wanted = of_name if version is None else version
        found = self._smsq.runtime.ledger.template(said, wanted)
        if found is not None:
            return found
        newest = self._smsq.runtime.ledger.template(said)
        if newest is not None:
            raise BadInput(f"the template {said} has no version {wanted}; its newest is {newest.version}")
        names = [each.name for each in self.list()]
        known = f"there are {listed(names)}{nearest(said, names)}" if names else "`smsq template add` keeps one"
        raise BadInput(f"there is no template {said}; {known}")

    def remove(self, name: str) -> int:
        """Remove all versions of a template, and return how many there were; raises BadInput if there is none."""
        if "@" in name:
            raise BadInput(f"all versions go at once: name the template without a version, as {name.partition('@')[0]}")
        ledger = self._smsq.runtime.ledger
        removed = self._smsq.patiently(lambda: ledger.remove_template(name))
        if not removed:
            self.show(name)  # which names those that there are
        return removed


def check_name(name: str) -> None:
    """Raise BadInput if a template cannot be called so."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput(
            "a template is called by letters and digits, with - _ . between them, 64 at most, such as welcome, "
            f"not {name!r}"
        )


def parse_reference(name: str) -> tuple[str, int | None]:
    """Name and version of `welcome@3`, or of `welcome`; raises BadInput.

    >>> parse_reference("welcome@3"), parse_reference("welcome")
    (('welcome', 3), ('welcome', None))
    """
    found = _REFERENCE.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise BadInput(f"a template is named as welcome or welcome@3, not {name!r}")
    check_name(found["name"])
    return found["name"], int(found["version"]) if found["version"] else None


def rendered(text: str, values: Mapping[str, object], *, language: str | None = None, what: str = "the text") -> str:
    """A text for one message, with these values; a field that has a default needs none.

    Raises BadInput for a value that it lacks, cannot take or does not use.
    """
    used = fields_of(text, language=language)
    given = {tidy(name).casefold(): value for name, value in values.items()}
    known = {name.casefold() for name in used}
    if unused := next((name for name in values if tidy(name).casefold() not in known), None):
        told = f"it has {listed(used)}{nearest(unused, used)}" if used else "it has none"
        raise BadInput(f"{what} has no field {unused}; {told}")
    template = Template.compile(text, used, language=language)
    cells = ["" if is_nothing(value) else str(value) for value in map(given.get, map(str.casefold, used))]
    if empty := next((name for gap, name in template.gap_finder()(cells) if gap == "empty"), None):
        raise BadInput(f"{what} needs a value for {empty}, or a default in its place: {{{empty}|…}}")
    return template.render(cells)


def text_of(smsq: Installation, text: str | None, template: str | None) -> tuple[str, str, str | None]:
    """The text that a caller gave, or that of a saved template; with what that is called, and its language.

    Raises BadInput if both or neither are given, or there is no such template.
    """
    if text is not None and template is not None:
        raise BadInput("a text is given, or the name of a saved template, and not both")
    if template is None:
        if text is None:
            raise BadInput("a text is needed, or the name of a saved template")
        return text, "", None
    found = Templates(smsq).show(template)
    return found.text, found.called, found.language or None
