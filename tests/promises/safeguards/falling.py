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
    SIGNOFFS,
    SUPERVISOR,
    WINDUP,
    Safeguard,
)

RUN = "a restart, a failover, a restored copy and a newly established ledger each count as another run"
ROLL_CALL = "a run comes into force only if the ledger contains everything that every host knows"
LATECOMER = "a host that reports while a run is in force is heard too"
FOLLOWS = "a host reports only after its workers follow the new run"
UNSAID = "a claim is given back only if it is certain that it was never sent"
JOURNALS = "a claim is in the journal, under the run its host follows, before its first byte"
IN_FORCE = "outside a run in force nothing is enrolled, decided, late, cancelled or refused, and no absence is recorded"
SIGNS_OFF = "a host signs off only if it can send nothing more and the ledger contains all that it sent"
VOUCHED = (
    "the roll call skips a host that signed off only if a reporting host has recorded this very sign-off a moment ago"
)
RETURNS = "a host that returns claims nothing until no other host can vouch for its absence any more"
RECOVERED = "a ledger that fell back goes on only when everything that was sent is in it again"
FAR = "after a recovery both counters are far above every number that a host remembers"
STUBS = "if a message that was sent and forgotten is enrolled again, smsq asks about it first"

RUNS = (
    Safeguard(RUN, "a failover there and back is not", f"{ROLLCALL}::test_a_failover_there_and_back_is_another_run"),
    Safeguard(
        RUN,
        "a ledger established anew is not",
        f"{ROLLCALL}::test_an_emptied_ledger_that_a_stranger_establishes_anew_is_found_out",
    ),
    Safeguard(
        "an emptied ledger is not established by a host that has sent",
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
        f"{ROLLCALL}::test_an_emptied_ledger_that_a_stranger_establishes_anew_is_found_out",
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
        FOLLOWS, "a writing process is not waited for", f"{JOURNAL}::test_following_waits_for_whoever_is_writing"
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

LEAVING = (
    Safeguard(
        SIGNS_OFF,
        "while a claim of its own is being sent",
        f"{SIGNOFFS}::test_a_claim_that_is_being_sent_keeps_a_host_from_signing_off",
        "signs off while its claim is being sent",
    ),
    Safeguard(
        SIGNS_OFF,
        "a process that outlived the stop writes a line",
        f"{SIGNOFFS}::test_no_line_is_written_after_the_stop",
        "a line is written after the stop",
    ),
    Safeguard(
        SIGNS_OFF,
        "a process of its home lives",
        f"{SIGNOFFS}::test_a_process_of_the_home_that_lives_keeps_it_from_signing_off",
    ),
    Safeguard(
        SIGNS_OFF,
        "a process of its home starts meanwhile",
        f"{SIGNOFFS}::test_a_process_that_starts_waits_for_a_sign_off",
    ),
    Safeguard(SIGNS_OFF, "a process is about to write", f"{SIGNOFFS}::test_a_frozen_process_keeps_it_from_signing_off"),
    Safeguard(SIGNS_OFF, "the ledger lacks something", f"{SIGNOFFS}::test_a_ledger_in_doubt_takes_no_sign_off"),
    Safeguard(SIGNS_OFF, "its evidence has holes", f"{SIGNOFFS}::test_evidence_with_holes_takes_no_sign_off"),
    Safeguard(
        SIGNS_OFF, "its word comes after the next start", f"{SIGNOFFS}::test_a_sign_off_that_comes_late_is_refused"
    ),
    Safeguard(SIGNS_OFF, "nobody is there to note it", f"{SIGNOFFS}::test_a_host_that_is_alone_does_not_sign_off"),
    Safeguard(
        SIGNS_OFF,
        "it goes on vouching for others",
        f"{SIGNOFFS}::test_a_host_that_signs_off_vouches_for_nobody",
        "a host that signs off keeps its notes",
    ),
    Safeguard(
        VOUCHED,
        "nobody noted it",
        f"{SIGNOFFS}::test_a_sign_off_that_nobody_noted_excuses_nobody",
        "who signed off is never waited for",
    ),
    Safeguard(
        VOUCHED,
        "another of its sign-offs was noted",
        f"{SIGNOFFS}::test_a_second_sign_off_is_another_one",
        "any sign-off is as good as the last",
    ),
    Safeguard(
        VOUCHED,
        "it was noted before an earlier roll call",
        f"{SIGNOFFS}::test_what_was_noted_counts_in_one_roll_call",
        "a note is good for every roll call",
    ),
    Safeguard(
        VOUCHED,
        "too long ago by the clock of Redis",
        f"{SIGNOFFS}::test_a_note_is_good_for_two_minutes_by_the_clock_of_redis",
    ),
    Safeguard(VOUCHED, "too long ago by the host's own clocks", f"{SIGNOFFS}::test_when_a_note_is_good"),
    Safeguard(VOUCHED, "its folder is not what it was", f"{SIGNOFFS}::test_evidence_with_holes_vouches_for_nobody"),
    Safeguard(
        VOUCHED,
        "a report leaves a sign-off standing that a copy brought back",
        f"{SIGNOFFS}::test_a_sign_off_that_a_copy_brought_back_ends_with_the_report",
        "a report leaves the sign-off standing",
    ),
    Safeguard(VOUCHED, "after a fall-back too", f"{SIGNOFFS}::test_recovery_waits_for_a_host_that_signed_off"),
    Safeguard(
        RETURNS,
        "it waits for nobody",
        f"{SIGNOFFS}::test_an_old_copy_does_not_excuse_it_once_it_is_back",
        "a host that returns waits for nobody",
    ),
    Safeguard(
        RETURNS,
        "its sign-off stands",
        f"{SIGNOFFS}::test_it_comes_back_and_works",
        "a host that returns leaves its sign-off standing",
    ),
    Safeguard(
        RETURNS,
        "a look is taken for a note that is gone",
        f"{SIGNOFFS}::test_the_ledger_knows_of_a_note_until_the_disk_has_it_no_more",
        "a look hides what was noted before",
    ),
    Safeguard(RETURNS, "two of a home note at once", f"{SIGNOFFS}::test_nothing_is_noted_by_two_at_once"),
    Safeguard(
        RETURNS, "its files do not know of it", f"{SIGNOFFS}::test_a_home_that_does_not_know_of_its_sign_off_waits_too"
    ),
    Safeguard(
        RETURNS,
        "it waits for a note that counts no more",
        f"{SIGNOFFS}::test_a_host_that_is_silent_is_waited_for_three_minutes",
    ),
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
        "an id that a journal brings back has its own window",
        "the forgotten claim's",
        f"{PROBE}::test_what_a_journal_brings_back_has_a_window_and_a_fence_of_its_own",
    ),
    Safeguard(
        "an id that a journal brings back raises the fence above those of forgotten claims",
        "it does not",
        f"{PROBE}::test_what_a_journal_brings_back_has_a_window_and_a_fence_of_its_own",
    ),
    Safeguard(STUBS, "it is sent", f"{RECOVERY}::test_what_is_enrolled_again_meets_its_old_ids"),
    Safeguard(STUBS, "it is cancelled or late", f"{RECOVERY}::test_a_cancelled_campaign_is_asked_about_first"),
    Safeguard(STUBS, "it ends with its campaign", f"{WINDUP}::test_what_a_journal_told_of_is_asked_about_first"),
)

FALLING: tuple[Safeguard, ...] = (*RUNS, *HOSTS, *MEANWHILE, *LEAVING, *RECOVERING)
