"""Safeguards of absence, of parking and releasing, and of a second copy that somebody chose."""

from __future__ import annotations

from tests.promises.safeguards.row import DOUBTS, PROBE, RESEND, SETTINGS, Safeguard

WINDOW = "the window exceeds the peer's close, the latest arrival and the latest visibility"
EVERY = "absence is trusted for every phone under every open id that carried it"
CONTROL = "absence is trusted beside a control that the same mirror shows"
WHERE = "absence is asked where the attempt went, and on another mirror"
PARKS = "policy and poison park on trusted absence"
SECOND = "a second copy leaves by its sender's choice, once, unseen when asked about, in time"
LABEL = "a double that somebody chose is labelled and counted apart"

ABSENCE = (
    Safeguard(
        "absence counts from when it was asked",
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
        "an operator's release before that is labelled",
        "it is not",
        f"{PROBE}::test_operators_decide_with_the_fence_they_were_shown",
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

ASKING: tuple[Safeguard, ...] = (*ABSENCE, *SECOND_COPY)
