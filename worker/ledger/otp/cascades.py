"""The verbs of cascades: which codes are due, the next channel of a code, the end of a cascade.

A cascade is a member of the set `cascade` from the opening of its code until no further channel will be tried. Its
score is when it is looked at next: at the end of a wait, at once when a message of it ends, or two seconds after a
process took it, since that process may have died.
"""

from __future__ import annotations

from smsq.worker.ledger.otp.records import Reserved
from smsq.worker.ledger.store import Store

LOOK_AGAIN_S = 2.0  # at a cascade that a process took and perhaps did not finish


class Cascades(Store):
    """The verbs of cascades."""

    def due_otps(self, many: int) -> list[str]:
        """Codes whose cascade is due; they are due again soon, in case the caller dies."""
        reply = self.call("due", [self.key("cascade")], many, int(LOOK_AGAIN_S * 1000))
        return [otp_id.decode() for otp_id in reply[1:]]

    def next_step(self, otp_id: str, place: int, channel: str, why: str, *, after: int) -> Reserved:
        """Reserve the channel at `place` of a cascade; enrol its message if `word` is `step`. Raises LedgerHalted.

        However many processes ask, a place is reserved once, and only after the place before it. `word` is `moved` if
        the code has had other than `after` steps by now, `over` if the cascade has ended, or a verdict if the code can
        no longer be used.
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
        """Try no further channel; False if `place` is no longer the last one tried. `forgone` is counted, if given."""
        keys = [self.key(name) for name in (f"code:{otp_id}", "cascade", "totals")]
        return self.call("otp_end", keys, otp_id, place, why, forgone)[0] == b"ended"

    def wait_cascade(self, otp_id: str, until: float) -> None:
        """Look at the cascade again at `until` (Unix seconds), or sooner if one of its messages ends."""
        self.call("otp_wait", [self.key("cascade")], otp_id, int(until * 1000))
