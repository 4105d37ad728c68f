"""The boundary to the gateway: the sandbox's mind behind production's transport interface, in held time.

Nothing here is a socket. A line that was silent for longer than the gateway lets it live is closed, and what is said
on it then never arrives; a request may arrive after its caller gave up. What was accepted is the mind's own record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown, Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.http import SEND_PATH
from smsq.worker.gateway.http import callbacks as dialect
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.outcomes import SendAnswer
from smsq.worker.sandbox.gateway import Gateway, Ticket
from smsq.worker.sandbox.mirrors import _FORGED, HTML
from smsq.worker.sandbox.misfortunes import KINDS, Rule, Stage
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.state import Account, Record
from smsq.worker.transports import MAX_REPLY, Reply
from smsq.worker.transports.http.sending import FORM, send
from tests.promises.crashes.faults import ARRIVES_AFTER_S, Fault

if TYPE_CHECKING:
    from tests.promises.crashes.process import Process
    from tests.promises.crashes.world import World

CALLBACK_SECRET = "between the two of us"
CALLBACK_TRIES = 8
CONNECT_S = 4.0  # a connection that is not answered is given up


class FarSide:
    """The gateway with all its mirrors."""

    def __init__(self, world: World, profile: Profile) -> None:
        self._world = world
        self.mind = Gateway(profile)
        self.mind.sends.on_accept = self._accepted
        self.calls_back = False
        self.down: set[str] = set()
        self.arrived_late = 0
        self.takes_only = 0  # of the phones of the next send; 0 for all
        self.when_struck: Callable[[str], None] = lambda kind: None  # a misfortune struck

    @property
    def account(self) -> Account:
        return self.mind.accounts[self.mind.profile.login]

    def misfortune(self, kind: str, *, times: int = 1, seconds: float = 0.0, command: str = "send") -> None:
        """The next requests meet this."""
        self.mind.misfortunes.add(Rule(kind=KINDS[kind], next=times, seconds=seconds, command=command))

    def accepted(self) -> dict[int, list[int]]:
        """For each phone the ids under which a message to it was accepted."""
        found: dict[int, list[int]] = {}
        for record in self.account.records:
            if record.code == 0:
                for phone, _ in record.messages:
                    found.setdefault(int(phone), []).append(int(record.id))
        return found

    def lives(self, line: Line) -> bool:
        """Whether the gateway still holds its end of a line."""
        silent_s = (self._world.now_ms - line.used_ms) / 1000
        return line.mirror not in self.down and silent_s < self.mind.profile.peer_close_s

    def exchange(self, line: Line, path: str, body: bytes, deadline_s: float) -> Reply:
        """One request over a line, with whatever misfortune waits for it."""
        if not self.lives(line):
            raise _closed("the line was closed before the request came")
        ticket = self._begin(line.number, path, body)
        if ticket.answer is not None:
            self.mind.leave(ticket)
            return Reply(200, ticket.answer.body)
        ticket.stroke = stroke = self.mind.misfortunes.on_request(line.number, ticket.command)
        if stroke is not None:
            self.when_struck(stroke.name)
        if stroke is not None and stroke.name in ("error_500", "error_502"):
            self.mind.leave(ticket)
            return Reply(502, HTML)
        if stroke is not None and stroke.name in ("late", "slow"):
            if stroke.seconds >= deadline_s:
                self._world.after(stroke.seconds, lambda: self._finish_late(ticket))
                self._world.pass_time(deadline_s)
                raise NoReply("no answer in time")
            self._world.pass_time(stroke.seconds)
        if self.takes_only and isinstance(ticket.request, SendRequest):
            ticket.request = replace(ticket.request, messages=ticket.request.messages[: self.takes_only])
            self.takes_only = 0
        answer = self.mind.finish(ticket, self._now())
        if stroke is not None and stroke.name == "hang":
            self._world.pass_time(deadline_s)
            self.mind.leave(ticket)
            raise NoReply("no answer in time")
        self.mind.leave(ticket)
        if stroke is None or stroke.kind.stage is not Stage.SPOIL:
            return Reply(200, answer.body)
        return _spoilt(stroke.name, answer.body)

    def take(self, body: bytes) -> None:
        """A send that nothing befalls."""
        ticket = self._begin(1, SEND_PATH, body)
        self.mind.finish(ticket, self._now())
        self.mind.leave(ticket)

    def arrive_late(self, line: Line, path: str, body: bytes) -> None:
        """A request whose caller has given up is read after all."""
        ticket = self._begin(line.number, path, body)
        if ticket.answer is not None:
            self.mind.leave(ticket)
        else:
            self._finish_late(ticket)

    def _finish_late(self, ticket: Ticket) -> None:
        self.mind.finish(ticket, self._now())
        self.mind.leave(ticket)
        if ticket.record is not None:
            self.arrived_late += 1

    def _begin(self, mirror: int, path: str, body: bytes) -> Ticket:
        ticket = self.mind.begin(mirror, "client", path, b"", body, self._now())
        assert ticket is not None, path
        return ticket

    def _now(self) -> float:
        return self._world.clock.now()

    # Callbacks -----------------------------------------------------------------------------------------------------

    def _accepted(self, record: Record, is_early: bool) -> None:
        """Tell what becomes of each message, twice."""
        if not self.calls_back:
            return
        for phone, _ in record.messages:
            fate = self.mind.handsets.fate(phone)
            fields = {"id": record.id, "phone": phone, "status": fate.code, "err": fate.err, "ts": int(record.at)}
            call = dialect.write(fields, CALLBACK_SECRET)
            if is_early:
                self._call(call)
            for again_s in (0.0, 0.05):
                self._world.after(fate.after_s + again_s, lambda call=call: self._call(call))

    def _call(self, call: dialect.Call, tries: int = 0) -> None:
        if self._world.call_back(call) != 200 and tries < CALLBACK_TRIES:
            self._world.after(2.0**tries, lambda: self._call(call, tries + 1))


class CrashTransport:
    """The transport of one process; a line is kept for its next request as production keeps it."""

    def __init__(self, process: Process, far: FarSide, mirrors: tuple[str, ...], keep_idle_s: float) -> None:
        self.process, self.far = process, far
        self.keep_idle_ms = keep_idle_s * 1000
        self.kept: dict[str, Line] = {}
        self._mirrors = mirrors

    def open(self, mirror: str, timeout_s: float | None = None) -> Line:
        kept = self.kept.pop(mirror, None)
        if kept is not None and self.process.world.now_ms - kept.used_ms < self.keep_idle_ms and kept.is_quiet():
            return kept
        number = self._mirrors.index(mirror) + 1
        fault = self.process.meet(f"open {number}")
        if fault in (Fault.REQUEST_LOST, Fault.REPLY_LOST):
            self.process.world.pass_time(min(timeout_s or CONNECT_S, CONNECT_S))
            raise Unreachable(f"{mirror} does not answer")
        if mirror in self.far.down:
            raise Unreachable(f"{mirror} refuses")
        line = Line(self, mirror, number)
        self.process.end(fault)
        return line

    def close(self) -> None:
        self.kept.clear()


class Line:
    """One connection to one mirror."""

    is_shared = False

    def __init__(self, transport: CrashTransport, mirror: str, number: int) -> None:
        self.mirror, self.number = mirror, number
        self._transport = transport
        self._world = transport.process.world
        self.used_ms = self._world.now_ms
        self._is_whole = True  # it never spoke

    def is_quiet(self) -> bool:
        return self._transport.far.lives(self)

    def is_free(self) -> bool:
        is_young = self._world.now_ms - self.used_ms < self._transport.keep_idle_ms
        return self._is_whole and is_young and self.is_quiet()

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        return send(self.say, self._transport.process.runtime.login, outgoing, deadline_s)

    def say(
        self, path: str, body: bytes, deadline_s: float, *, max_reply: int = MAX_REPLY, content_type: str = FORM
    ) -> Reply:
        process, far = self._transport.process, self._transport.far
        self._is_whole = False
        fault = process.meet(f"say {path.removeprefix('/sys/').removesuffix('.php')}")
        if fault is Fault.ARRIVES_LATE:
            if far.lives(self):
                self._world.after(ARRIVES_AFTER_S, lambda: far.arrive_late(self, path, body))
            fault = Fault.REQUEST_LOST
        if fault is Fault.REQUEST_LOST:
            self._world.pass_time(deadline_s)
            raise NoReply("no answer in time")
        reply = far.exchange(self, path, body, deadline_s)
        if fault is Fault.REPLY_LOST:
            raise _closed("the answer was lost on purpose")
        self.used_ms = self._world.now_ms
        self._is_whole = reply.status == 200
        process.end(fault)
        return reply

    def done(self, keep: bool) -> None:
        if keep and self._is_whole and not self._transport.process.is_dead:
            self._transport.kept[self.mirror] = self


def _closed(why: str) -> Unknown:
    error = NoReply(why)
    error.peer_closed = True
    return error


def _spoilt(name: str, body: bytes) -> Reply:
    """The answer to a request that was carried out, as a misfortune left it."""
    if name in ("lose_answer", "reset"):
        raise _closed("closed without an answer")
    if name == "truncated":
        error = BrokenReply("the answer is cut short")
        error.peer_closed = True
        raise error
    if name in _FORGED:
        return Reply(200, _FORGED[name](body))
    bodies = {"accepted_502": HTML, "html": HTML, "empty": b"", "cut_json": body[: len(body) // 2]}
    return Reply(502 if name == "accepted_502" else 200, bodies[name])
