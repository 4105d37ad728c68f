"""Safeguards of a ledger that may have fallen back: the run, the roll call, the journals and the recovery."""

from __future__ import annotations

from tests.promises.safeguards.row import (
    CLAIM,
    DUTIES,
    JOURNAL,
    PROBE,
    RECOVERY,
    ROLLCALL,
    SEND,
    SETTLE,
    SUPERVISOR,
    WINDUP,
    Safeguard,
)

RUN = "a restart, a failover, a restored copy and a ledger founded anew are another run"
ROLL_CALL = "a run comes into force when the ledger contains all that every host knows"
LATECOMER = "who reports while a run is in force is heard too"
FOLLOWS = "a host reports once its workers follow"
UNSAID = "a claim is given back only if it was certainly never said"
JOURNALS = "a claim is in the journal, under the run its host follows, before its first byte"
IN_FORCE = (
    "while a run is not in force nothing is enrolled, late, cancelled, refused or decided, and no absence is recorded"
)
RECOVERED = "a ledger that fell back goes on when all that was said is in it again"
FAR = "after a recovery both counters stand far above all that anybody remembers"
STUBS = "what was sent and forgotten is asked about when it is enrolled again"

RUNS = (
    Safeguard(RUN, "a failover there and back is not", f"{ROLLCALL}::test_a_failover_there_and_back_is_another_run"),
    Safeguard(
        RUN,
        "a ledger founded anew is not",
        f"{ROLLCALL}::test_an_emptied_ledger_that_a_stranger_founds_anew_is_found_out",
    ),
    Safeguard(
        "an emptied ledger is not founded by a host that has sent",
        "it is",
        f"{ROLLCALL}::test_an_emptied_ledger_is_refused",
    ),
    Safeguard(ROLL_CALL, "there is none", f"{CLAIM}::test_a_fallen_ledger_grants_nothing", "no roll call"),
    Safeguard(ROLL_CALL, "an older copy is taken", f"{ROLLCALL}::test_an_older_copy_is_not_cleared"),
    Safeguard(
        ROLL_CALL,
        "a copy from before a host joined is cleared without it",
        f"{ROLLCALL}::test_a_copy_from_before_a_host_joined_is_not_cleared_without_it",
        "nobody remembers the hosts",
    ),
    Safeguard(
        ROLL_CALL,
        "an id, a batch or a later n that a journal has is overlooked",
        f"{ROLLCALL}::test_whatever_the_ledger_lacks_is_a_fall",
    ),
    Safeguard(ROLL_CALL, "one host is enough", f"{ROLLCALL}::test_two_hosts_must_both_report"),
    Safeguard(
        LATECOMER,
        "a host is not",
        f"{ROLLCALL}::test_an_emptied_ledger_that_a_stranger_founds_anew_is_found_out",
    ),
    Safeguard(LATECOMER, "a home of producers is not", f"{ROLLCALL}::test_a_home_of_producers_alone_is_heard"),
)

HOSTS = (
    Safeguard(
        FOLLOWS,
        "before",
        f"{ROLLCALL}::test_a_host_reports_when_nobody_can_write_under_the_old_run",
        "a report before its workers noticed",
    ),
    Safeguard(FOLLOWS, "another life of Redis", f"{ROLLCALL}::test_a_report_for_a_life_that_is_over_clears_nothing"),
    Safeguard(
        FOLLOWS, "whoever is writing is not waited for", f"{JOURNAL}::test_following_waits_for_whoever_is_writing"
    ),
    Safeguard(
        FOLLOWS, "a frozen one is waited for for ever", f"{SUPERVISOR}::test_a_silent_child_is_killed_and_started_again"
    ),
    Safeguard("a host never returns to an earlier run", "it does", f"{JOURNAL}::test_a_host_never_goes_back"),
    Safeguard(
        UNSAID,
        "later than the roll call too",
        f"{ROLLCALL}::test_a_claim_after_the_roll_call_is_not_taken_for_unsaid",
        "the unsaid are looked for afterwards",
    ),
    Safeguard(UNSAID, "though a journal has it", f"{ROLLCALL}::test_a_plain_restart_is_cleared_in_a_moment"),
    Safeguard(UNSAID, "though an old line has it", f"{ROLLCALL}::test_what_was_said_long_ago_is_not_taken_for_unsaid"),
    Safeguard(UNSAID, "past its lease", f"{ROLLCALL}::test_a_claim_past_its_lease_is_not_freed"),
    Safeguard(UNSAID, "though a host was given up", f"{ROLLCALL}::test_nothing_is_freed_for_a_host_that_was_given_up"),
    Safeguard(
        UNSAID, "though a machine lost its power", f"{ROLLCALL}::test_a_machine_that_lost_its_power_frees_nothing"
    ),
    Safeguard(
        JOURNALS,
        "none is written",
        f"{SEND}::test_nothing_is_sent_that_cannot_be_written_down",
        "said without a line in the journal",
    ),
    Safeguard(
        JOURNALS,
        "whatever run is followed",
        f"{JOURNAL}::test_a_claim_is_written_only_for_the_run_that_is_followed",
        "a line is written whatever run is followed",
    ),
    Safeguard(
        JOURNALS,
        "a release comes first",
        f"{SEND}::test_a_claim_without_a_line_in_the_journal_is_left_alone",
        "released before a line in the journal",
    ),
)

MEANWHILE = (
    Safeguard(IN_FORCE, "enrolled", f"{ROLLCALL}::test_a_plain_restart_is_cleared_in_a_moment"),
    Safeguard(
        IN_FORCE,
        "late by a claim",
        f"{CLAIM}::test_a_fallen_ledger_grants_nothing",
        "late under a run that is not in force",
    ),
    Safeguard(
        IN_FORCE, "late or cancelled by the sweep", f"{DUTIES}::test_a_ledger_that_may_have_fallen_back_drops_nothing"
    ),
    Safeguard(IN_FORCE, "cancelled with its campaign", f"{WINDUP}::test_nothing_ends_while_the_run_is_not_in_force"),
    Safeguard(
        IN_FORCE,
        "refused",
        f"{SETTLE}::test_a_refusal_is_not_taken_by_a_ledger_that_may_have_fallen_back",
        "refused under a run that is not in force",
    ),
    Safeguard(
        IN_FORCE,
        "absent",
        f"{PROBE}::test_no_absence_is_recorded_for_another_run",
        "absence under a run that is not in force",
    ),
    Safeguard(IN_FORCE, "decided by an operator", f"{PROBE}::test_nobody_decides_for_another_run"),
    Safeguard(IN_FORCE, "a doubt ends", f"{PROBE}::test_no_doubt_ends_for_another_run"),
)

RECOVERING = (
    Safeguard(RECOVERED, "without its ids", f"{RECOVERY}::test_a_forgotten_claim_of_a_known_batch_is_asked_about"),
    Safeguard(RECOVERED, "claims are granted before", f"{CLAIM}::test_a_fallen_ledger_grants_nothing"),
    Safeguard(RECOVERED, "another fall meanwhile is overlooked", f"{RECOVERY}::test_a_second_fall_begins_again"),
    Safeguard(RECOVERED, "one host is enough", f"{RECOVERY}::test_every_host_takes_part"),
    Safeguard(FAR, "they do not leap", f"{RECOVERY}::test_a_forgotten_claim_of_a_known_batch_is_asked_about"),
    Safeguard(
        FAR, "above the ledger's own alone", f"{RECOVERY}::test_a_forgotten_claim_of_a_known_batch_is_asked_about"
    ),
    Safeguard(
        "an id that a journal brings back has a window of its own",
        "the forgotten claim's",
        f"{PROBE}::test_what_a_journal_brings_back_has_a_window_and_a_fence_of_its_own",
    ),
    Safeguard(
        "it raises the fence above forgotten claims'",
        "it does not",
        f"{PROBE}::test_what_a_journal_brings_back_has_a_window_and_a_fence_of_its_own",
    ),
    Safeguard(STUBS, "it is sent", f"{RECOVERY}::test_what_is_enrolled_again_meets_its_old_ids"),
    Safeguard(STUBS, "it is cancelled or late", f"{RECOVERY}::test_a_cancelled_campaign_is_asked_about_first"),
    Safeguard(STUBS, "it ends with its campaign", f"{WINDUP}::test_what_a_journal_told_of_is_asked_about_first"),
)

FALLING: tuple[Safeguard, ...] = (*RUNS, *HOSTS, *MEANWHILE, *RECOVERING)
