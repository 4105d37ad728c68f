"""The gateway's mail face: letters into the same state as requests, and what may befall a letter on its way.

As at the gateway, a mail server's 250 says nothing about the messages: a wrong log-in, a refused text or a repeated
letter shows in no answer, only in what status and history know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from smsq.worker.gateway.http.server.form import Form
from smsq.worker.gateway.smtp.server_letters import LetterError, read
from smsq.worker.letterbox import Letterbox, Mail
from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.sandbox.misfortunes import Stroke

MAX_LETTER = 100 * 1024  # bytes (PROTOCOL G)
TAKEN = "250 taken"
NO_MIRROR = 0  # letters come by none

# Answers that a misfortune gives in place of "taken", by its name; to a recipient, and to a letter.
_AT_RECIPIENT = {"rcpt_refused": "550 no such recipient here", "rcpt_later": "451 try again later"}
_AT_LETTER = {
    "letter_refused": "554 this letter is refused",
    "letter_later": "451 try again later",
    "accepted_451": "451 try again later",
}
_DROPPED = ("lose_answer", "reset", "close")


class MailFace:
    """Takes letters for one gateway, on its loop."""

    def __init__(self, gateway: Gateway, now: Callable[[], float]) -> None:
        self.base = ""
        self.letters = 0  # that were taken in, readable or not
        self._gateway = gateway
        self._now = now
        self._later: dict[asyncio.TimerHandle, Mail] = {}  # the queue: when each letter arrives
        self._box = Letterbox(self, hostname="sandbox", most=MAX_LETTER)

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 is any free one. Raises OSError if it is taken."""
        await self._box.start(host, port)
        self.base = f"smtp://{host}:{self._box.port}"

    def stop(self) -> None:
        """Give the port back; letters that wait are lost."""
        self._box.stop()
        self.drop()

    def drop(self) -> None:
        """Forget letters that wait in the queue."""
        for handle in self._later:
            handle.cancel()
        self._later.clear()

    def deliver(self) -> None:
        """Let every letter in the queue arrive now."""
        waiting = list(self._later.values())
        self.drop()
        for mail in waiting:
            self._post(mail, None)

    @property
    def waiting(self) -> int:
        """How many letters wait in the queue."""
        return len(self._later)

    # --- as the letterbox calls it ----------------------------------------------------------------------------

    def lets_in(self, login: str, password: str) -> bool:
        """Whether an account has this log-in."""
        account = self._gateway.accounts.get(login)
        return account is not None and account.password == password

    async def recipient(self, address: str, context: dict[str, Any]) -> str:
        """Any address will do, unless a misfortune says otherwise; it strikes a letter, not each recipient."""
        if "stroke" not in context:
            context["stroke"] = self._gateway.misfortunes.on_request(NO_MIRROR, "letter")
        stroke: Stroke | None = context["stroke"]
        return _AT_RECIPIENT.get(stroke.name, TAKEN) if stroke is not None else TAKEN

    async def take(self, mail: Mail, context: dict[str, Any]) -> str:
        """Take a letter, and let happen to it what is to happen."""
        stroke: Stroke | None = context.get("stroke")
        name = stroke.name if stroke is not None else ""
        if name in ("letter_refused", "letter_later"):
            return _AT_LETTER[name]
        self.letters += 1
        if stroke is not None and name in ("letter_held", "late"):
            self._hold(mail, stroke)
        else:
            self._post(mail, stroke)
        if stroke is not None and name == "slow":
            await asyncio.sleep(stroke.seconds)
        if name == "hang":
            await asyncio.sleep(self._gateway.profile.hang_s)
        return "" if name in _DROPPED else _AT_LETTER.get(name, TAKEN)

    def _hold(self, mail: Mail, stroke: Stroke) -> None:
        """Let a letter wait in the queue."""

        def arrive() -> None:
            self._post(self._later.pop(handle), None)

        handle = asyncio.get_running_loop().call_later(stroke.seconds, arrive)
        self._later[handle] = mail

    def _post(self, mail: Mail, stroke: Stroke | None) -> None:
        """Bring a letter to the gateway, which answers nobody."""
        try:
            letter = read(mail.content)
            fields = {} if letter.is_test else letter.fields()  # a test is accepted and sends nothing
        except LetterError:
            self._gateway.count_error("letter", 1)
            return
        if fields:
            self._gateway.post(Form.of(fields), NO_MIRROR, mail.peer, stroke, self._now())
