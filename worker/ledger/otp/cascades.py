"""The verbs of cascades: which codes are due for a look, the next channel of one, its end.

A cascade is a member of the set `cascade` from the writing of its code until nothing further will be tried. Its
score is when it is looked at next: the end of a wait, at once when a message of it ends, or two seconds after
whoever took it in hand might have died.
"""

from __future__ import annotations

from smsq.worker.ledger.otp.records import Reserved
from smsq.worker.ledger.store import Store

LOOK_AGAIN_S = 2.0  # at what somebody took in hand, and perhaps did not finish


class Cascades(Store):
    """What is done to the cascades of codes."""

    def due_otps(self, many: int) -> list[str]:
        """Codes whose cascade is due for a look; due again soon, so that a look that is lost is made up for."""
        reply = self.call("due", [self.key("cascade")], many, int(LOOK_AGAIN_S * 1000))
        return [otp_id.decode() for otp_id in reply[1:]]

    def next_step(self, otp_id: str, place: int, channel: str, why: str, *, after: int) -> Reserved:
        """Reserve the channel at `place` of a cascade; enrol its message if `word` is `step`. Raises LedgerHalted.

        Whoever asks, and how often: a place is reserved once, only behind the one before and `after` so many steps
        as were seen when it was decided (`moved`), while the code can be used and its cascade has not ended (`over`).
        """
        keys = [self.key(name) for name in (f"code:{otp_id}", "run", "ctl", "cascade")]
        reply = self.call("otp_next", keys, otp_id, place, channel, why, int(LOOK_AGAIN_S * 1000), after)
        word = reply[0].decode()
        if word == "halted":
            raise self.halted(reply[1].decode())
        if word == "step":
            return Reserved(word, int(reply[1]), int(reply[2]) / 1000, int(reply[3]) / 1000)
        return Reserved(word)

    def end_cascade(self, otp_id: str, place: int, why: str, forgone: str = "") -> bool:
        """Try no further channel; False if another than `place` was tried last. `forgone` is counted, if named."""
        keys = [self.key(name) for name in (f"code:{otp_id}", "cascade", "totals")]
        return self.call("otp_end", keys, otp_id, place, why, forgone)[0] == b"ended"

    def wait_cascade(self, otp_id: str, until: float) -> None:
        """Look again at that moment (Unix seconds), or sooner if a message of it ends."""
        self.call("otp_wait", [self.key("cascade")], otp_id, int(until * 1000))
