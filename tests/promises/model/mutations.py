"""Rules that are left out one at a time, the smallest world that shows why they are there, and what breaks in it."""

from __future__ import annotations

from typing import NamedTuple

from tests.promises.model import lane, promises, worlds
from tests.promises.model.lane import Lane, Traffic
from tests.promises.model.promises import OneBatch
from tests.promises.model.rollcall import FallingLedger, Falls
from tests.promises.model.states import World


class Mutation(NamedTuple):
    """One rule left out; `Ledger.off` and the steps know it by its name."""

    off: str
    world: World | Falls | Traffic
    breaks: str

    def model(self) -> OneBatch | FallingLedger | Lane:
        """The world without the rule."""
        if isinstance(self.world, Traffic):
            return Lane(self.world, self.off, self.breaks)
        if isinstance(self.world, Falls):
            return FallingLedger(self.world, self.off, self.breaks)
        return OneBatch(self.world, self.off, self.breaks)


ONE, PAIR, VIEWS = worlds.ONE, worlds.PAIR, worlds.VIEWS

MUTATIONS: tuple[Mutation, ...] = (
    # The claim
    Mutation("claim does not compare", ONE, promises.DOUBLED),
    Mutation("the nonce is used again", ONE, promises.DOUBLED),
    Mutation("claim does not raise the fence", ONE, promises.FENCE_FELL),
    Mutation("decided messages are claimed again", PAIR, promises.DOUBLED),
    Mutation("the rest does not inherit its ids", worlds.ORDERS, promises.FALSE_END),
    # The send
    Mutation("a worker reconnects under a claim", ONE, promises.DOUBLED),
    Mutation("a write error is taken for nothing sent", ONE, promises.DOUBLED),
    Mutation("a timeout is taken for nothing sent", ONE, promises.DOUBLED),
    Mutation("doubt is taken for sent", ONE, promises.FALSE_ACCEPT),
    Mutation("error 9 'duplicate' is taken for a refusal", ONE, promises.FALSE_END),
    Mutation("settle is not fenced", worlds.THREE_CLAIMS, promises.DOUBLED),
    # Facts
    Mutation("one found phone proves all", PAIR, promises.FALSE_ACCEPT),
    Mutation("found ends sending", PAIR, promises.DOUBLED),
    Mutation("a fact under another batch's id", worlds.FIRST_CLAIM, promises.FALSE_ACCEPT),
    Mutation("a failure ends at once", worlds.FAILURES, promises.FALSE_FAILURE),
    Mutation("statuses go backwards", worlds.FIRST_CLAIM, promises.BACKWARDS),
    Mutation("a full nibble names every later id", worlds.ALONE, promises.FALSE_ACCEPT),
    # Absence
    Mutation("expiry makes ready", ONE, promises.DOUBLED),
    Mutation("absence is dated when recorded", ONE, promises.DOUBLED),
    Mutation("the window is one tick short", ONE, promises.DOUBLED),
    Mutation("the window leaves out the peer's close", ONE, promises.DOUBLED),
    Mutation("only Redis' clock counts", worlds.JUMPS, promises.DOUBLED),
    Mutation("absence of one phone is enough", PAIR, promises.DOUBLED),
    Mutation("asked under the newest id only", worlds.ORDERS, promises.FALSE_END),
    Mutation("control from another mirror", VIEWS, promises.DOUBLED),
    Mutation("no control is needed", VIEWS, promises.DOUBLED),
    Mutation("an older control is enough", VIEWS, promises.DOUBLED),
    Mutation("absence from a mirror that did not carry it", VIEWS, promises.DOUBLED),
    # Letters
    Mutation("the absence of a letter is trusted", worlds.LETTERS, promises.DOUBLED),
    Mutation("the absence of an older letter is trusted", worlds.LETTERS_ORDERS, promises.FALSE_END),
    # Lists of history
    Mutation("a list counts from its last page", worlds.LISTS, promises.DOUBLED),
    Mutation("a broken page ends a list", worlds.LISTS, promises.DOUBLED),
    Mutation("a list begins after an older attempt", worlds.LISTS_ORDERS, promises.FALSE_END),
    Mutation("a list's control is looked for behind it", worlds.LISTS_VIEWS, promises.DOUBLED),
    # Ends
    Mutation("late while an id is open", worlds.ORDERS, promises.FALSE_END),
    Mutation("refused while an id is open", worlds.ORDERS, promises.FALSE_ACCEPT),
    Mutation("park at once", worlds.PARKS, promises.PARKED_WHILE_OPEN),
    Mutation("nothing left to ask is nothing to record", worlds.PAIR, promises.STUCK),
    Mutation("no sweeper", worlds.QUEUE, promises.STUCK),
    Mutation("claims do not expire", ONE, promises.STUCK),
    # A second copy by choice
    Mutation("a second copy that nobody chose", ONE, promises.DOUBLED),
    Mutation("a second copy is followed by a third", worlds.RESENDS, promises.TOO_OFTEN),
    Mutation("a second copy is not labelled", worlds.RESENDS_ONCE, promises.DOUBLED),
    Mutation("a second copy leaves after the end", worlds.RESENDS_ONCE, promises.LATE_COPY),
    Mutation("what was found meanwhile is sent again", worlds.RESENDS_ONCE, promises.FOUND_COPY),
    # Workers who claim the next batch by themselves
    Mutation("what an earlier try was given is not looked for", worlds.LOST, lane.UNHEARD),
    Mutation("a repeated call that got nothing is not written down", worlds.LOST, lane.UNHEARD),
    Mutation("no repeated call is written down", worlds.LOST, lane.UNHEARD),
    Mutation("a repeated call draws a nonce of its own", worlds.LOST, lane.UNHEARD),
    Mutation("a call from before the last is granted", worlds.LOST_TWICE, lane.UNHEARD),
    Mutation("a call is answered again under another run", worlds.RESTARTS, promises.DOUBLED),
    Mutation("the line is opened after the claim", worlds.LOST, promises.DOUBLED),
    Mutation("a settling that failed is forgotten when the claim came", worlds.HALVES, lane.UNHEARD),
    Mutation("a claim that came with a failed settling is dropped", worlds.HALVES, lane.UNHEARD),
    Mutation("a batch that may not go yet ends the look", worlds.NOT_YET, lane.UNTOLD),
    Mutation("who leaves tells nobody", worlds.STOPS, lane.UNTOLD),
    Mutation("the mark is read before the message is enrolled", worlds.CALM, lane.UNTOLD),
    Mutation("the mark alone is trusted", worlds.TWO_SLOTS, lane.SLOW),
    Mutation("the mark has no end", worlds.CALM, lane.UNTOLD),
    Mutation("who finds its batch taken looks no further", worlds.RINGS, lane.UNTOLD),
    Mutation("a full bell is left silent", worlds.FULL_BELL, lane.UNTOLD),
    Mutation("it rings before the message is there", worlds.RINGS, lane.UNTOLD),
    # The roll call
    Mutation("an acknowledged write is forgotten", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("no roll call", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("a report before its workers noticed", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("the unsaid are looked for afterwards", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("said without a line in the journal", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("released before a line in the journal", worlds.TWO_WORKERS, promises.DOUBLED),
    Mutation("a line is written whatever run is followed", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("a claim is answered again under another run", worlds.ONE_HOST, promises.DOUBLED),
    Mutation("nobody remembers the hosts", worlds.TWO_HOSTS, promises.DOUBLED),
    Mutation("refused under a run that is not in force", worlds.LATE_MEANWHILE, promises.FALSE_END),
    Mutation("absence under a run that is not in force", worlds.LATE_MEANWHILE, promises.FALSE_END),
    Mutation("late under a run that is not in force", worlds.LATE_MEANWHILE, promises.FALSE_END),
    # Hosts that sign off
    Mutation("who signed off is never waited for", worlds.LEAVES_ONCE, promises.DOUBLED),
    Mutation("a host that returns waits for nobody", worlds.LEAVES_ONCE, promises.DOUBLED),
    Mutation("a host that returns leaves its sign-off standing", worlds.LEAVES_ONCE, promises.DOUBLED),
    Mutation("a look hides what was noted before", worlds.LEAVES_ONCE, promises.DOUBLED),
    Mutation("signs off while its claim is being sent", worlds.LEAVES_ONCE, promises.DOUBLED),
    Mutation("a line is written after the stop", worlds.LEAVES_ONCE, promises.DOUBLED),
    Mutation("any sign-off is as good as the last", worlds.LEAVES_TWICE, promises.DOUBLED),
    Mutation("a host that signs off keeps its notes", worlds.BOTH_LEAVE, promises.DOUBLED),
)
SLOW_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("a report leaves the sign-off standing", worlds.LEAVES_TWO_FALLS, promises.DOUBLED),
    Mutation("a note is good for every roll call", worlds.LEAVES_TWO_FALLS, promises.DOUBLED),
    Mutation("requests that hang are counted", worlds.CLAIMED_THRICE, lane.SLOW),
)
