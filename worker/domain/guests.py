"""The guest list: the only recipients that an installation, or one API key, can reach. By default everybody is a guest.

It is asked at every door, again where messages are enrolled, and a last time where a request would leave, so that no
producer with other settings passes by it. Simulated numbers are nobody's, and always guests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from smsq.worker.domain import recipient as recipients
from smsq.worker.domain.errors import BadPhone, NotAGuest
from smsq.worker.domain.recipient import EVERY_KIND, Recipient
from smsq.worker.domain.simulated import is_simulated

FORBIDDEN = 250  # a delivery error of the gateway's table: the number is forbidden by the account


@dataclass(frozen=True, slots=True)
class Guests:
    """Those who can be reached; None for everybody. `of` says whose list it is, in a sentence."""

    names: frozenset[Recipient] | None = field(default=None, repr=False)
    of: str = "SMSQ_GUESTS"

    @property
    def is_limited(self) -> bool:
        """Whether there is a list at all."""
        return self.names is not None

    def admits(self, recipient: Recipient) -> bool:
        """Whether this recipient can be reached."""
        return self.names is None or recipient in self.names or is_simulated(recipient)

    def check(self, recipient: Recipient) -> None:
        """Raise NotAGuest for a recipient that cannot be reached."""
        if not self.admits(recipient):
            raise NotAGuest(self.why(recipient))

    def why(self, recipient: Recipient) -> str:
        """The sentence for a recipient that cannot be reached."""
        return (
            f"{recipients.masked(recipient)} is not on the guest list ({self.of}), and nobody else can be reached: "
            "add it there, or take the list away"
        )

    def outside(self, some: Iterable[Recipient]) -> list[Recipient]:
        """Those of them that cannot be reached."""
        return [each for each in some if not self.admits(each)] if self.names is not None else []

    def among(self, others: Guests) -> Guests:
        """Those who are on both lists."""
        if self.names is None or others.names is None:
            return others if self.names is None else self
        return Guests(self.names & others.names, f"{self.of} and {others.of}")

    def checked(self, parse: Callable[[str, str], Recipient]) -> Callable[[str, str], Recipient]:
        """What reads a recipient, and refuses one that is no guest."""
        if self.names is None:
            return parse

        def parsed(written: str, region: str) -> Recipient:
            recipient = parse(written, region)
            self.check(recipient)
            return recipient

        return parsed

    def __str__(self) -> str:
        return "everybody" if self.names is None else f"{len(self.names)} guests"


EVERYBODY = Guests()


def read(written: str, of: str = "SMSQ_GUESTS") -> Guests:
    """The guests that are listed, or that stand in a file, one in each line; raises ValueError with what is allowed.

    A file is told by its path, which has a slash. In it a # that follows a blank, or begins a line before one, begins
    a comment.
    """
    lines = _lines_of(Path(written).expanduser()) if "/" in written else written.split(",")
    return Guests(frozenset(_read_one(line, n) for n, line in enumerate(lines, 1) if line.strip()), of)


def _lines_of(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError("phones with commas between them, or the path of a file that can be read") from None
    return [line.partition(" #")[0] if not line.startswith("# ") else "" for line in lines]


def _read_one(line: str, n: int) -> Recipient:
    try:
        return recipients.parse(line.strip(), EVERY_KIND)
    except BadPhone as error:
        raise ValueError(
            f"phones with commas between them, or the path of a file; number {n}: {error.sentence}"
        ) from None
