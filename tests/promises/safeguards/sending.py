"""Safeguards of states and facts, of the claim, of the request and of what its answer means."""

from __future__ import annotations

from tests.promises.safeguards.row import (
    ADVANCE,
    ANSWER,
    CLAIM,
    DOUBTS,
    DUTIES,
    EMBEDDED,
    FULL,
    HOST_LEDGER,
    HTTP,
    MOVES,
    NEXT,
    ON,
    PROBE,
    REPLIES,
    RETRY,
    ROLLCALL,
    RUNG,
    SEND,
    SETTLE,
    SWEEPER,
    WINDUP,
    Safeguard,
)

NOTHING_OPEN = "late, cancelled, refused and ready are written only while no id is open"
FACTS = "a fact is merged in every state, from any process and under any fence, but only under an id of its batch"
DURABLE = "a claim is on disk before it is answered"
REST = "the rest of a batch keeps its ids, and an id proves something only for the phones that it carried"
FENCED = "a stale fence changes nothing but facts"
ROOM = "a script that ends a request first writes what a full Redis allows; one that begins it, what it refuses"
EXPIRES = "claims expire"
ONE_LINE = "a new connection always means a new claim; nothing connects again by itself"
WHOLE_ANSWER = "a connection is kept only after a complete answer"
ALONE = "nothing else is on a connection before or during a request"
LAST_LOOK = "the connection is checked once more after the claim"
UNKNOWN = "an outcome is unknown unless it is proved that nothing was accepted, and smsq asks about unknown ones"

CALLS = "a repeated call for a claim gets the same claim, and a late copy of the call gets none"
HALVES = "if settle and claim share one round trip, each of them holds without the other"
BEHIND = "a batch that may not be sent does not block others"
AWAKE = "a hint is left out only while a worker is about to claim the next batch"
RINGS = "a code that needs no hint has woken a worker, or one that is awake comes to it"
GOES_ON = "a worker that claims by itself returns to the bell only if nothing is ready, or else gives a hint"

STATES = (
    Safeguard(
        NOTHING_OPEN,
        "late or cancelled at once, by a claim",
        f"{CLAIM}::test_neither_while_an_earlier_attempt_may_live",
        "late while an id is open",
    ),
    Safeguard(
        NOTHING_OPEN,
        "late or cancelled at once, by the sweep",
        f"{DUTIES}::test_dropping_what_may_have_been_sent_asks_first",
    ),
    Safeguard(
        NOTHING_OPEN,
        "cancelled at once, with the rest of its campaign",
        f"{WINDUP}::test_what_may_have_left_is_asked_about_first",
    ),
    Safeguard(
        NOTHING_OPEN,
        "refused at once",
        f"{SETTLE}::test_a_refusal_does_not_end_what_an_earlier_attempt_may_have_sent",
        "refused while an id is open",
    ),
    Safeguard(
        NOTHING_OPEN,
        "an expired claim is ready",
        f"{SETTLE}::test_a_claim_expires_after_its_lease_or_when_its_owner_falls_silent",
        "expiry makes ready",
    ),
    Safeguard(FACTS, "facts are fenced like the rest", f"{SETTLE}::test_a_stale_fence_changes_nothing_but_facts"),
    Safeguard(
        FACTS,
        "any id is believed",
        f"{ADVANCE}::test_a_report_under_an_id_that_was_given_back_changes_nothing",
        "a fact under another batch's id",
    ),
    Safeguard(
        FACTS, "an answer under another batch's id is believed", f"{SETTLE}::test_an_id_of_another_batch_is_an_alarm"
    ),
    Safeguard(
        "a failure ends a message only if none of its other ids may have been accepted",
        "it ends it",
        f"{ADVANCE}::test_a_failure_ends_a_message_only_when_no_other_attempt_may_live",
        "a failure ends at once",
    ),
    Safeguard(
        "a status only moves forward",
        "the last report wins",
        f"{ADVANCE}::test_reports_may_come_in_any_order",
        "statuses go backwards",
    ),
    Safeguard(
        "a found phone proves that phone only",
        "it proves the batch",
        f"{ADVANCE}::test_a_found_phone_proves_that_phone_only",
        "one found phone proves all",
    ),
    Safeguard(
        "a found phone does not end `sending`",
        "it does",
        f"{ADVANCE}::test_a_report_may_overtake_the_sends_answer",
        "found ends sending",
    ),
    Safeguard(
        "batches move only as one table says",
        "a script makes another",
        f"{MOVES}::test_the_table_of_moves_is_what_happens",
    ),
)

CLAIMING = (
    Safeguard(
        "a claim is granted from `ready` only",
        "from any state",
        f"{CLAIM}::test_only_a_ready_batch_is_claimed",
        "claim does not compare",
    ),
    Safeguard(
        "a nonce belongs to one execution",
        "it is the message's",
        f"{SEND}::test_a_hint_that_comes_twice_at_once_is_sent_once",
        "the nonce is used again",
    ),
    Safeguard(
        "a claim raises the fence",
        "it stays",
        f"{SETTLE}::test_a_stale_fence_changes_nothing_but_facts",
        "claim does not raise the fence",
    ),
    Safeguard(
        "a nonce is answered only under the run of Redis that it was made in",
        "by any run",
        f"{ROLLCALL}::test_a_lost_claim_is_not_answered_while_it_is_given_back",
        "a claim is answered again under another run",
    ),
    Safeguard(
        DURABLE,
        "it is forgotten by our own server",
        f"{EMBEDDED}::test_the_server_keeps_every_acknowledged_write",
        "an acknowledged write is forgotten",
    ),
    Safeguard(DURABLE, "it is forgotten by another", f"{HOST_LEDGER}::test_a_ledger_that_could_lose_writes_is_refused"),
    Safeguard(
        REST,
        "all are claimed again",
        f"{PROBE}::test_the_found_stay_and_the_absent_go_again",
        "decided messages are claimed again",
    ),
    Safeguard(
        REST,
        "older ids are left behind",
        f"{PROBE}::test_every_open_id_must_be_absent",
        "the rest does not inherit its ids",
    ),
    Safeguard(
        REST,
        "a full nibble is taken for any later id",
        f"{SETTLE}::test_a_released_id_beyond_the_fifteenth_keeps_no_refusal_open",
        "a full nibble names every later id",
    ),
    Safeguard(
        REST,
        "nothing left to ask about, nothing recorded",
        f"{DOUBTS}::test_the_rest_goes_on_when_a_callback_found_the_one_that_was_asked_about",
        "nothing left to ask is nothing to record",
    ),
)

GOING_ON = (
    Safeguard(
        CALLS,
        "it is given another",
        f"{NEXT}::test_a_repeated_call_is_given_the_same_claim",
        "what an earlier try was given is not looked for",
    ),
    Safeguard(
        CALLS,
        "a copy is granted, since its repetition got nothing",
        f"{NEXT}::test_a_copy_that_comes_late_claims_nothing",
        "a repeated call that got nothing is not written down",
    ),
    Safeguard(
        CALLS,
        "a copy is granted, since what its repetition got is over",
        f"{NEXT}::test_a_copy_of_a_call_for_a_certain_batch_claims_nothing",
        "no repeated call is written down",
    ),
    Safeguard(
        CALLS,
        "it is another call",
        f"{ON}::test_a_claim_whose_answer_is_lost_is_asked_for_again_as_it_was",
        "a repeated call draws a nonce of its own",
    ),
    Safeguard(
        CALLS,
        "a copy of an older call is granted",
        f"{NEXT}::test_a_copy_of_an_older_call_claims_nothing",
        "a call from before the last is granted",
    ),
    Safeguard(
        CALLS,
        "under another run too",
        f"{NEXT}::test_a_call_of_another_run_is_not_given_its_claim_again",
        "a call is answered again under another run",
    ),
    Safeguard(
        ONE_LINE,
        "the worker claims along and opens a line for it",
        f"{ON}::test_a_line_that_closed_while_the_next_was_claimed_is_not_spoken_on",
        "the line is opened after the claim",
    ),
    Safeguard(
        HALVES,
        "a settling that failed is forgotten",
        f"{ON}::test_of_a_round_trip_that_failed_by_half_the_other_half_counts",
        "a settling that failed is forgotten when the claim came",
    ),
    Safeguard(
        HALVES,
        "the claim is dropped with it",
        f"{ON}::test_of_a_round_trip_that_failed_by_half_the_other_half_counts",
        "a claim that came with a failed settling is dropped",
    ),
    Safeguard(
        BEHIND,
        "the look ends with it",
        f"{NEXT}::test_what_may_not_go_yet_is_passed_over",
        "a batch that may not go yet ends the look",
    ),
    Safeguard(
        GOES_ON,
        "he just leaves",
        f"{ON}::test_who_leaves_while_some_are_ready_gives_a_hint",
        "who leaves tells nobody",
    ),
    Safeguard(
        RINGS,
        "who was hinted for what a ring took goes back to the bell",
        f"{RUNG}::test_who_was_hinted_for_what_a_ring_took_looks_further",
        "who finds its batch taken looks no further",
    ),
    Safeguard(
        RINGS,
        "a full bell stays silent, and no worker is told",
        f"{RUNG}::test_what_rang_in_a_full_bell_is_sent_by_those_it_woke",
        "a full bell is left silent",
    ),
    Safeguard(
        RINGS,
        "it rings, then it enrols",
        f"{RUNG}::test_each_ring_sends_one_that_is_ready",
        "it rings before the message is there",
    ),
    Safeguard(
        AWAKE,
        "that was so before the message came",
        f"{NEXT}::test_no_hint_is_needed_while_every_slot_is_taken_by_those_who_go_on",
        "the mark is read before the message is enrolled",
    ),
    Safeguard(
        AWAKE,
        "though a slot is free and a thread sleeps",
        f"{NEXT}::test_a_hint_is_needed_as_soon_as_a_slot_is_free",
        "the mark alone is trusted",
    ),
    Safeguard(
        AWAKE,
        "though those who have the slots may be dead",
        f"{NEXT}::test_a_hint_is_needed_once_nothing_was_claimed_for_a_while",
        "the mark has no end",
    ),
    Safeguard(
        AWAKE,
        "though a request hangs, whose slot comes free by time",
        f"{NEXT}::test_a_hint_is_needed_while_a_request_is_overdue",
        "requests that hang are counted",
    ),
)

SETTLING = (
    Safeguard(
        FENCED,
        "an answer's is not compared",
        f"{SETTLE}::test_a_stale_fence_changes_nothing_but_facts",
        "settle is not fenced",
    ),
    Safeguard(FENCED, "a doubt's is not compared", f"{SETTLE}::test_a_stale_fence_changes_nothing_but_facts"),
    Safeguard(
        "a release frees its own claim only",
        "any of that id and fence, which a ledger that fell back gives twice",
        f"{ROLLCALL}::test_a_release_frees_no_claim_of_another_worker",
    ),
    Safeguard(
        "a batch that never existed creates no key",
        "a ghost",
        f"{SETTLE}::test_verbs_on_a_batch_that_never_was_make_nothing",
    ),
    Safeguard(ROOM, "settling does not", f"{FULL}::test_an_answer_under_a_strange_id_is_told_from_a_lack_of_memory"),
    Safeguard(ROOM, "a doubt does not", f"{FULL}::test_what_left_is_brought_to_its_end"),
    Safeguard(ROOM, "a claim does not", f"{FULL}::test_claims_stop"),
    Safeguard(
        EXPIRES,
        "a dead worker's claim stays",
        f"{SETTLE}::test_a_claim_expires_after_its_lease_or_when_its_owner_falls_silent",
        "claims do not expire",
    ),
    Safeguard(EXPIRES, "nobody looks", f"{SWEEPER}::test_the_sweeper_doubts_what_its_worker_left_behind"),
    Safeguard(
        "ready batches are handed out again",
        "a lost hint is a lost batch",
        f"{SWEEPER}::test_the_sweeper_hints_again_what_nobody_claimed",
        "no sweeper",
    ),
)

REQUEST = (
    Safeguard(
        ONE_LINE,
        "the worker reconnects",
        f"{SEND}::test_a_line_that_closed_meanwhile_is_seen_before_a_word_is_said",
        "a worker reconnects under a claim",
    ),
    Safeguard(ONE_LINE, "the library reconnects", f"{HTTP}::test_a_dropped_connection_is_not_made_again"),
    Safeguard(
        WHOLE_ANSWER, "half an answer will do", f"{HTTP}::test_a_line_that_owes_an_answer_is_closed_and_not_put_aside"
    ),
    Safeguard(
        WHOLE_ANSWER,
        "one that two programs read differently will do",
        f"{ANSWER}::test_what_two_programs_may_read_differently_proves_nothing",
    ),
    Safeguard(WHOLE_ANSWER, "bytes behind it are overlooked", f"{HTTP}::test_lines_that_are_not_kept"),
    Safeguard(ALONE, "two speak on it", f"{HTTP}::test_a_kept_line_serves_one_at_a_time"),
    Safeguard(
        ALONE, "a line that spoke by itself or was closed is used", f"{HTTP}::test_kept_line_that_spoke_is_dropped"
    ),
    Safeguard("no library repeats a request", "a retry on 503", f"{HTTP}::test_server_busy_is_not_repeated"),
    Safeguard(
        LAST_LOOK,
        "a closed one is spoken on, which leaves a doubt",
        f"{SEND}::test_a_line_that_the_gateway_closed_meanwhile_is_seen_before_a_word_is_said",
    ),
    Safeguard(
        "nothing is repeated after the first byte", "the next mirror", f"{RETRY}::test_unknown_is_never_repeated"
    ),
    Safeguard(
        "no `finally` writes to the ledger: an interruption counts as a crash",
        "released",
        f"{SEND}::test_an_interruption_after_the_write_touches_nothing",
    ),
)

OUTCOME = (
    Safeguard(
        UNKNOWN,
        "a timeout is no",
        f"{SEND}::test_an_answer_that_cannot_be_trusted_makes_doubt_and_nothing_is_repeated",
        "a timeout is taken for nothing sent",
    ),
    Safeguard(
        UNKNOWN,
        "a write error is no",
        f"{HTTP}::test_a_write_that_fails_leaves_the_outcome_unknown",
        "a write error is taken for nothing sent",
    ),
    Safeguard(
        UNKNOWN,
        "doubt is a yes",
        f"{SEND}::test_an_answer_that_cannot_be_trusted_makes_doubt_and_nothing_is_repeated",
        "doubt is taken for sent",
    ),
    Safeguard(
        UNKNOWN,
        "error 9 'duplicate' is a refusal",
        f"{REPLIES}::test_outcome_of_a_send",
        "error 9 'duplicate' is taken for a refusal",
    ),
    Safeguard(UNKNOWN, "an odd answer is believed", f"{REPLIES}::test_outcome_of_a_send"),
    Safeguard(
        UNKNOWN,
        "an odd answer is believed, end to end",
        f"{SEND}::test_an_answer_that_cannot_be_trusted_makes_doubt_and_nothing_is_repeated",
    ),
)

SENDING: tuple[Safeguard, ...] = (*STATES, *CLAIMING, *GOING_ON, *SETTLING, *REQUEST, *OUTCOME)
