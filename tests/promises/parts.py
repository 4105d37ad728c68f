"""Faults on the real parts, without processes of their own: the second table of `docs/reliability.md`.

Most are struck by a journey too; here each code, order and boundary has its turn. `by` is a test as `file::name`.
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """One row: the fault, what is expected, and the test."""

    fault: str
    expected: str
    by: str


CRASHES = "tests/promises/test_crash_points.py"
LEDGER = "tests/worker/ledger"
ACTORS = "tests/worker/actors"
QUESTIONS = "tests/worker/questions"

PARTS: tuple[Part, ...] = (
    Part(
        "A process dies, or a reply is lost, before and after every call to Redis and to the gateway; a request "
        "arrives late",
        "each story ends with each message accepted once",
        f"{CRASHES}::test_everything_that_can_strike_once",
    ),
    Part("Two of these, one soon after the other", "the same", f"{CRASHES}::test_two_faults"),
    Part(
        "The reply of any script is lost and the script runs again",
        "nothing changes any more",
        f"{LEDGER}/test_lost_replies.py::test_a_verb_repeated_changes_nothing_more",
    ),
    Part(
        "A producer dies after its enrolment, before its hint",
        "sent all the same",
        "tests/producers/test_api.py::test_a_lost_hint_loses_nothing",
    ),
    Part(
        "A send is answered by error 1 to 8, 9 of both texts, 10 or 99, an odd id, an odd count, a key twice, half of "
        "it, HTML, nothing, too much",
        "each proves what its row says; anything else is unknown",
        "tests/worker/gateway/http/test_replies.py::test_outcome_of_a_send",
    ),
    Part(
        "A send is accepted, but its answer cannot be trusted",
        "the batch is in doubt, and nothing is repeated",
        f"{ACTORS}/test_send.py::test_an_answer_that_cannot_be_trusted_makes_doubt_and_nothing_is_repeated",
    ),
    Part(
        "Error 2: the log-in is refused",
        "sending stops at the first such answer",
        f"{ACTORS}/test_send.py::test_bad_credentials_halt_the_login_at_the_first_answer",
    ),
    Part(
        "Error 3: no money",
        "the bulk lane halts, its message is in doubt until the account is topped up",
        f"{ACTORS}/test_send.py::test_an_empty_account_halts_the_bulk_lane_and_leaves_doubt",
    ),
    Part(
        "Error 4: the address is blocked",
        "no questions and no sends for ten minutes",
        f"{QUESTIONS}/test_asker.py::test_a_blocked_address_is_left_alone",
    ),
    Part(
        "Errors 6 to 8 to a batch: one of its phones is refused",
        "after the window each is sent alone, and only the bad number ends as refused",
        f"{ACTORS}/test_doubts.py::test_one_bad_number_in_a_batch_does_not_hold_the_others",
    ),
    Part(
        "A question is answered by an error, an odd -3, HTML, half, nothing",
        "no evidence of anything",
        "tests/worker/gateway/http/test_replies.py::test_what_is_no_evidence",
    ),
    Part(
        "Error 9 to a question",
        "all questions back off, sends go on",
        f"{QUESTIONS}/test_asker.py::test_all_questions_back_off_after_one_too_many",
    ),
    Part(
        "-3 first, found later",
        "found, never sent again",
        f"{ACTORS}/test_doubts.py::test_a_message_that_shows_late_is_never_sent_again",
    ),
    Part(
        "Found first, -3 later",
        "it stays accepted",
        f"{QUESTIONS}/test_asker.py::test_what_was_found_and_shows_no_longer_stays_accepted",
    ),
    Part(
        "-3 on the mirror that carried it alone, on another alone, too early by either clock, beside an old control or "
        "none",
        "no absence is trusted",
        f"{LEDGER}/batches/test_probe.py::test_absence_that_may_not_be_trusted",
    ),
    Part(
        "Pages of history that are broken, lag, end early, run in either order or hold few rows",
        "a whole list proves absence for all at once; any other proves nothing",
        f"{QUESTIONS}/test_lists.py::test_a_page_that_breaks_in_the_middle_proves_nothing",
    ),
    Part(
        "No control for a day",
        "parked, and in every report",
        f"{LEDGER}/batches/test_probe.py::test_without_any_control_it_is_parked_after_a_day",
    ),
    Part(
        "In doubt for three days, absent after three workers died on it, or absent and not to be sent again",
        "parked, each with its reason",
        f"{LEDGER}/batches/test_probe.py::test_policy_poison_and_patience_park",
    ),
    Part(
        "Accepted after smsq had trusted its absence",
        "counted, and shown in the report",
        f"{LEDGER}/batches/test_advance.py::test_a_late_arrival_is_counted_and_shown",
    ),
    Part(
        "Statuses in any order",
        "merged by their ranks",
        f"{LEDGER}/batches/test_advance.py::test_reports_may_come_in_any_order",
    ),
    Part(
        "A callback that is forged in any way",
        "refused",
        "tests/worker/gateway/http/test_callbacks.py::test_forged_calls",
    ),
    Part(
        "Calls, answers, questions and pages of history that name any cost, in any order",
        "each message costs what the gateway said last when it was asked",
        f"{LEDGER}/batches/test_money.py::test_cost_is_what_the_gateway_itself_said_last",
    ),
    Part(
        "An answer is lost, and no callback names the cost",
        "smsq asks for it, or finds it on a page of history",
        f"{QUESTIONS}/test_asker.py::test_a_callback_without_cost_leaves_the_question_of_money",
    ),
    Part(
        "A price is asked for with a piece of a form as phone, an unknown field or an odd option",
        "refused by the caller's process and by the worker; the gateway hears nothing",
        "tests/producers/test_prices.py::test_a_price_cannot_be_made_a_send",
    ),
    Part(
        "One row of a page or one item of a list cannot be read",
        "only that one is left out, the others are merged",
        "tests/worker/gateway/http/test_replies.py::test_one_row_spoils_no_page",
    ),
    Part(
        "A process meets a ledger that a newer version laid out otherwise",
        "it ends with a sentence and has changed nothing",
        "tests/worker/ledger/test_layouts.py::test_a_newer_ledger_is_refused_by_every_verb",
    ),
    Part(
        "A backup is damaged, cut or without its manifest",
        "nothing is restored",
        "tests/producers/test_backup.py::test_a_damaged_backup_is_refused",
    ),
    Part(
        "An older copy of the ledger, or a replica that missed something",
        "the roll call does not clear it",
        "tests/worker/host/test_master.py::test_an_older_copy_is_not_cleared",
    ),
    Part(
        "A Redis that syncs once a second, or may evict",
        "refused at the start with what to do, unless `SMSQ_ACCEPT_LOSS` allows it",
        "tests/worker/test_runtime.py::test_a_weak_ledger_is_refused_with_its_cure",
    ),
    Part(
        "The power of a worker's machine fails",
        "none of its claims counts as never sent",
        "tests/worker/host/test_master.py::test_a_machine_that_lost_its_power_frees_nothing",
    ),
    Part(
        "A full Redis, at every verb",
        "nothing new comes in, and what was sent is brought to its end",
        f"{LEDGER}/test_full.py::test_what_left_is_brought_to_its_end",
    ),
    Part(
        "Redis goes away at any step of a duty",
        "the duty is done the next time",
        "tests/worker/scheduler/test_loop.py::test_redis_may_go_away_at_any_step_of_a_duty",
    ),
    Part(
        "Hints acknowledged as fetched that are neither running nor queued",
        "the process ends itself after five seconds",
        "tests/worker/processes/test_watchdog.py::test_a_lost_fetch_is_noticed",
    ),
    Part(
        "A consumer's thread dies, the process lives",
        "the process ends itself",
        "tests/worker/processes/test_watchdog.py::test_a_dead_consumer_is_noticed",
    ),
)
