"""Sentences and questions about a campaign that is begun again."""

from __future__ import annotations

from collections.abc import Iterator

from smsq.producers.intake.drafts import Draft
from smsq.worker.domain.campaign import OVER
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.ledger.views import CampaignView


def sent_already(view: CampaignView) -> str:
    """Why a file whose campaign is over is not sent again, and what to do about it."""
    return (
        f"this file was sent already as campaign {view.id} ({view.state}); see `smsq campaign show {view.id}`; "
        "add --again to send it once more, or --only-new to send the rows that were never sent (in Python "
        "`again=True`, `only_new=True`)"
    )


def is_all_in(view: CampaignView) -> bool:
    """Whether every row of an unfinished campaign is enrolled, so that running it again adds nothing."""
    return view.closed and view.state not in OVER


def not_applied(draft: Draft, name: str | None, on_doubt: str | None, view: CampaignView) -> Iterator[str]:
    """What a repeated command asks for that its campaign, begun otherwise, does not follow."""
    told: tuple[tuple[str, object, object], ...] = (
        ("--name", name, view.name),
        ("--rate", draft.rate, view.rate or None),
        ("--at", draft.start_at and int(draft.start_at * 1000), int(view.start_at * 1000)),
        ("--window", draft.window, view.window),
        ("--budget", draft.budget, view.budget),
        ("--weight", draft.weight if draft.weight != 1 else None, view.weight),
        ("--stop-if-bad", draft.stop_if_bad, view.stop_if_bad),
        ("--auto-resume", draft.auto_resume or None, view.auto_resume),
        ("--on-doubt", on_doubt, view.on_doubt),
    )
    return (option for option, wished, known in told if wished is not None and wished != known)


def partly(error: LedgerTrouble, campaign_id: str, rows_in: int, of: int | None) -> str:
    """The sentence for a campaign that was enrolled only in part: the rows that are enrolled are being sent."""
    many = f"{rows_in} of {of} rows" if of is not None else f"{rows_in} rows"
    why = error.sentence.replace("nothing was written", "nothing more was written")
    return f"{why}. {many} are in campaign {campaign_id} and are being sent; run the same command to go on from there"
