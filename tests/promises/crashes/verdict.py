"""What must be true at the end, by the gateway's own record and the ledger's; whatever is wrong is a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.receipt import Receipt
from smsq.worker.ledger import Ledger
from smsq.worker.metrics import METRICS
from tests.promises.crashes.stories import CONTROL, Story
from tests.promises.crashes.world import World

GAUGES = frozenset(row.total.name for row in METRICS if row.kind == "gauge" and row.total is not None)
ACCEPTED = frozenset({"accepted", "delivered", "read", "clicked", "expired", "undeliverable"})


def judge(world: World, story: Story) -> list[str]:
    """Everything that is wrong."""
    return [
        *_messages(world, story),
        *_strangers(world),
        *_leftovers(world),
        *_counts(world),
        *_copies(world, story),
        *(f"limit of the gateway broken: {name} ×{many}" for name, many in world.far.mind.limits_broken.items()),
    ]


def _receipts(world: World) -> Iterator[tuple[int, Receipt]]:
    """Every message of the ledger: its phone and its receipt."""
    numbers: set[int] = set()
    for each in world.views.campaigns():
        numbers.update(ref.number for ref in world.views.batch_refs(each.id))
        for receipt in world.views.report(each.id):
            if receipt.id:  # a row that stayed behind is no message
                yield int(receipt.phone[1:]), receipt
    last = int(world.ledger.redis.get(world.ledger.key("n:batch")) or 0)
    singles = [Ref(number) for number in range(1, last + 1) if number not in numbers]
    for batch in world.ledger.read(singles):
        receipt = world.views.receipt(MessageId(batch.ref.number, 0)) if batch is not None else None
        if batch is not None and receipt is not None:
            yield batch.recipients[0], receipt


def _messages(world: World, story: Story) -> Iterator[str]:
    """Each message of the ledger was accepted as often as its status says, and ended as the story allows."""
    accepted = world.far.accepted()
    known: set[int] = set()
    for phone, receipt in _receipts(world):
        where = f"message {receipt.id} to …{phone % 10000:04d}"
        ids, may_end = accepted.get(phone, []), story.ends_of(phone)
        if phone in known:
            yield f"{where} is in the ledger twice"
        known.add(phone)
        if len(ids) > (1 if phone == CONTROL else story.copies):
            yield f"{where} was accepted {len(ids)} times"
        if len(ids) > 1 and not receipt.may_double:
            yield f"{where} was accepted {len(ids)} times, and its receipt does not say that it may be"
        if ids and receipt.status not in ACCEPTED:
            yield f"{where} was accepted and is called {receipt.status}"
        if not ids and receipt.status in ACCEPTED:
            yield f"{where} is called {receipt.status} and was never accepted"
        if phone != CONTROL and receipt.status not in may_end:
            yield f"{where} ended as {receipt.status} {receipt.why}, not as {'/'.join(sorted(may_end))}"
        if ids and receipt.gateway_id not in ids:
            yield f"{where} was accepted as {ids[0]} and is followed as {receipt.gateway_id}"
    for phone in world.acknowledged - known:
        yield f"the message to …{phone % 10000:04d} was enrolled and is lost"


def _strangers(world: World) -> Iterator[str]:
    """Each accepted order is in the ledger under its id."""
    for phone, ids in world.far.accepted().items():
        for gateway_id, ref in zip(ids, world.ledger.batches_of(ids), strict=True):
            batch = world.ledger.read([ref])[0] if ref is not None else None
            if batch is None or phone not in batch.recipients:
                yield f"id {gateway_id} to …{phone % 10000:04d} was accepted and is in no batch"


def _leftovers(world: World) -> Iterator[str]:
    """Nothing is in motion any more."""
    for name, many in world.views.in_motion().items():
        if many and name not in ("watch", "parked"):
            yield f"{many} left in {name}"
    for each in world.views.campaigns():
        if not each.is_over:
            yield f"campaign is {each.state}: {dict(each.statuses)}"


def _copies(world: World, story: Story) -> Iterator[str]:
    """Second copies are counted: each that was chosen, and each that arrived and was seen."""
    depth = world.views.depth()
    chosen = sum(depth.by("smsq_resends_total").values())
    if chosen > story.copies - 1:
        yield f"{chosen:.0f} copies were sent by choice"
    doubles = depth.one("smsq_resend_doubles_total")
    if doubles > sum(len(ids) - 1 for ids in world.far.accepted().values()):
        yield f"{doubles:.0f} double acceptances by choice were counted, and fewer happened"


def _counts(world: World) -> Iterator[str]:
    """Totals agree with the messages, and no alarm rang."""
    depth = world.views.depth()
    if doubles := depth.one("smsq_double_accepts_total"):
        yield f"{doubles:.0f} double acceptances were counted"
    for name, many in depth.by("smsq_alarms_total").items():
        yield f"alarm {name} ×{many:.0f}"
    for each in world.views.campaigns():
        told: dict[str, int] = {}
        for receipt in world.views.report(each.id):
            told[receipt.status] = told.get(receipt.status, 0) + 1
        if told != dict(each.statuses):
            yield f"the campaign counts {dict(each.statuses)}, its report {told}"
    if negative := negative_gauges(world.ledger):
        yield f"negative gauges {negative}"


def negative_gauges(ledger: Ledger) -> dict[str, int]:
    """Gauges that were counted down too often; the metrics show such a one as 0."""
    totals = {name.decode(): int(many) for name, many in ledger.redis.hgetall(ledger.key("totals")).items()}
    return {name: many for name, many in totals.items() if many < 0 and name.partition(":")[0] in GAUGES}
