"""Every safeguard of sending and of settling doubt: the rule, what leaving it out means, and the test that notices.

`by` is a mutation of the model where the model can express it; else a test of the real parts, as `file::test`.
"""

from __future__ import annotations

from typing import NamedTuple


class Safeguard(NamedTuple):
    """One row: the rule in a sentence, its absence in a few words, what notices."""

    rule: str
    without: str
    by: str

    @property
    def is_in_model(self) -> bool:
        """Whether a mutation of the model shows it."""
        return "::" not in self.by


CLAIM, SETTLE, PROBE = (f"tests/worker/ledger/test_{verb}.py" for verb in ("claim", "settle", "probe"))
FULL, MOVES, RESEND = (f"tests/worker/ledger/test_{what}.py" for what in ("full", "moves", "resend"))
SEND, DOUBTS = (f"tests/worker/actors/test_{what}.py" for what in ("send", "doubts"))
HTTP = "tests/worker/transports/test_http.py"
RETRY, REPLIES = "tests/worker/transports/test_retry.py", "tests/worker/gateway/test_replies.py"
ROLLCALL, JOURNAL = "tests/worker/test_rollcall.py", "tests/worker/test_journal.py"

NOTHING_OPEN = "late, cancelled, refused and ready are written only while no id is open"
IN_FORCE = "while a run is not in force nothing is late, cancelled or refused, and no absence is recorded"
FACTS = "a fact merges in every state, from anyone, whatever the fence, but under an id of its batch only"
CONTROL = "absence is trusted beside a control that the same mirror shows"
EVERY = "absence is trusted for every phone under every open id that carried it"
WINDOW = "the window exceeds the peer's close, the latest arrival and the latest visibility"
UNKNOWN = "whatever is not provably nothing is unknown, and what is unknown is asked about"
REST = "the rest of a batch keeps its ids, and an id speaks for those it carried"
ONE_LINE = "a new connection always means a new claim; nothing connects again by itself"
JOURNALS = "a claim is in the journal, under the run its host follows, before its first byte"
SECOND = "a second copy leaves by its sender's choice, once, unseen when asked about, in time"
LABEL = "a double that somebody chose is labelled and counted apart"
WHOLE_ANSWER = "a line is kept after a complete answer only"
ROLL_CALL = "a run comes into force when the ledger contains all that every host knows"

SAFEGUARDS: tuple[Safeguard, ...] = (
    # States and facts
    Safeguard(NOTHING_OPEN, "late at once", "late while an id is open"),
    Safeguard(NOTHING_OPEN, "refused at once", "refused while an id is open"),
    Safeguard(NOTHING_OPEN, "an expired claim is ready", "expiry makes ready"),
    Safeguard(FACTS, "facts are fenced like the rest", f"{SETTLE}::test_a_stale_fence_changes_nothing_but_facts"),
    Safeguard(FACTS, "any id is believed", "a fact under another batch's id"),
    Safeguard(
        FACTS, "an answer under another batch's id is believed", f"{SETTLE}::test_an_id_of_another_batch_is_an_alarm"
    ),
    Safeguard("a failure ends a message only when no other id of it may live", "it ends it", "a failure ends at once"),
    Safeguard("a status only moves forward", "the last report wins", "statuses go backwards"),
    Safeguard("a found phone proves that phone only", "it proves the batch", "one found phone proves all"),
    Safeguard("a found phone does not end `sending`", "it does", "found ends sending"),
    Safeguard(
        "moves are those of one table", "a script makes another", f"{MOVES}::test_the_table_of_moves_is_what_happens"
    ),
    # The claim
    Safeguard("a claim is granted from `ready` only", "from any state", "claim does not compare"),
    Safeguard("a nonce belongs to one execution", "it is the message's", "the nonce is used again"),
    Safeguard("a claim raises the fence", "it stays", "claim does not raise the fence"),
    Safeguard("a nonce is answered by its own run only", "by any run", "a claim is answered again under another run"),
    Safeguard(
        "what a claim grants is durable before it is answered", "forgotten", "an acknowledged write is forgotten"
    ),
    Safeguard(REST, "all are claimed again", "decided messages are claimed again"),
    Safeguard(REST, "older ids are left behind", "the rest does not inherit its ids"),
    Safeguard(REST, "a full nibble is taken for any later id", "a full nibble names every later id"),
    Safeguard(REST, "nothing left to ask about, nothing recorded", "nothing left to ask is nothing to record"),
    Safeguard(
        REST,
        "nothing left to ask about, nothing recorded",
        f"{DOUBTS}::test_the_rest_goes_on_when_a_callback_found_the_one_that_was_asked_about",
    ),
    # Settling
    Safeguard("a stale fence changes nothing but facts", "it is not compared", "settle is not fenced"),
    Safeguard(
        "a batch that never was makes no key", "a ghost", f"{SETTLE}::test_verbs_on_a_batch_that_never_was_make_nothing"
    ),
    Safeguard(
        "settling begins with a write that a full Redis allows",
        "it does not",
        f"{FULL}::test_an_answer_under_a_strange_id_is_told_from_a_lack_of_memory",
    ),
    Safeguard("claims expire", "a dead worker's claim stays", "claims do not expire"),
    Safeguard("ready batches are handed out again", "a lost hint is a lost batch", "no sweeper"),
    # The send
    Safeguard(ONE_LINE, "the worker reconnects", "a worker reconnects under a claim"),
    Safeguard(ONE_LINE, "the library reconnects", f"{HTTP}::test_a_dropped_connection_is_not_made_again"),
    Safeguard(
        WHOLE_ANSWER, "half an answer will do", f"{HTTP}::test_a_line_that_owes_an_answer_is_closed_and_not_put_aside"
    ),
    Safeguard(WHOLE_ANSWER, "bytes behind it are overlooked", f"{HTTP}::test_lines_that_are_not_kept"),
    Safeguard("the libraries repeat nothing", "a retry on 503", f"{HTTP}::test_server_busy_is_not_repeated"),
    Safeguard(
        "a line that spoke or was closed is dropped", "it is used", f"{HTTP}::test_kept_line_that_spoke_is_dropped"
    ),
    Safeguard(
        "nothing is repeated after the first byte", "the next mirror", f"{RETRY}::test_unknown_is_never_repeated"
    ),
    Safeguard(
        "no `finally` touches the ledger: an interruption is a crash",
        "released",
        f"{SEND}::test_an_interruption_after_the_write_touches_nothing",
    ),
    Safeguard(UNKNOWN, "a timeout is no", "a timeout is taken for nothing sent"),
    Safeguard(UNKNOWN, "a write error is no", "a write error is taken for nothing sent"),
    Safeguard(UNKNOWN, "doubt is a yes", "doubt is taken for sent"),
    Safeguard(UNKNOWN, "error 9 'duplicate' is a refusal", "error 9 'duplicate' is taken for a refusal"),
    Safeguard(UNKNOWN, "an odd answer is believed", f"{REPLIES}::test_outcome_of_a_send"),
    Safeguard(
        UNKNOWN,
        "an odd answer is believed",
        f"{SEND}::test_an_answer_that_cannot_be_trusted_makes_doubt_and_nothing_is_repeated",
    ),
    # Absence
    Safeguard("absence counts from when it was asked", "from when recorded", "absence is dated when recorded"),
    Safeguard("the asker's own clock must have passed the window too", "Redis' alone", "only Redis' clock counts"),
    Safeguard(WINDOW, "one tick short", "the window is one tick short"),
    Safeguard(WINDOW, "without the peer's close", "the window leaves out the peer's close"),
    Safeguard(EVERY, "one phone's", "absence of one phone is enough"),
    Safeguard(EVERY, "under the newest id", "asked under the newest id only"),
    Safeguard(CONTROL, "none", "no control is needed"),
    Safeguard(CONTROL, "another mirror's", "control from another mirror"),
    Safeguard("an older control doubles the window", "it does not", "an older control is enough"),
    Safeguard("absence is asked where the attempt went", "elsewhere", "absence from a mirror that did not carry it"),
    Safeguard(
        "every condition of trust holds in the script",
        "one is missing",
        f"{PROBE}::test_absence_that_may_not_be_trusted",
    ),
    Safeguard("policy and poison park on trusted absence", "at once", "park at once"),
    Safeguard(
        "an operator's release before that is labelled",
        "it is not",
        f"{PROBE}::test_operators_decide_with_the_fence_they_were_shown",
    ),
    # A second copy by choice
    Safeguard(SECOND, "nobody chose it", "a second copy that nobody chose"),
    Safeguard(SECOND, "a third follows", "a second copy is followed by a third"),
    Safeguard(
        SECOND, "a third follows a refused second", f"{RESEND}::test_a_second_copy_that_was_refused_was_the_last"
    ),
    Safeguard(SECOND, "though two may live", f"{RESEND}::test_two_that_may_live_are_enough"),
    Safeguard(SECOND, "the second was forgotten", f"{RESEND}::test_a_ledger_that_fell_back_sends_no_third"),
    Safeguard(SECOND, "within the minute, unasked, unpaid", f"{RESEND}::test_a_second_copy_that_may_not_leave"),
    Safeguard(
        SECOND,
        "a question without an answer is enough",
        f"{DOUBTS}::test_a_second_copy_waits_for_an_answer_that_shows_nothing",
    ),
    Safeguard(SECOND, "though it was found", "what was found meanwhile is sent again"),
    Safeguard(SECOND, "after the deadline", "a second copy leaves after the end"),
    Safeguard(SECOND, "under a run that is not in force", f"{RESEND}::test_a_second_copy_that_may_not_leave"),
    Safeguard(LABEL, "it is an alarm like any double", "a second copy is not labelled"),
    Safeguard(
        LABEL, "it is counted among the doubles, or not at all", f"{RESEND}::test_a_double_by_it_is_counted_apart"
    ),
    # The roll call
    Safeguard(ROLL_CALL, "there is none", "no roll call"),
    Safeguard(ROLL_CALL, "an older copy is taken", f"{ROLLCALL}::test_an_older_copy_is_not_cleared"),
    Safeguard(ROLL_CALL, "a copy from before a host joined is cleared without it", "nobody remembers the hosts"),
    Safeguard(ROLL_CALL, "one host is enough", f"{ROLLCALL}::test_two_hosts_must_both_report"),
    Safeguard("a host reports once its workers follow", "before", "a report before its workers noticed"),
    Safeguard("a host never returns to an earlier run", "it does", f"{JOURNAL}::test_a_host_never_goes_back"),
    Safeguard(
        "claims that were never said are those before the roll call",
        "later ones too",
        "the unsaid are looked for afterwards",
    ),
    Safeguard(JOURNALS, "none is written", "said without a line in the journal"),
    Safeguard(JOURNALS, "whatever run is followed", "a line is written whatever run is followed"),
    Safeguard(JOURNALS, "a release comes first", "released before a line in the journal"),
    Safeguard(JOURNALS, "a release comes first", f"{SEND}::test_a_claim_without_a_line_in_the_journal_is_left_alone"),
    Safeguard(IN_FORCE, "late", "late under a run that is not in force"),
    Safeguard(IN_FORCE, "refused", "refused under a run that is not in force"),
    Safeguard(IN_FORCE, "absent", "absence under a run that is not in force"),
)

# Rules that nothing here needs yet, and why.
NOT_BUILT = {
    "a batch that is split off inherits": "a batch is never split: its rest keeps number, ids and fence",
}
