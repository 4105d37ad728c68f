"""How far each walk goes: worlds that are walked in every run, and deep ones for the long run."""

from __future__ import annotations

from tests.promises.model.lane import Traffic
from tests.promises.model.rollcall import Falls
from tests.promises.model.states import ACCEPTED, DELIVERED, UNDELIVERABLE, World

ONE = World(most_claims=2)
PAIR = World(phones=2, workers=1, most_claims=2)
ALONE = World(phones=2, workers=1, most_claims=4, most_ids=2, poison=9)
ORDERS = World(workers=1, most_claims=2, orders=1, ends=True)
FAILURES = World(workers=1, most_claims=2, orders=1, facts=(ACCEPTED, UNDELIVERABLE, DELIVERED))
JUMPS = World(workers=1, most_claims=2, jumps=1)
VIEWS = World(workers=1, most_claims=2, mirrors=2, views=True, freezes=1, facts=(), close=0, arrival=0)
FIRST_CLAIM = World(most_claims=1, strangers=True, facts=(ACCEPTED, DELIVERED))
THREE_CLAIMS = World(most_claims=3, strangers=True)
PARKS = World(workers=1, most_claims=2, parks=True)
RESENDS = World(workers=1, most_claims=3, resends=True)
RESENDS_ONCE = World(workers=1, most_claims=2, resends=True, ends=True)
QUEUE = World(most_claims=2, queue=True)
LETTERS = World(workers=1, most_claims=2, mirrors=2, letters=0b10)
LETTERS_ORDERS = World(workers=1, most_claims=2, mirrors=2, letters=0b10, orders=1, ends=True)
LISTS = World(workers=1, most_claims=2, lists=True)
LISTS_ORDERS = World(workers=1, most_claims=2, orders=1, ends=True, facts=(), close=0, arrival=0, lists=True)
LISTS_VIEWS = World(workers=1, most_claims=2, views=True, freezes=1, facts=(), close=0, arrival=0, lists=True)

FAST: dict[str, World] = {
    "one message, two workers": ONE,
    "one message, three workers, a copy of every command": World(workers=3, most_claims=2, lingers=True),
    "one message, three claims": THREE_CLAIMS,
    "one message, one claim": FIRST_CLAIM,
    "a deadline, a cancelled campaign": World(most_claims=2, ends=True),
    "an operator": ORDERS,
    "failed deliveries": FAILURES,
    "hints that get lost": QUEUE,
    "the policy to park": PARKS,
    "the policy to send again": RESENDS,
    "the policy to send again, a deadline": RESENDS_ONCE,
    "clocks that jump": JUMPS,
    "two phones": PAIR,
    "two phones that go on alone": ALONE,
    "two mirrors that lag apart": VIEWS,
    "letters": LETTERS,
    "letters, an operator, a deadline": LETTERS_ORDERS,
    "lists of history": LISTS,
    "lists of history, an operator": LISTS_ORDERS,
    "lists of history, a mirror that stands still": LISTS_VIEWS,
}
# Small worlds that together make every move.
FOR_MOVES = (ORDERS, PAIR, PARKS)
SLOW: dict[str, World] = {
    "three workers, three claims, a copy of every command": World(workers=3, most_claims=3, lingers=True, poison=2),
    "longer times": World(most_claims=2, lingers=True, close=2, arrival=2, visible=2),
    "an operator, twice": World(workers=1, most_claims=2, orders=2, ends=True),
    "clocks that jump twice": World(workers=1, most_claims=2, jumps=2),
    "two phones, two workers, a copy of every command": World(phones=2, most_claims=2, lingers=True),
    "two phones, cancelled or given to an operator": World(phones=2, workers=1, most_claims=2, orders=1, ends=True),
    "sent again, failed deliveries, a deadline": World(
        workers=1, most_claims=3, resends=True, ends=True, facts=(ACCEPTED, UNDELIVERABLE, DELIVERED)
    ),
    "sent again, two workers, dying twice": World(most_claims=3, resends=True, poison=2),
    "sent again, longer times, an operator": World(
        workers=1, most_claims=2, resends=True, orders=1, close=2, arrival=2, visible=2
    ),
    "letters, two phones": World(phones=2, workers=1, most_claims=2, mirrors=2, letters=0b10),
    "letters, two workers, a copy of every command": World(most_claims=2, mirrors=2, letters=0b10, lingers=True),
    "letters, sent again, failed deliveries": World(
        workers=1, most_claims=3, mirrors=2, letters=0b10, resends=True, facts=(ACCEPTED, UNDELIVERABLE)
    ),
    "lists of history, two phones": World(phones=2, workers=1, most_claims=2, lists=True),
    "lists of history, two mirrors that lag apart": World(
        workers=1, most_claims=2, mirrors=2, views=True, freezes=1, facts=(), close=0, arrival=0, lists=True
    ),
    "lists of history, clocks that jump": World(workers=1, most_claims=2, lists=True, jumps=1),
    "lists of history, three claims, a copy of every command": World(
        workers=2, most_claims=3, lists=True, lingers=True, poison=2
    ),
    "two mirrors with every delay": World(workers=1, most_claims=2, mirrors=2, views=True, freezes=1, blind=True),
}

ONE_HOST = Falls()
TWO_WORKERS = Falls(workers=2, most_claims=3)
LATE_MEANWHILE = Falls(late=True, workers=2)
TWO_HOSTS = Falls(hosts=2, joined=1)
LEAVES_ONCE = Falls(hosts=2, joined=2, leaves=1)
LEAVES_TWICE = Falls(hosts=2, joined=2, leaves=2)
BOTH_LEAVE = Falls(hosts=2, joined=2, leaves=2, leavers=2)
LEAVES_TWO_FALLS = Falls(hosts=2, joined=2, leaves=1, falls=2)
FAST_FALLS: dict[str, Falls] = {
    "one host, one fall": ONE_HOST,
    "one host, two workers": TWO_WORKERS,
    "one host, two falls": Falls(falls=2),
    "one host, a deadline": LATE_MEANWHILE,
    "two hosts": Falls(hosts=2, joined=2),
    "a host that joins later": TWO_HOSTS,
    "a host that signs off": LEAVES_ONCE,
    "a host that signs off twice": LEAVES_TWICE,
    "two hosts that sign off": BOTH_LEAVE,
}
SLOW_FALLS: dict[str, Falls] = {
    "three claims, two falls": Falls(falls=2, most_claims=3, late=True),
    "two hosts, two falls": Falls(hosts=2, joined=1, falls=2),
    "a host that signs off, two falls": LEAVES_TWO_FALLS,
    "a host that signs off twice, two falls": Falls(hosts=2, joined=2, leaves=2, falls=2),
    "two hosts that sign off, two falls": Falls(hosts=2, joined=2, leaves=2, leavers=2, falls=2),
    "three hosts, one signs off": Falls(hosts=3, joined=3, leaves=1),
    "a host that signs off, every outcome": Falls(hosts=2, joined=2, leaves=1, outcomes=True),
}

CALM = Traffic()
TWO_SLOTS = Traffic(slots=2)
LOST = Traffic(batches=1, losses=1, freezes=1)
LOST_TWICE = Traffic(batches=1, threads=1, losses=2)
HALVES = Traffic(threads=1, losses=1, halves=1)
STOPS = Traffic(stops=1)
NOT_YET = Traffic(not_yet=1)
RESTARTS = Traffic(batches=1, losses=1, falls=1)
RINGS = Traffic(rings=1)
FULL_BELL = Traffic(rings=1, is_first_rung=True)
THREE_BATCHES = Traffic(batches=3, slots=2, tries=1)  # with three claims there are more states than a day has time for
CLAIMED_THRICE = Traffic(slots=2, most_claims=3, tries=1)
FAST_LANES: dict[str, Traffic] = {
    "two threads, one slot": CALM,
    "two threads, two slots": TWO_SLOTS,
    "a reply is lost, a worker freezes": LOST,
    "two replies are lost": LOST_TWICE,
    "half of a round trip": HALVES,
    "a worker that stops": STOPS,
    "a batch that may not go yet": NOT_YET,
    "a lane and a restart": RESTARTS,
    "a bell beside hints": RINGS,
    "a bell that is full": FULL_BELL,
}
# Of the fast ones, those whose whole walk takes more than ten seconds; without a rule, each breaks long before its end.
LONG: tuple[World | Falls | Traffic, ...] = (
    VIEWS,
    LETTERS_ORDERS,
    BOTH_LEAVE,
    TWO_SLOTS,
    LOST,
    HALVES,
    STOPS,
    NOT_YET,
    RESTARTS,
    RINGS,
    FULL_BELL,
)
SLOW_LANES: dict[str, Traffic] = {
    "a reply is lost, two batches": Traffic(losses=1),
    "two replies are lost, two batches": Traffic(threads=1, losses=2),
    "a worker that dies": Traffic(deaths=1),
    "three batches, two slots": THREE_BATCHES,
    "three claims, two slots": CLAIMED_THRICE,
    "a bell, two slots": Traffic(rings=2, slots=2),
    "a ring is lost": Traffic(rings=1, losses=1),
    "a bell and a worker that stops": Traffic(rings=1, stops=1, is_first_rung=True),
    "three batches and a bell": Traffic(batches=3, rings=1, tries=1),
    # As many rings as threads that wait for them: production has 128.
    "three batches, two slots and a bell": Traffic(
        batches=3, slots=2, rings=2, tries=1, most_claims=1, is_first_rung=True
    ),
}
