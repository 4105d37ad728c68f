"""Why a message or a campaign waits, in one sentence for people with what to do, the same everywhere."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from smsq.producers.moments import plain, printable, when
from smsq.worker.domain.campaign import GOING, OVER
from smsq.worker.domain.lane import LANES
from smsq.worker.domain.zones import OWN, is_open, openings, said
from smsq.worker.ledger.standing import Brakes
from smsq.worker.ledger.views import CampaignView

CENT = Decimal("0.01")
MOMENT_S = 2.0  # a shorter wait for its turn is no wait
ENROLMENT_SILENT_S = 90.0  # after which no producer is at it any more
HALTS = {
    "fell": "the ledger fell back, so nothing is sent; `smsq recover` shows what it has forgotten, and repairs it",
    "login": "the gateway refuses the log-in; correct SMSQ_LOGIN and SMSQ_PASSWORD and restart the workers; "
    "if they were right after all, `smsq balance` tries them once and lifts the halt",
    "hosts": "Redis restarted and some hosts have not answered its roll call; `smsq doctor` names them, and what to do",
    "ids": "the gateway ids are used up; `smsq recover --fresh-ids` takes a range that was not used",
    "money": "the account is empty; sending goes on by itself after a top-up",
}
# Why messages are in doubt, or parked, as the ledger writes it down.
REASONS = {
    "no_answer": "the request was sent and no complete answer came",
    "handed_over": "it was handed over by a transport that gives no receipts; smsq asks the gateway",
    "bad_answer": "the gateway's answer cannot be trusted",
    "in_part": "the gateway's answer does not cover all phones of the request",
    "refused_who": "the gateway refused one message of several and did not say which",
    "refused": "the gateway refused one of several attempts to send it",
    "no_money": "the account was empty when it was sent",
    "expired": "the worker that was sending it died or hung before it reported the outcome",
    "cancelled": "its campaign was cancelled, but an earlier attempt may have been accepted",
    "late": "its deadline has passed, but an earlier attempt may have been accepted",
    "optout": "the phone's owner opted out, but an earlier attempt may have been accepted",
    "fell": "the ledger fell back; smsq asks the gateway whether it was sent",
    "policy": "the gateway did not find it, and its sender wanted to decide in that case (on doubt: park)",
    "poison": "three workers died while sending it",
    "too many attempts": "it was tried too many times without an outcome",
    "unlisted": "the gateway's history does not show it, and may list what is no SMS elsewhere",
    "held back": "it left as a letter, and the gateway does not show it: it may still wait in a mail server's queue",
    "undecided": "smsq asked the gateway for as long as answers can still come, and the outcome is still unknown",
    "may double": "a person had it sent again while the first copy could still arrive: it may arrive twice",
    "resent": "its sender preferred a second copy to none (on doubt: resend): it may arrive twice",
    "budget": "its budget is spent",
}
UNLED = (
    "no scheduler leads, because none is up or the one that is up hangs: no campaign is handed out and no status is "
    "asked for; `smsq up` starts one"
)
AILMENTS = {  # why a process cannot send: in words, and what cures it
    "gateway": ("can reach no mirror of the gateway", "check that machine's network, DNS, firewall and clock"),
    "login": (
        "have a log-in that the gateway refuses",
        "correct their SMSQ_LOGIN and SMSQ_PASSWORD, and restart them",
    ),
    "journal": ("cannot write their journal", "free space in their SMSQ_HOME, or make it writable"),
    "key": (
        "have another SMSQ_SECRET_KEY than the one that seals this ledger's codes",
        "set it to the key of the other hosts",
    ),
    "clock": (
        "have a clock that differs from Redis' by hours",
        "correct the clock of that machine, or of the one with Redis",
    ),
    "frozen": (
        "were frozen a moment ago",
        "find what pauses them: a container, a debugger, a machine without free processors",
    ),
    "run": (
        "do not follow the present run of Redis",
        "see logs/supervisor.log there: its roll call is not answered",
    ),
}
CUT_OFF = "the workers can reach no mirror of the gateway; `smsq doctor` tries each; sending goes on by itself"


class ReadSide(Protocol):
    """What the answer needs of the ledger's read side."""

    def brakes(self) -> Brakes: ...

    def lanes(self) -> dict[str, int]: ...


def reason(code: str) -> str:
    """Why a message is in doubt, or a campaign paused, in words; a reason that is not a known word stays as it is."""
    return REASONS.get(code, code)


def halt(word: str) -> str:
    """What halts the ledger, in words."""
    return HALTS.get(word, word)


def halted(brakes: Brakes) -> str:
    """What halts the ledger just now, in words, with the hosts that are missing by name."""
    if brakes.halted == "hosts" and brakes.missing is not None:
        return f"{brakes.missing.said}; {brakes.missing.cure}"
    return halt(brakes.halted)


def brake(brakes: Brakes, lane: str = "urgent") -> str:
    """What keeps everything of a lane from leaving, '' for nothing."""
    if brakes.halted:
        return halted(brakes)
    if brakes.is_cut_off:
        return CUT_OFF
    return back_off(brakes, lane)


def back_off(brakes: Brakes, lane: str) -> str:
    """Until when a lane backs off, in a sentence; '' if it does not."""
    errors_s = brakes.lane_back_off_s(lane)
    if brakes.back_off_s > 1 and brakes.back_off_s >= errors_s:
        return f"the gateway asked us to back off, {brakes.back_off_s:.0f} s more"
    if errors_s > 0:
        return (
            f"sending pauses after too many refusals, before the gateway blocks this address, {errors_s:.0f} s more; "
            "`smsq_gateway_errors_total` shows the error codes"
        )
    return ""


def stopped(view: CampaignView, now: float) -> str:
    """Where and when a campaign's enrolment stopped, and what to do about it; '' if it goes on or is complete.

    `now` is in Unix seconds. Rows go in by the thousand, seconds apart at most; a producer waits a minute for Redis.
    """
    if view.closed or view.state in OVER or now - view.enrolled_at <= ENROLMENT_SILENT_S:
        return ""
    return (
        f"its enrolment stopped at row {view.rows}, on {when(view.enrolled_at)}: run the same command with the same "
        f"file to go on from there; if the file is gone or was changed, `smsq campaign cancel {view.id}` ends it"
    )


def why(read_side: ReadSide, view: CampaignView, now: float, parallel: int) -> str:
    """Why a campaign does not move, '' if it may; `now` in Unix seconds, `parallel` requests at most at once."""
    return "; ".join(filter(None, (stopped(view, now), _why_unmoved(read_side, view, now, parallel))))


def _why_unmoved(read_side: ReadSide, view: CampaignView, now: float, parallel: int) -> str:
    """The same of the rows that are in."""
    if view.is_over:
        return ""
    if view.recurring is not None and view.state != "paused":
        return f"its next occurrence begins at {when(view.recurring.next_at)}" if view.state in GOING else ""
    if view.state == "paused":
        return paused(view)
    brakes = read_side.brakes()
    if brakes.halted:
        return halted(brakes)
    lanes = read_side.lanes()
    if missing := [lane for lane, row in LANES.items() if row.ends_campaigns and not lanes.get(lane)]:
        return f"no worker of the {' and '.join(missing)} lane is up; `smsq up` starts them"
    if not brakes.is_led:
        return UNLED
    if view.state == "cancelled":
        return "it was cancelled: statuses of what was already sent are still collected"
    if not view.statuses.get("queued"):
        return reason(view.why)
    if view.start_at > now:
        return f"it is scheduled to begin at {when(view.start_at)}"
    if closed := outside_hours(view, now):
        return closed
    if braked := brake(brakes, "bulk"):
        return braked
    if brakes.is_blind(parallel):
        return "too many requests have unknown outcomes; it goes on by itself as they are settled"
    return _slow(brakes, view, now, parallel) or reason(view.why)


def _slow(brakes: Brakes, view: CampaignView, now: float, parallel: int) -> str:
    """What keeps the next batch for more than a moment although sending goes on, '' for nothing."""
    if ailing := ails(brakes, "bulk"):
        return ailing
    if view.pace.wait_s(view.rate, now) > MOMENT_S:
        return f"its rate, {view.rate:g} parts a second, lets the next batch go at {when(view.pace.free_at(view.rate))}"
    sender = view.options.sender or ""
    if (rate := brakes.sender_rates.get(sender)) and brakes.sender_pace(sender).wait_s(rate, now) > MOMENT_S:
        whose = f"the sender {printable(sender)}" if sender else "the account's own sender"
        free_at = when(brakes.sender_pace(sender).free_at(rate))
        return f"the limit of {whose}, {rate:g} parts a second, lets the next batch go at {free_at}"
    if brakes.rate and brakes.pace.wait_s(brakes.rate, now) > MOMENT_S:
        free_at = when(brakes.pace.free_at(brakes.rate))
        return f"the rate of all sending, {brakes.rate:g} parts a second, lets the next batch go at {free_at}"
    return no_slot(brakes, parallel)


def no_slot(brakes: Brakes, parallel: int) -> str:
    """That all places for requests are taken by requests that hang; '' if that is not so."""
    if 2 * brakes.slots < parallel or brakes.hanging < brakes.slots:
        return ""
    return (
        f"{brakes.slots} requests without an answer may still run, and take the places of others: the first place is "
        f"free at {when(brakes.slot_at)}"
    )


def ails(brakes: Brakes, lane: str) -> str:
    """Why no process of a lane can send, and the cure; '' if one can."""
    why = brakes.ailing.get(lane)
    if why is None:
        return ""
    what, cure = AILMENTS[why]
    return f"the workers of the {lane} lane {what}: {cure}"


def outside_hours(view: CampaignView, now: float) -> str:
    """That all of a campaign's windows are closed, or its rows' moments are ahead, until when and where; '' if not."""
    waiting = [zone for zone, many in zip(view.zones, view.zone_waiting, strict=False) if many]
    is_all_fed = view.fed >= view.batches and not any(view.zone_waiting)
    if view.moment > now and not waiting and not is_all_fed:
        return f"its other rows have moments of their own, the first at {when(view.moment)}"
    zones = waiting or view.zones or (OWN,)
    if not view.window or any(is_open(view.window, zone, now) for zone in zones):
        return ""
    opens = [(found[0][0], zone) for zone in zones if (found := openings(view.window, zone, now))]
    if not opens:
        return f"it is outside its sending hours, {view.window}, which never come in {said(zones[0])}"
    first, zone = min(opens)
    where = f" in {said(zone)}" if zone != OWN else ""
    return f"it is outside its sending hours, {view.window}: it goes on at {when(first)}, when they begin{where}"


def budget(view: CampaignView) -> str:
    """That a campaign's budget is spent, on what, and how it is raised."""
    told = f"{reason('budget')}: {plain(view.cost)} of {plain(view.budget)}"
    if view.expected:
        told += f", and about {plain(view.expected.quantize(CENT))} more for sent messages of unknown cost"
    return f"{told}; `smsq campaign resume {view.id} --budget N` raises it"


def paused(view: CampaignView) -> str:
    """Why a campaign is paused, and the way on."""
    if view.why == "budget":
        return budget(view)
    resume = f"`smsq campaign resume {view.id}`"
    if view.why == "bad":
        return (
            f"it was paused by itself, because {view.found}: `smsq campaign show {view.id}` has the reasons; {resume} "
            f"goes on, and `smsq campaign set {view.id} --stop-if-bad none` lets it fail"
        )
    if view.why == "balance":
        on = "it goes on by itself after a top-up" if view.auto_resume else f"top up, then {resume} goes on"
        return f"it was paused by itself, because {view.found}: {on}; `smsq limits set --reserve N` lowers the reserve"
    why = f" ({reason(view.why)})" if view.why else ""
    return f"it is paused{why} until {resume}"
