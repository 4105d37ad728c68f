"""Letters at the front door: what a library's `send_sms_mail` writes becomes messages, as by send.php.

A letter is answered with 250 once its messages are durable, and refused with a sentence if it is none or would be
refused by send.php: its sender learns that here, while the gateway says nothing. A mail server that got no answer
brings the same letter again, hours later perhaps, and that is no second message: a letter is known by its Message-ID,
else by the id that the caller gave, for as long as mail servers try. Without either, and for a copy under another
Message-ID, the same content within the gateway's minute is one message.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from smsq.producers.web.front_door.callers import Caller, Callers
from smsq.producers.web.front_door.gatherer import Gatherer
from smsq.producers.web.front_door.sends import BAD_PHONE, Busy, Sends
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.gateway.http.server.form import Form, FormError
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.smtp.server_letters import Letter, LetterError, read
from smsq.worker.ledger.front_door.requests import NewRequest, Taken
from smsq.worker.letterbox import Mail

MAX_MAIL = 100 * 1024  # bytes, as at the gateway (PROTOCOL G)
LOCAL_PART = "send"  # of the address that letters go to, whatever host follows (PROTOCOL G)
KEPT_S = 6 * 86_400.0  # a mail server tries for five days
HOST = "letter"  # in place of the host that a request names
MOST_KEPT = 10_000  # contents of the last minute

log = logging.getLogger(__name__)

Count = Callable[[str, str, float], None]  # page, outcome, seconds


class Letters:
    """Takes letters for the callers of one installation. Belongs to one loop."""

    def __init__(self, callers: Callers, sends: Sends, gatherer: Gatherer, guard_s: float, count: Count) -> None:
        self._callers = callers
        self._sends = sends
        self._gatherer = gatherer
        self._guard_s = guard_s
        self._count = count
        self._lately: dict[bytes, tuple[float, asyncio.Future[str]]] = {}  # by content: when it came, and its answer

    # --- as the letterbox calls it ----------------------------------------------------------------------------

    def lets_in(self, login: str, password: str) -> bool:
        """Whether these are a caller's."""
        return self._callers.of(Login(login, password)) is not None

    async def recipient(self, address: str, context: dict[str, Any]) -> str:
        """Only letters to the gateway are taken: nothing is passed on."""
        if address.partition("@")[0].lower() != LOCAL_PART:
            return f"550 this is no mail server: letters to the gateway go to {LOCAL_PART}@ this host"
        return "250 OK"

    async def take(self, mail: Mail, context: dict[str, Any]) -> str:
        """Enrol what a letter asks for, and answer it."""
        began = asyncio.get_running_loop().time()
        outcome, answer = await self._answer(mail)
        self._count("letter", outcome, asyncio.get_running_loop().time() - began)
        return _in_ascii(answer)

    async def _answer(self, mail: Mail) -> tuple[str, str]:
        """What became of it, in a word and in the answer."""
        try:
            letter = read(mail.content)
            caller = self._callers.of(letter.login)
            if caller is None:
                return "refused", "554 the log-in or the key of this letter is wrong"
            if letter.is_test:
                return "refused", "554 a test letter would be sent for real here: leave the field out"
            return "taken", await self._once(*self._asked(letter, caller), letter.message_id)
        except LetterError as wrong:
            return "refused", f"554 {wrong.sentence}"
        except Busy as wrong:
            return "busy", f"451 {wrong.sentence}"
        except FormError as wrong:
            return "refused", f"554 {wrong.sentence}"
        except LedgerTrouble as trouble:
            log.warning("letter not taken why=%s", trouble.sentence)
            return "trouble", "451 nothing can be taken now; try again later"

    def _asked(self, letter: Letter, caller: Caller) -> tuple[NewRequest, int]:
        """The request in it, and how many recipients it had that are none. Raises LetterError or FormError."""
        form = Form.of(letter.fields())
        if not caller.may("send"):
            raise FormError(2, f"the key {caller.name} may not do this")
        request = SendRequest.read(form)
        new, bad = self._sends.prepared(request, caller, HOST)
        if not new.messages:
            raise FormError(BAD_PHONE, "there is no recipient that a message can be sent to")
        return new, bad

    async def _once(self, new: NewRequest, bad: int, name: str) -> str:
        """Enrol it, or wait for what the same content of the last minute is answered."""
        loop = asyncio.get_running_loop()
        now, key = loop.time(), hashlib.sha256(new.caller.encode() + b"\0" + new.content).digest()
        at, known = self._lately.get(key, (0.0, None))
        if known is not None and now - at < self._guard_s:
            return await asyncio.shield(known)
        future: asyncio.Future[str] = loop.create_future()
        self._forget(now)
        self._lately[key] = now, future
        try:
            answer = await self._enrolled(new, name)
        except BaseException as trouble:  # it was not taken: the next is no repeat
            del self._lately[key]
            future.set_exception(trouble if isinstance(trouble, Exception) else LedgerTrouble("the door is closing"))
            future.exception()  # nobody may wait for it
            raise
        future.set_result(answer)
        if bad:
            log.info("letter taken, without recipients that are none caller=%s bad=%d", new.caller, bad)
        return answer

    async def _enrolled(self, new: NewRequest, name: str) -> str:
        if name:
            new = replace(new, content=msgspec.msgpack.encode((new.content, name)))
        if name or new.id:
            new = replace(new, kept_s=KEPT_S)
        taken = await self._gatherer.enrol(new)
        if not isinstance(taken, Taken):
            return "250 taken before"
        if not name and not new.id:  # nothing but its minute tells it from another
            self._gatherer.reached(taken)
        return f"250 taken, id {taken.id}"

    def _forget(self, now: float) -> None:
        """Leave out what is older than the minute, and the oldest if there are too many."""
        while self._lately:
            first, (at, _) = next(iter(self._lately.items()))
            if now - at < self._guard_s and len(self._lately) < MOST_KEPT:
                return
            del self._lately[first]


def _in_ascii(answer: str) -> str:
    """An answer as a mail server may write it: one line, in ASCII."""
    return " ".join(answer.split()).encode("ascii", "replace").decode("ascii")[:400]
