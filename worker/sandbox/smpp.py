"""The sandbox's SMPP interface: what becomes of a bind and a submit at the gateway that the mirrors share.

A submit becomes the same request over HTTP, so that log-in, limits, money, count, statuses and history are one. What
the manual leaves open is a guess: which statuses refuse, whether every part of a long message has an id of its own
(`Profile.smpp_part_ids`), and which of an account's sessions a receipt goes to (PROTOCOL H, L.13).
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import Callable
from typing import Any

from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server.form import Form, FormError
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.smpp.server_pdus import Bind, CommandStatus, Submit
from smsq.worker.gateway.smpp.server_receipts import Delivery
from smsq.worker.gateway.smpp.server_texts import BINARY, Part, cut_header, read_content, read_text
from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.sandbox.handset import DELIVERED, NOT_SPOKEN, UNDELIVERABLE, Fate
from smsq.worker.sandbox.limits import Window
from smsq.worker.sandbox.misfortunes import Stage, Stroke
from smsq.worker.sandbox.sends import REFUSED_STATUS
from smsq.worker.sandbox.smpp_parts import Long, WaitingParts
from smsq.worker.sandbox.smpp_receipts import Receipts
from smsq.worker.sandbox.state import Account, Record, money

MISSING_PART = NOT_SPOKEN  # error 241 has two causes (PROTOCOL D.9)
# How an error of a send is told (assumed: the manual names throttling alone, PROTOCOL H.5).
STATUSES: dict[int, int] = {
    1: CommandStatus.SUBMIT_FAILED,
    5: CommandStatus.SUBMIT_FAILED,
    6: CommandStatus.SUBMIT_FAILED,
    7: CommandStatus.BAD_DESTINATION,
    8: CommandStatus.BAD_DESTINATION,
}


class SmppInterface:
    """Everything of SMPP that the hosts share; lives on the server's loop.

    Hosts are in `smpp_hosts.py`, and what they say on their wires in `smpp_session.py`.
    """

    def __init__(self, gateway: Gateway, now: Callable[[], float]) -> None:
        profile = gateway.profile
        self.gateway, self.profile, self.now = gateway, profile, now
        self.loop = asyncio.get_running_loop()
        self.sessions: Counter[str] = Counter()  # bound, by log-in
        self.receipts = Receipts(profile, self._fate, now, self._delivery)
        self.parts = WaitingParts(profile.smpp_parts_s, self._gave_up)
        self.reset()

    def reset(self) -> None:
        """Forget what waits and what was counted; sessions stay."""
        self.parts.drop()
        self.receipts.drop()
        self._pace: dict[str, Window] = {}
        self.throttled = self.incomplete = self.binds = self.submits = self.running = 0

    def stop(self) -> None:
        """Forget what waits, and wake up no more."""
        self.parts.drop()
        self.receipts.drop()

    def report(self) -> dict[str, Any]:
        """What is worth knowing of it, as JSON will carry it."""
        return {
            "binds": self.binds,
            "submits": self.submits,
            "running": self.running,
            "throttled": self.throttled,
            "incomplete": self.incomplete,
            "waiting_parts": len(self.parts),
            "receipts": {
                "told": self.receipts.told,
                "taken": self.receipts.taken,
                "lost": self.receipts.lost,
                "pending": self.receipts.pending(),
            },
        }

    # --- who may do what --------------------------------------------------------------------------------------

    def admit(self, bind: Bind, peer: str) -> Account | CommandStatus:
        """The account that a bind is for, or how it is refused."""
        gateway, profile, now = self.gateway, self.profile, self.now()
        self.binds += 1
        if gateway.address_blocks.is_banned(peer, now):
            return CommandStatus.BIND_FAILED
        account = gateway.accounts.get(bind.system_id)
        password = profile.smpp_password if bind.system_id == profile.login else ""
        if account is None or not _same(password or account.password, bind.password):
            gateway.address_blocks.bad_login(peer, now)
            return CommandStatus.BAD_PASSWORD
        if profile.smpp_sessions and self.sessions[account.login] >= profile.smpp_sessions:
            return CommandStatus.BIND_FAILED
        return account

    def is_too_fast(self, account: Account) -> bool:
        """Whether this submit is one too many in a second."""
        rate = self.profile.smpp_rate
        if not rate:
            return False
        if account.login not in self._pace:
            self._pace[account.login] = Window(rate, 1.0, self.profile.slack)
        if self._pace[account.login].take("", self.now()):
            return False
        self.throttled += 1
        return True

    # --- a submit ---------------------------------------------------------------------------------------------

    def read(self, submit: Submit, *, is_iso: bool) -> tuple[Part | None, str]:
        """Which part it is, if it is one, and its text, or its bytes as hex; raises BrokenPdu."""
        part, payload = cut_header(submit.payload) if submit.has_header else (None, submit.payload)
        if submit.data_coding != BINARY:
            return part, read_text(payload, submit.data_coding, is_iso=is_iso)
        # Coding 1 is ISO-8859-1 or binary; with a header that is none of a part, it is what the header says.
        is_binary = (submit.has_header and part is None) or any(byte < 32 and byte not in b"\n\r" for byte in payload)
        if is_binary:
            return part, "\0" + (payload if part is not None else submit.payload).hex()
        return part, read_text(payload, BINARY)

    def take(
        self, account: Account, submit: Submit, part: Part | None, text: str, *, peer: str, host: int,
        stroke: Stroke | None,
    ) -> tuple[int, str]:  # fmt: skip
        """Do what a submit asks for: the status, and the id that it is answered with."""
        if stroke is not None and stroke.kind.stage is Stage.REFUSE and part is not None and part.number < part.total:
            return STATUSES.get(stroke.kind.code, CommandStatus.VENDOR + stroke.kind.code), ""
        new = Long(account=account, submit=submit, peer=peer, host=host)
        long = self.parts.message_of(new, part) if part is not None else new
        drawn = account.draw_id() if not long.ids or self.profile.smpp_part_ids else long.ids[0][0]
        long.texts[part.number if part is not None else 1] = text
        long.ids.append((drawn, submit.receipt))
        if not long.is_whole:
            return CommandStatus.OK, str(drawn)
        code = self._finish(long, stroke)
        return (STATUSES.get(code, CommandStatus.VENDOR + code), "") if code else (CommandStatus.OK, str(drawn))

    def _finish(self, long: Long, stroke: Stroke | None) -> int:
        """Hand a whole message to the gateway; its error, 0 for none."""
        gateway, account, now = self.gateway, long.account, self.now()
        struck = stroke.name if stroke is not None else ""
        hidden_s = stroke.seconds if stroke is not None and struck == "invisible" else 0.0
        request = _request(long)
        if request is None:
            code, record = 1, None
        elif stroke is not None and stroke.kind.stage is Stage.REFUSE:
            code, record = stroke.kind.code, None
            if code in REFUSED_STATUS:
                gateway.sends.refuse(account, request, code, now, mirror=long.host, hidden_s=hidden_s)
        else:
            wanted = any(receipt for _, receipt in long.ids)
            verdict = gateway.sends.take(
                account, request, now, mirror=long.host, hidden_s=hidden_s, is_early=struck == "early_callback",
                is_pushed=not wanted,
            )  # fmt: skip
            code, record = verdict.code, verdict.record
        if code:
            gateway.count_error("submit", code)
            if code != 3 and stroke is None:
                gateway.address_blocks.error(long.peer, now)
            return code
        assert record is not None
        for number, _ in long.ids[1:]:
            account.alias(number, record)
        self._tell(long, record, struck)
        return 0

    def _gave_up(self, long: Long) -> None:
        """A message of which a part never came: it ends undeliverable, error 241."""
        self.incomplete += 1
        account, now = long.account, self.now()
        record = Record(
            id=long.ids[0][0],
            at=now,
            messages=[(long.submit.destination, long.text)],
            first_int_id=account.take_int_ids(1),
            parts=0,
            cost=0,
            sender=long.submit.source,
            mirror=long.host,
            prices=self.gateway.sends.prices,
            code=UNDELIVERABLE,
        )
        account.add(record)
        for number, _ in long.ids[1:]:
            account.alias(number, record)
        self._tell(long, record, "")

    # --- receipts ---------------------------------------------------------------------------------------------

    def _tell(self, long: Long, record: Record, struck: str) -> None:
        ids = long.ids if self.profile.smpp_part_ids else long.ids[:1]
        self.receipts.accepted(
            long.account.login,
            record,
            ids,
            is_early=struck == "early_callback",
            is_twice=struck == "receipts_twice",
            is_lost=struck == "receipts_lost",
        )

    def _fate(self, record: Record) -> Fate:
        """How a message ends; one of which a part is missing has ended."""
        if record.code:
            return Fate(0.0, record.code, MISSING_PART)
        phone = record.messages[0][0]
        fate = self.gateway.handsets.fate(phone, record.channel)
        return Fate(fate.after_s, *self.gateway.statuses.verdict(record, phone, fate.code, fate.err))

    def _delivery(self, record: Record, message_id: str, code: int, err: int, at: float) -> Delivery:
        phone, _ = record.messages[0]
        row = CHANNELS[record.channel]
        whose = self.gateway.lookups.operator(phone) if phone.isdigit() else None
        return Delivery(
            message_id=message_id,
            phone=phone,
            sender=record.sender,
            code=code,
            err=err,
            parts=record.parts_at(0),
            cost=money(record.cost),
            flag=row.type or 0,
            sent_at=record.at,
            at=at,
            operator=whose.mcc + whose.mnc if whose else "",
            result=self.gateway.lookups.result(phone, code == DELIVERED) if row.result == "hlr" else None,
        )

    def standing(self, account: Account, message_id: str) -> tuple[Record, int, int, float] | None:
        """The message of this id, its status and delivery error, and since when; None for an unknown one."""
        record = account.of_id(int(message_id)) if message_id.isascii() and message_id.isdigit() else None
        if record is None:
            return None
        standing = self.gateway.statuses.standing(record, record.messages[0][0], self.now())
        return record, standing.code, standing.err, record.at + standing.after_s


def _request(long: Long) -> SendRequest | None:
    """The same request over HTTP; None if it can be none."""
    submit, text = long.submit, long.text
    if text.startswith("\0"):
        chosen = {"mes": text.replace("\0", ""), "bin": "2"}
    else:
        content = read_content(text)
        chosen = {"mes": content.mes, **content.fields}
    phone = submit.destination
    fields = {
        "phones": f"+{phone}" if phone.isdigit() else phone,
        "id": str(long.ids[0][0]),
        **({"sender": submit.source} if submit.source else {}),
        **chosen,
    }
    try:
        return SendRequest.read(Form.of(fields))
    except FormError:
        return None


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "replace"))
