"""Everything that can go wrong, sorted by what the caller does next.

    SmsqError
      Refused        no to this message, and no again          final, tell the sender
      Halted         no to everything until someone acts       stop the login or lane, keep the messages
        BadCredentials
      Later          nothing was accepted; again is safe       release, after `.delay_s`
        Unreachable
      Unknown        it may have been accepted                 ask by our own id, never repeat
        NoReply, BrokenReply
      BadInput       the caller's row, value or option         show it, change nothing
        BadPhone     BadAddress, NotAGuest
        BadText, BadSettings, Conflict
        BadLength, BadTtl, BadTemplate
        BadChannel   NoChannel, BadWait
      Limited        no, by a limit of our own                 wait `retry_after_s`, or do without
        CoolingDown, TooMany, Held, Denied, OverBudget, OptedOut
      BudgetSpent    a campaign may spend no more             raise its budget
      CodeOver       this one-time code is used or dead        have a new one sent
      LedgerTrouble  the ledger cannot take or give it now     nothing was lost; try again or mend it
        LedgerUnreachable, LedgerFull, LedgerHalted, LedgerForeign, LedgerWeak, WrongKey
      FilesTrouble   a file cannot be kept or read here        mend the folder, or send from another host

Messages name the thing and the value, but never a password, a text or a whole phone.
"""

from __future__ import annotations

from decimal import Decimal

# What callers meet; `smsq` exports it. The rest stays inside.
__all__ = [
    "BadAddress",
    "BadChannel",
    "BadCredentials",
    "BadInput",
    "BadLength",
    "BadPhone",
    "BadSettings",
    "BadTemplate",
    "BadText",
    "BadTtl",
    "BadWait",
    "BudgetSpent",
    "CodeOver",
    "Conflict",
    "CoolingDown",
    "Denied",
    "FilesTrouble",
    "Halted",
    "Held",
    "JournalTrouble",
    "Later",
    "LedgerForeign",
    "LedgerFull",
    "LedgerHalted",
    "LedgerTrouble",
    "LedgerUnreachable",
    "LedgerWeak",
    "Limited",
    "NoChannel",
    "NotAGuest",
    "OptedOut",
    "OverBudget",
    "Refused",
    "SmsqError",
    "TooMany",
    "Unreachable",
    "WrongKey",
]


class SmsqError(Exception):
    """The root: every error this project raises on purpose.

    `sentence` is for people, `word` for programs: it stays the same if the sentence is changed. `code` is the
    gateway's code, if there is one.
    """

    word: str = "failed"

    def __init__(self, sentence: str, *, code: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


class Refused(SmsqError):
    """The gateway refused this message, and would refuse it again."""


class Halted(SmsqError):
    """Nothing can be sent until a person acts."""


class BadCredentials(Halted):
    """Log-in, password, key or our address is not accepted (error 2)."""


class Later(SmsqError):
    """Nothing was accepted and the same may be tried again after `delay_s` seconds."""

    def __init__(self, sentence: str, *, code: int | None = None, delay_s: float = 0.0) -> None:
        super().__init__(sentence, code=code)
        self.delay_s = delay_s


class Unreachable(Later):
    """No connection could be opened, or it closed before a byte was written."""


class Unknown(SmsqError):
    """The request may have been accepted; only a question can tell.

    `peer_closed` says that the gateway itself closed the connection, so that the request no longer runs there.
    """

    peer_closed: bool = False


class NoReply(Unknown):
    """A request was begun and no complete answer came back."""


class BrokenReply(Unknown):
    """An answer came back that cannot be trusted."""


class BadInput(SmsqError):
    """What the caller gave cannot be used; nothing was changed."""

    word = "bad_input"


class BadPhone(BadInput):
    """Not a phone number that a text can be sent to, nor another recipient of the channel."""

    word = "bad_phone"


class BadAddress(BadPhone):
    """Not a mail address or a Telegram recipient, or one where the channel takes none."""

    word = "bad_address"


class NotAGuest(BadPhone):
    """A recipient that is not on the guest list, if only those who are can be reached."""

    word = "not_a_guest"


class BadText(BadInput):
    """Empty, too long, or holding one of the gateway's control marks."""

    word = "bad_text"


class BadSettings(BadInput):
    """A setting is unknown or has a wrong value."""


class Conflict(BadInput):
    """The same key was used for other content, or the file was sent already."""

    word = "conflict"


class BadChannel(BadInput):
    """Not a way that a one-time code can travel."""

    word = "bad_channel"


class NoChannel(BadChannel):
    """An empty list of channels."""

    word = "no_channel"


class BadWait(BadChannel):
    """Not a time that a channel can be waited for."""

    word = "bad_wait"


class BadLength(BadInput):
    """Not a number of digits that a one-time code can have."""

    word = "bad_length"


class BadTtl(BadInput):
    """Not a lifetime that a one-time code can have."""

    word = "bad_ttl"


class BadTemplate(BadInput):
    """Not a text that a one-time code can stand in."""

    word = "bad_template"


class Limited(SmsqError):
    """One of our own limits forbids it now; nothing was changed.

    `retry_after_s` says when it may be tried again, None if waiting does not help. `decision` is the
    shield's own word, such as `phone_limit`, '' if it was another limit.
    """

    word = "limited"

    def __init__(self, sentence: str, *, retry_after_s: float | None = None, decision: str = "") -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
        self.decision = decision


class CoolingDown(Limited):
    """The same code went to this phone a moment ago."""

    word = "cooling_down"


class TooMany(Limited):
    """Codes were sent as often as a limit allows."""

    word = "too_many"


class Held(Limited):
    """Codes to this prefix are held: too few of those sent there were verified, or an operator holds it."""

    word = "held"


class Denied(Limited):
    """Codes to this country, prefix or kind of number are not served."""

    word = "denied"


class OverBudget(Limited):
    """The codes would cost more than a limit allows."""

    word = "over_budget"


class OptedOut(Limited):
    """The recipient wants no messages, or none of this sender."""

    word = "opted_out"


class BudgetSpent(SmsqError):
    """A campaign's budget allows no further batch; `least` is the smallest that would, in the account's currency."""

    word = "budget_spent"

    def __init__(self, campaign: str, least: Decimal, sentence: str = "") -> None:
        needs = f"campaign {campaign} cannot go on: its next batch needs a budget of at least {least.normalize():f}"
        super().__init__(sentence or needs)
        self.campaign = campaign
        self.least = least


class CodeOver(SmsqError):
    """A one-time code cannot be sent again; `word` is the verdict that a check would get."""

    def __init__(self, sentence: str, word: str) -> None:
        super().__init__(sentence)
        self.word = word


class LedgerTrouble(SmsqError):
    """The ledger cannot do this now; nothing was lost."""

    word = "ledger"


class LedgerUnreachable(LedgerTrouble):
    """Redis does not answer."""


class LedgerFull(LedgerTrouble):
    """Redis is out of memory or cannot write its disk."""


class LedgerHalted(LedgerTrouble):
    """The ledger restarted or fell back and is not cleared yet."""


class JournalTrouble(LedgerTrouble):
    """A host's journal cannot be written, so nothing may be sent from there."""


class LedgerForeign(LedgerTrouble):
    """The ledger belongs to another account, or to a version of smsq that this one cannot share it with."""


class LedgerWeak(LedgerTrouble):
    """Redis would lose acknowledged writes in a power failure."""


class WrongKey(LedgerTrouble):
    """The ledger's texts are sealed with a secret key that we do not have."""

    word = "wrong_key"


class FilesTrouble(SmsqError):
    """A file of a message cannot be kept, or is not where this process looks for it."""

    word = "files"
