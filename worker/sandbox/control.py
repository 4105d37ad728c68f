"""The sandbox's control endpoint: read the count, order misfortunes, change the account; JSON both ways.

    GET  /_sandbox/report              the count (`count.py`), with mirrors and callbacks
    GET  /_sandbox/tally               the same without statuses: cheap enough to be asked every second
    POST /_sandbox/missing             [phone, …] → {"missing": […]}: never accepted
    POST /_sandbox/misfortunes         {"kind", "share" or "next", "mirror", "command", "seconds"}, or {"clear": true}
    GET  /_sandbox/misfortunes         the kinds there are
    POST /_sandbox/mirrors             {"mirror": 2, "down": true} or {"mirror": 2, "lag": 5.0}
    POST /_sandbox/account             {"login", "top_up", "balance", "password", "add": true}
    POST /_sandbox/callbacks           {"url": "…"}
    POST /_sandbox/forgive             nobody is blocked any more
    POST /_sandbox/reset               forget messages, counts, limits and misfortunes

It has a port of its own, so that no client of the gateway meets it by accident.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from smsq.worker.domain.errors import BadInput
from smsq.worker.sandbox.gateway import check_phones
from smsq.worker.sandbox.http import Connection, Request
from smsq.worker.sandbox.misfortunes import KINDS, read_rule
from smsq.worker.sandbox.server import Server
from smsq.worker.sandbox.state import UNIT

PREFIX = "/_sandbox/"
_JSON = "application/json; charset=utf-8"


class Control:
    """The endpoint of one server, on the same loop; `base` is its address once it listens."""

    def __init__(self, server: Server) -> None:
        self.base = ""
        self._server = server
        self._connections: set[Connection] = set()
        self._listener: asyncio.AbstractServer | None = None

    async def start(self, port: int, host: str) -> None:
        """Listen; port 0 is any free one. Raises OSError where it is taken."""
        loop = self._server.loop
        self._listener = await loop.create_server(lambda: _Connection(self._server, self._connections), host, port)
        self.base = f"http://{host}:{self._listener.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        """Give port and connections back."""
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.hang_up()


class _Connection(Connection):
    """A connection to the control endpoint."""

    def __init__(self, server: Server, siblings: set[Connection]) -> None:
        super().__init__(server.loop, siblings)
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, request: Request) -> None:
        """Do what is asked; every answer is JSON."""
        task = self.loop.create_task(self._handle(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, request: Request) -> None:
        try:
            order = ORDERS.get((request.method, request.path.removeprefix(PREFIX)))
            if order is None or not request.path.startswith(PREFIX):
                self._answer(404, {"error": f"there is no {request.method} {request.path}"})
                return
            told = msgspec.json.decode(request.body) if request.body else {}
            self._answer(200, await order(self._server, told))
        except (BadInput, msgspec.DecodeError, UnicodeDecodeError) as wrong:
            self._answer(400, {"error": str(wrong)})

    def _answer(self, status: int, told: object) -> None:
        self.reply(status, msgspec.json.encode(told), _JSON)


async def _report(server: Server, told: Any) -> dict[str, Any]:
    return server.report()


async def _tally(server: Server, told: Any) -> dict[str, Any]:
    return server.report(with_statuses=False)


async def _missing(server: Server, told: Any) -> dict[str, Any]:
    missing = server.count.missing(check_phones(told))
    return {"missing": missing, "count": len(missing)}


async def _misfortunes(server: Server, told: Any) -> dict[str, Any]:
    for one in told if isinstance(told, list) else [told]:
        orders = _object(one)
        if orders.get("clear"):
            server.gateway.misfortunes.clear()
        else:
            server.gateway.misfortunes.add(read_rule(orders, len(server.mirrors)))
    return {"ok": True}


async def _kinds(server: Server, told: Any) -> dict[str, Any]:
    return {kind.name: kind.meaning for kind in KINDS.values()}


async def _mirrors(server: Server, told: Any) -> dict[str, Any]:
    orders = _object(told)
    number = orders.get("mirror")
    if not isinstance(number, int) or not 1 <= number <= len(server.mirrors):
        raise BadInput(f"mirrors are numbered 1 to {len(server.mirrors)}, not {number!r}")
    if "lag" in orders:
        server.gateway.teller.lags[number] = float(_money(orders["lag"]))
    if "down" in orders:
        mirror = server.mirrors[number - 1]
        await (mirror.down() if orders["down"] else mirror.up())
    return {"ok": True}


async def _account(server: Server, told: Any) -> dict[str, Any]:
    orders, gateway = _object(told), server.gateway
    login = str(orders.get("login", gateway.profile.login))
    if orders.get("add"):
        gateway.add_account(login, str(orders.get("password", "")))
    account = gateway.accounts.get(login)
    if account is None:
        raise BadInput("there is no such log-in")
    if "password" in orders:
        account.password = str(orders["password"])
    if "balance" in orders:
        account.balance = int(_money(orders["balance"]) * UNIT)
    if "top_up" in orders:
        account.balance += int(_money(orders["top_up"]) * UNIT)
    return {"ok": True}


async def _callbacks(server: Server, told: Any) -> dict[str, Any]:
    server.pusher.set_url(str(_object(told).get("url", "")))
    return {"ok": True}


async def _forgive(server: Server, told: Any) -> dict[str, Any]:
    server.gateway.door.forgive()
    return {"ok": True}


async def _reset(server: Server, told: Any) -> dict[str, Any]:
    server.reset()
    return {"ok": True}


ORDERS: dict[tuple[str, str], Callable[[Server, Any], Awaitable[dict[str, Any]]]] = {
    ("GET", "report"): _report,
    ("GET", "tally"): _tally,
    ("POST", "missing"): _missing,
    ("GET", "misfortunes"): _kinds,
    ("POST", "misfortunes"): _misfortunes,
    ("POST", "mirrors"): _mirrors,
    ("POST", "account"): _account,
    ("POST", "callbacks"): _callbacks,
    ("POST", "forgive"): _forgive,
    ("POST", "reset"): _reset,
}


def _object(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise BadInput("a JSON object is wanted")
    return told


def _money(told: Any) -> Decimal:
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        raise BadInput("a number is wanted") from None
    if not amount.is_finite():
        raise BadInput("a number is wanted")
    return amount
