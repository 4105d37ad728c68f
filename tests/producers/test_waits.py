"""Why something waits: every word that the ledger writes down has a sentence for people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.producers.report import as_object
from smsq.producers.waits import ENROLMENT_SILENT_S, REASONS, reason
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
    scripts = "".join(path.read_text() for path in sorted((WORKER / "ledger" / "lua").rglob("*.lua")))
    words = {word for pattern in WRITTEN[:2] + WRITTEN[3:] for word in re.findall(pattern, scripts)}
    parked = next(line for line in scripts.splitlines() if "'policy'" in line)
    words |= set(re.findall(WRITTEN[2], parked)) | set(re.findall(r"or '([a-z_ ]+)'", parked))
    sender = (WORKER / "actors" / "send.py").read_text()
    words |= set(re.findall(r'_doubt\(claim, "([a-z_]+)"', sender))
    words |= {word for pair in re.findall(r'why = "([a-z_]+)" if .* else "([a-z_]+)"', sender) for word in pair}

    assert {"policy", "poison", "no_answer", "bad_answer", "undecided", "may double", "fell", "refused"} <= words
    assert words <= REASONS.keys()


def test_machines_are_told_the_word_and_the_sentence() -> None:
    """The word is for programs, the sentence for whoever reads it; a person's own words stay as they are."""
    told = as_object(Receipt(id="1.0", phone="+79991234567", status="parked", why="poison"))

    assert (told["why"], told["why_in_words"]) == ("poison", "three workers died while sending it")
    assert reason("seen on the handset") == "seen on the handset"


@pytest.mark.parametrize("paused", [False, True], ids=["enrolling", "paused"])
def test_an_enrolment_that_stopped_says_so(smsq: Smsq, paused: bool) -> None:
    """At which row, since when, and what to do: its producer is gone, and perhaps its file."""

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    phones = [f"+{79990000000 + n}" for n in range(1500)]
    with pytest.raises(KeyboardInterrupt):
        smsq.campaigns.run(phones, text="Hi", enrolled=stop)
    campaigns, ledger = smsq.campaigns, smsq.runtime.ledger
    begun = campaigns.list()[0]
    if paused:
        campaigns.pause(begun.id)
    key = ledger.keys.campaign(begun.id)
    at_once = campaigns.stopped(begun)
    ledger.redis.hset(key, "ranged_at", int(ledger.redis.hget(key, "ranged_at")) - int(ENROLMENT_SILENT_S * 1000) - 1)
    later = campaigns.why(campaigns.show(begun.id))
    campaigns.cancel(begun.id)

    assert (begun.state, at_once) == ("enrolling", "")
    assert later.startswith("its enrolment stopped at row 1000, on 20")
    assert f"`smsq campaign cancel {begun.id}`" in later
    assert ("it is paused" in later) is paused
    assert campaigns.stopped(campaigns.show(begun.id)) == ""


def test_an_enrolment_that_is_complete_has_not_stopped(smsq: Smsq) -> None:
    """However long ago that was."""
    view = smsq.campaigns.run(["+79990000000"], text="Hi")
    ledger = smsq.runtime.ledger
    ledger.redis.hset(ledger.keys.campaign(view.id), "ranged_at", 1)

    assert smsq.campaigns.stopped(smsq.campaigns.show(view.id)) == ""
