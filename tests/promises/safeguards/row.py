"""One safeguard: the rule, what leaving it out means, and what notices."""

from __future__ import annotations

from typing import NamedTuple


class Safeguard(NamedTuple):
    """The rule in a sentence, its absence in a few words, who notices.

    `test` looks at the real scripts and parts, as `file::test`: it fails when the rule is removed from them.
    `mutation` is the model's, where the model can express it: without the rule a promise breaks there.
    """

    rule: str
    without: str
    test: str
    mutation: str = ""


CLAIM, NEXT, SETTLE, PROBE = (
    f"tests/worker/ledger/batches/test_{verb}.py" for verb in ("claim", "claim_next", "settle", "probe")
)
ADVANCE, MOVES, RESEND, POSTED = (
    f"tests/worker/ledger/batches/test_{what}.py" for what in ("advance", "moves", "resend", "probe_letters")
)
FULL, DUTIES = (f"tests/worker/ledger/test_{what}.py" for what in ("full", "duties"))
SEND, ON, RUNG, DOUBTS = (f"tests/worker/actors/test_{what}.py" for what in ("send", "going_on", "rung", "doubts"))
ABSENCE, STATUS = (f"tests/worker/questions/test_{what}.py" for what in ("lists", "asker"))
HTTP, ANSWER, RETRY = (
    f"tests/worker/transports/{what}.py" for what in ("http/test_line", "http/test_answer", "test_retry")
)
SWEEPER, REPLIES = "tests/worker/scheduler/test_duties.py", "tests/worker/gateway/http/test_replies.py"
WINDUP = "tests/worker/scheduler/test_windup.py"
ROLLCALL, JOURNAL, RECOVERY = (f"tests/worker/host/test_{what}.py" for what in ("master", "journal", "recovery"))
SIGNOFFS = "tests/worker/host/test_signoffs.py"
SUPERVISOR, HOST_LEDGER = (f"tests/worker/processes/test_{what}.py" for what in ("supervisor", "host_ledger"))
EMBEDDED = "tests/worker/processes/private_redis/test_embedded.py"
SETTINGS = "tests/worker/test_settings.py"
