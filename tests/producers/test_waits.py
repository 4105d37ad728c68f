"""Why something waits: every word that the ledger writes down has a sentence for people."""

from __future__ import annotations

import re
from pathlib import Path

from smsq.producers.report import as_object
from smsq.producers.waits import REASONS, reason
from smsq.worker.domain.receipt import Receipt

WORKER = Path(__file__).parents[2] / "worker"
WRITTEN = (
    r"enter_doubt\(.*, '([a-z_ ]+)'",
    r"park\(m, rest, '([a-z_ ]+)'",
    r"and '([a-z_ ]+)'",
    r"m\[WHY\](?:, m\[RESENT\])? = '([a-z_ ]+)'",
)


def test_every_word_of_the_ledger_has_a_sentence() -> None:
    """A new reason for doubt or parking needs a row in the table."""
    scripts = "".join(path.read_text() for path in (WORKER / "ledger" / "lua").glob("*.lua") if "view" not in path.name)
    words = {word for pattern in WRITTEN[:2] + WRITTEN[3:] for word in re.findall(pattern, scripts)}
    parked = next(line for line in scripts.splitlines() if "'policy'" in line)
    words |= set(re.findall(WRITTEN[2], parked)) | set(re.findall(r"or '([a-z_ ]+)'", parked))
    words |= set(re.findall(r'_doubt\(claim, "([a-z_]+)"', (WORKER / "actors" / "send.py").read_text()))

    assert {"policy", "poison", "no_answer", "bad_answer", "undecided", "may double", "fell", "refused"} <= words
    assert words <= REASONS.keys()


def test_machines_are_told_the_word_and_the_sentence() -> None:
    """The word is for programs, the sentence for whoever reads it; a person's own words stay as they are."""
    told = as_object(Receipt(id="1.0", phone="+79991234567", status="parked", why="poison"))

    assert (told["why"], told["why_in_words"]) == ("poison", "three workers died while sending it")
    assert reason("seen on the handset") == "seen on the handset"
