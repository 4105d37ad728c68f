"""Safeguards of absence, of parking and releasing, and of a second copy that somebody chose."""

from __future__ import annotations

from tests.promises.safeguards.row import ABSENCE, DOUBTS, POSTED, PROBE, RESEND, SETTINGS, STATUS, Safeguard

WINDOW = "the window is longer than the peer's close, the latest arrival and the latest visibility together"
EVERY = "absence is trusted for every phone under every open id that carried it"
CONTROL = "absence is trusted only while the same mirror shows a control"
WHERE = "absence is asked about on the mirror that carried the attempt, and on another one"
PARKS = "a batch is parked by policy or poison only after its absence is trusted"
SECOND = "a second copy is sent once, in time, by its sender's choice, if the gateway did not show the first when asked"
LIST = (
    "a list of history proves absence if it was asked for late enough, is whole, covers every claim, and shows the "
    "control before and in it"
)
HELD_BACK = "nothing proves the absence of a letter, which may wait in a queue: what is missing is parked, its id open"
FIRST = "a question about a code never waits for one about a campaign"
LABEL = "a double that somebody chose is labelled and counted apart"

ABSENCE_ROWS = (
    Safeguard(
        "absence counts from the time of the question",
        "from when recorded",
        f"{PROBE}::test_absence_counts_from_when_it_was_asked",
        "absence is dated when recorded",
    ),
    Safeguard(
        "the asker's own clock must have passed the window too",
        "Redis' alone",
        f"{PROBE}::test_absence_that_may_not_be_trusted",
        "only Redis' clock counts",
    ),
    Safeguard(
        WINDOW,
        "one tick short",
        f"{PROBE}::test_absence_that_may_not_be_trusted",
        "the window is one tick short",
    ),
    Safeguard(
        WINDOW,
        "without the peer's close",
        f"{SETTINGS}::test_what_will_not_do_is_refused_with_a_sentence",
        "the window leaves out the peer's close",
    ),
    Safeguard(EVERY, "one phone's", f"{PROBE}::test_every_phone_must_be_absent", "absence of one phone is enough"),
    Safeguard(
        EVERY, "under the newest id", f"{PROBE}::test_every_open_id_must_be_absent", "asked under the newest id only"
    ),
    Safeguard(CONTROL, "none", f"{PROBE}::test_absence_that_may_not_be_trusted", "no control is needed"),
    Safeguard(
        CONTROL,
        "another mirror's",
        f"{DOUBTS}::test_a_control_speaks_for_its_own_mirror",
        "control from another mirror",
    ),
    Safeguard(
        CONTROL,
        "that it showed longer than a minute ago",
        f"{PROBE}::test_a_control_seen_serves_every_doubt_for_a_minute",
    ),
    Safeguard(
        "an older control doubles the window",
        "it does not",
        f"{PROBE}::test_absence_that_may_not_be_trusted",
        "an older control is enough",
    ),
    Safeguard(
        WHERE,
        "elsewhere",
        f"{PROBE}::test_absence_that_may_not_be_trusted",
        "absence from a mirror that did not carry it",
    ),
    Safeguard(WHERE, "the other is left out", f"{PROBE}::test_absence_that_may_not_be_trusted"),
    Safeguard(
        PARKS,
        "a policy at once",
        f"{PROBE}::test_a_policy_does_not_park_what_may_still_be_found",
        "park at once",
    ),
    Safeguard(PARKS, "poison at once", f"{RESEND}::test_poison_is_not_sent_again"),
    Safeguard(
        "an operator's release before that is labelled in the report",
        "it is not",
        f"{PROBE}::test_operators_decide_with_the_fence_they_were_shown",
    ),
)

LETTERS = (
    Safeguard(
        HELD_BACK,
        "a letter is taken for a request",
        f"{POSTED}::test_a_letter_that_is_missing_is_parked",
        "the absence of a letter is trusted",
    ),
    Safeguard(
        HELD_BACK,
        "an older letter is taken for absent",
        f"{POSTED}::test_a_letter_stays_open_whatever_came_after_it",
        "the absence of an older letter is trusted",
    ),
    Safeguard(
        HELD_BACK,
        "only what a mail server said yes to",
        f"{POSTED}::test_a_letter_whose_worker_died_is_parked",
    ),
)

LISTS = (
    Safeguard(
        LIST,
        "it counts from its last page",
        f"{ABSENCE}::test_a_list_counts_from_before_its_first_page",
        "a list counts from its last page",
    ),
    Safeguard(
        LIST,
        "a broken page ends it",
        f"{ABSENCE}::test_a_page_that_breaks_in_the_middle_proves_nothing",
        "a broken page ends a list",
    ),
    Safeguard(LIST, "a page with few rows ends it", f"{ABSENCE}::test_what_a_list_shows_is_found"),
    Safeguard(
        LIST,
        "a row that cannot be read is overlooked",
        "tests/worker/gateway/http/test_listing.py::test_a_page_that_proves_nothing",
    ),
    Safeguard(
        LIST,
        "it begins after an older attempt",
        f"{ABSENCE}::test_a_list_must_cover_every_open_attempt",
        "a list begins after an older attempt",
    ),
    Safeguard(LIST, "one that covers less serves too", f"{ABSENCE}::test_a_list_serves_what_it_covers"),
    Safeguard(
        LIST,
        "the control is looked for behind it",
        f"{ABSENCE}::test_a_control_that_shows_later_makes_no_list",
        "a list's control is looked for behind it",
    ),
    Safeguard(
        LIST, "a status shows the control, history does not", f"{ABSENCE}::test_history_that_lags_proves_nothing"
    ),
    Safeguard(
        LIST,
        "of what the gateway keeps for later, or sends by another channel",
        f"{ABSENCE}::test_only_plain_sms_is_looked_for_in_history",
    ),
)

CODES_FIRST = (
    Safeguard(
        FIRST,
        "they share a queue and its threads",
        "tests/journeys/test_doubts.py::test_a_codes_doubt_does_not_wait_behind_a_campaigns",
    ),
    Safeguard(FIRST, "they share all places for questions", f"{STATUS}::test_a_place_is_kept_for_codes"),
    Safeguard(
        FIRST,
        "a question for many goes before one that is due",
        f"{STATUS}::test_no_question_for_many_goes_before_a_codes_that_is_due",
    ),
)

SECOND_COPY = (
    Safeguard(
        SECOND,
        "nobody chose it",
        f"{RESEND}::test_a_second_copy_that_may_not_leave",
        "a second copy that nobody chose",
    ),
    Safeguard(
        SECOND,
        "a third follows",
        f"{RESEND}::test_a_second_copy_that_was_refused_was_the_last",
        "a second copy is followed by a third",
    ),
    Safeguard(SECOND, "though two may live", f"{RESEND}::test_two_that_may_live_are_enough"),
    Safeguard(SECOND, "the second was forgotten", f"{RESEND}::test_a_ledger_that_fell_back_sends_no_third"),
    Safeguard(SECOND, "within the minute, unasked, unpaid", f"{RESEND}::test_a_second_copy_that_may_not_leave"),
    Safeguard(
        SECOND,
        "a question without an answer is enough",
        f"{DOUBTS}::test_a_second_copy_waits_for_an_answer_that_shows_nothing",
    ),
    Safeguard(
        SECOND,
        "though it was found",
        f"{RESEND}::test_what_was_found_is_not_sent_again",
        "what was found meanwhile is sent again",
    ),
    Safeguard(
        SECOND,
        "after the deadline",
        f"{RESEND}::test_a_second_copy_that_may_not_leave",
        "a second copy leaves after the end",
    ),
    Safeguard(SECOND, "under a run that is not in force", f"{RESEND}::test_a_second_copy_that_may_not_leave"),
    Safeguard(
        LABEL,
        "it is an alarm like any double",
        f"{RESEND}::test_a_second_copy_leaves_once_and_everything_says_so",
        "a second copy is not labelled",
    ),
    Safeguard(
        LABEL, "it is counted among the doubles, or not at all", f"{RESEND}::test_a_double_by_it_is_counted_apart"
    ),
)

ASKING: tuple[Safeguard, ...] = (*ABSENCE_ROWS, *LETTERS, *LISTS, *CODES_FIRST, *SECOND_COPY)
