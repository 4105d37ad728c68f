"""A gateway on this machine that behaves like the real one, awkward replies and misfortunes included.

For tests, the demo and benchmarks only; nothing else imports it. It keeps its own count of what it accepted,
and the verdict about lost and doubled messages is taken from that count, never from our own ledger.

    with Sandbox(Profile(think_s=0.03), ports=(0, 0)) as sandbox:
        sandbox.mirrors             # ("http://127.0.0.1:40001", …), in order
        sandbox.misfortune("lose_answer", next_few=1)
        sandbox.report()["accepted"]
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, TypeVar

from smsq.worker.domain.errors import SmsqError
from smsq.worker.sandbox import messages
from smsq.worker.sandbox.control import HANDLERS, Control
from smsq.worker.sandbox.misfortunes import KINDS
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.server import Server

__all__ = ["KINDS", "Profile", "Sandbox", "new_loop"]

T = TypeVar("T")
START_S = 10.0  # how long a sandbox may take to be ready
ANSWER_S = 60.0  # how long a call may take


def new_loop() -> asyncio.AbstractEventLoop:
    """The quickest event loop there is: uvloop's, or asyncio's own if that is not installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Sandbox:
    """A sandbox in a thread of this process; a context manager, and safe to speak to from any thread."""

    def __init__(
        self,
        profile: Profile | None = None,
        ports: Sequence[int] = (0,),
        *,
        control_port: int = 0,
        smtp_port: int | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.profile = profile or Profile()
        self.mirrors: tuple[str, ...] = ()
        self.control = ""
        self.mail = ""  # the address of its mail face, if it has one (`smtp_port`)
        self._ports, self._control_port, self._host = tuple(ports), control_port, host
        self._smtp_port = smtp_port
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._ready = threading.Event()
        self._trouble: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._control: Control | None = None

    def start(self) -> Sandbox:
        """Listen; raises what kept it from listening (OSError for a port that is taken, BadSettings)."""
        self._thread.start()
        if not self._ready.wait(START_S):
            raise SmsqError("the sandbox did not start")
        if self._trouble is not None:
            self._thread.join()
            raise self._trouble
        return self

    def stop(self) -> None:
        """Give everything back; the count is gone with it."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def report(self, *, with_statuses: bool = True) -> dict[str, Any]:
        """The gateway's own count; see `count.py`. If you call it often, leave the statuses out."""
        return self.call(lambda server: server.report(with_statuses=with_statuses))

    def messages(self, phone: str | int = "", limit: int = 50) -> list[dict[str, Any]]:
        """What it received, texts and all, the newest first; see `GET /_sandbox/messages`."""
        told = {"phone": str(phone), "limit": str(limit)}
        return self.call(lambda server: messages.newest(server.gateway, server.now(), told))

    def missing(self, phones: Iterable[str | int]) -> list[str]:
        """Those of these phones (digits) for which nothing was ever accepted."""
        digits = [str(phone).lstrip("+") for phone in phones]
        return self.call(lambda server: server.count.missing(digits))

    def misfortune(
        self, kind: str, *, share: float = 0.0, next_few: int = 0, mirror: int | None = None, command: str = "",
        seconds: float = 0.0,
    ) -> None:  # fmt: skip
        """Ask for a misfortune (a key of `KINDS`); a share of 0 takes it back. By default it strikes sends."""
        told: dict[str, Any] = {
            "kind": kind,
            "share": share,
            "next": next_few,
            "mirror": mirror,
            "seconds": seconds,
        }
        if command:
            told["command"] = command
        self._order("misfortunes", told)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._order("misfortunes", {"clear": True})

    def mirror(self, number: int, **told: Any) -> None:
        """Change a mirror (1, 2, …): `down=True`, `lag=5.0`."""
        self._order("mirrors", {"mirror": number, **told})

    def account(self, **told: Any) -> None:
        """Change an account: `top_up`, `balance`, `password`, `login`, `add`."""
        self._order("account", told)

    def push_to(self, url: str) -> None:
        """Push statuses to this address from now on."""
        self._order("callbacks", {"url": url})

    def reset(self) -> None:
        """Forget messages, counts and limits; misfortunes as at the start."""
        self._order("reset", {})

    def call(self, question: Callable[[Server], T]) -> T:
        """Ask the server something on its own loop."""
        server = self._running()

        async def ask() -> T:
            return question(server)

        return asyncio.run_coroutine_threadsafe(ask(), server.loop).result(ANSWER_S)

    def _order(self, name: str, told: dict[str, Any]) -> None:
        server = self._running()

        async def obey() -> None:
            await HANDLERS["POST", name](server, told)

        asyncio.run_coroutine_threadsafe(obey(), server.loop).result(ANSWER_S)

    def _running(self) -> Server:
        if self._server is None:
            raise SmsqError("the sandbox is not running")
        return self._server

    def _run(self) -> None:
        self._loop = loop = new_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._begin())
            self._ready.set()
            loop.run_forever()
            loop.run_until_complete(self._end())
        except BaseException as trouble:
            self._trouble = trouble
            self._ready.set()
        finally:
            self._server = None
            loop.close()

    async def _begin(self) -> None:
        server = Server(self.profile)
        control = Control(server)
        try:
            await server.start(self._ports, self._host, self._smtp_port)
            await control.start(self._control_port, self._host)
        except BaseException:
            control.stop()
            server.stop()
            await asyncio.sleep(0)
            raise
        self._server, self._control = server, control
        self.mirrors = tuple(mirror.base for mirror in server.mirrors)
        self.control = control.base
        self.mail = server.mail.base if server.mail is not None else ""

    async def _end(self) -> None:
        if self._server is not None and self._control is not None:
            self._control.stop()
            self._server.stop()
        await asyncio.sleep(0.01)  # let the transports close
