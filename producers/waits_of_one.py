"""Why one message is not sent, or not final, and until when: in a sentence for people."""

from __future__ import annotations

from smsq.producers import waits
from smsq.producers.doubts import in_doubt, waits_for
from smsq.producers.moments import when
from smsq.worker.domain.campaign import GOING
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.status import FINAL_STATUSES
from smsq.worker.ledger.values import BatchView
from smsq.worker.runtime import Runtime


def why(runtime: Runtime, receipt: Receipt) -> str:
    """Why a message is not final, and the time it will go on at if that is known; '' for a final one."""
    if receipt.status in FINAL_STATUSES or not receipt.id:
        return ""
    batch = runtime.views.batch(int(receipt.id.partition(".")[0]))
    if batch is None:
        return ""
    match receipt.status:
        case "queued":
            return _why_queued(runtime, batch)
        case "sending":
            return "it is being sent: the gateway has not answered yet"
        case "doubtful":
            return waits_for(in_doubt(runtime, [batch]))
        case "parked":
            return f"a person decides what becomes of it: `smsq doubts show {batch.ref.number}`"
        case "accepted":
            return _why_not_final(runtime, batch)
    return ""


def _why_queued(runtime: Runtime, batch: BatchView) -> str:
    views, now = runtime.views, runtime.clock.now()
    settings = runtime.settings
    if batch.ref.campaign:
        view = views.campaign(batch.ref.campaign)
        said = waits.why(views, view, now, settings.parallel_sends) if view is not None else ""
        if said:
            return f"its campaign {batch.ref.campaign} waits: {said}"
        if view is not None and view.state not in GOING:
            return f"its campaign {batch.ref.campaign} is {view.state}"
    else:
        brakes = views.brakes()
        is_code_without_money = brakes.halted == "money" and batch.lane == "urgent"  # it is tried all the same
        if (braked := waits.brake(brakes, batch.lane)) and not is_code_without_money:
            return braked
        if not views.lanes().get(batch.lane):
            return f"no worker of the {batch.lane} lane is up; `smsq up` starts one"
        if ailing := waits.ails(brakes, batch.lane):
            return ailing
        if full := waits.no_slot(brakes, settings.parallel_sends):
            return full
    if fileless := _fileless(runtime, batch):
        return fileless
    again_at = views.ready_at(batch.ref, batch.lane)
    if again_at is not None and again_at > now + SENDING[batch.lane].hint_again_s + 1:
        return f"it may go again at {when(again_at)}"
    if views.is_back(batch.ref):
        return "the rate of its campaign or its sender is used up: it goes on by itself, in its turn"
    if batch.ref.campaign:
        return f"it is not its turn yet: campaign {batch.ref.campaign} is sent from the first row to the last"
    return ""


def _fileless(runtime: Runtime, batch: BatchView) -> str:
    last = runtime.ledger.fileless()
    if last is None or last.ref != batch.ref:
        return ""
    return f"its files are not on {last.place} ({last.why}); it is tried again on any host, within a minute"


def _why_not_final(runtime: Runtime, batch: BatchView) -> str:
    asked_at = runtime.views.asked_at(batch.ref)
    asks = f"; it asks at {when(asked_at)}" if asked_at is not None else ""
    if asked_at is not None and not runtime.views.lanes().get("status"):
        return (
            "the gateway has it, and no worker of the status lane is up to ask what became of it; `smsq up` starts one"
        )
    return f"the gateway has it: smsq waits for its callback{asks}"
