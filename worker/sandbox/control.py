"""The sandbox's control endpoint: see what it received, read the count, make things go wrong, change the account.

`GET /` is a page with what was received and all calls, `GET /_sandbox/` the calls in JSON: the rows of `CALLS` below.
It has a port of its own, so that no client of the gateway meets it by accident.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.money import UNITS
from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server.records import shown
from smsq.worker.sandbox import messages
from smsq.worker.sandbox.gateway import check_phones
from smsq.worker.sandbox.handset import is_number
from smsq.worker.sandbox.http import Connection, Request
from smsq.worker.sandbox.misfortunes import KINDS, read_rule
from smsq.worker.sandbox.page import page
from smsq.worker.sandbox.server import Server

PREFIX = "/_sandbox/"
_JSON, _HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"


class Control:
    """The endpoint of one server, on the same loop; `base` is its address once it listens."""

    def __init__(self, server: Server) -> None:
        self.base = ""
        self._server = server
        self._connections: set[Connection] = set()
        self._listener: asyncio.AbstractServer | None = None

    async def start(self, port: int, host: str) -> None:
        """Listen; port 0 is any free one. Raises OSError if it is taken."""
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
        """Do what is asked; every answer but the page is JSON."""
        task = self.loop.create_task(self._handle(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, request: Request) -> None:
        try:
            asked = dict(parse_qsl(request.query.decode("utf-8", "replace"), keep_blank_values=True))
            if (request.method, request.path) == ("GET", "/"):
                self.reply(200, _page(self._server, asked), _HTML)
                return
            handler = HANDLERS.get((request.method, request.path.removeprefix(PREFIX)))
            if handler is None or not request.path.startswith(PREFIX):
                self._answer(404, {"error": f"there is no {request.method} {request.path}; GET / shows all calls"})
                return
            told = msgspec.json.decode(request.body) if request.body else asked
            self._answer(200, await handler(self._server, told))
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
        wanted = _object(one)
        if wanted.get("clear"):
            server.gateway.misfortunes.clear()
        else:
            server.gateway.misfortunes.add(read_rule(wanted, len(server.mirrors)))
    return {"ok": True}


async def _end(server: Server, told: Any) -> dict[str, Any]:
    server.gateway.misfortunes.clear()
    return {"ok": True}


async def _kinds(server: Server, told: Any) -> dict[str, Any]:
    return {
        "in_force": [rule.told() for rule in server.gateway.misfortunes.rules],
        "kinds": {kind.name: kind.meaning for kind in KINDS.values()},
    }


async def _messages(server: Server, told: Any) -> dict[str, Any]:
    found = messages.newest(server.gateway, server.now(), _object(told))
    return {"messages": found, "last": messages.last(server.gateway)}


async def _calls(server: Server, told: Any) -> dict[str, Any]:
    return {"calls": [{"call": each.written, "for": each.meaning} for each in CALLS]}


def _page(server: Server, asked: dict[str, str]) -> bytes:
    found = messages.newest(server.gateway, server.now(), asked)
    wrong = [rule.sentence() for rule in server.gateway.misfortunes.rules]
    wrong += [f"mirror {mirror.number} is down" for mirror in server.mirrors if mirror.is_down]
    return page(found, wrong, [(each.written, each.meaning) for each in CALLS], asked.get("phone", ""))


async def _mirrors(server: Server, told: Any) -> dict[str, Any]:
    wanted = _object(told)
    number = wanted.get("mirror")
    if not isinstance(number, int) or not 1 <= number <= len(server.mirrors):
        raise BadInput(f"mirrors are numbered 1 to {len(server.mirrors)}, not {number!r}")
    if "lag" in wanted:
        server.gateway.statuses.lags[number] = float(_money(wanted["lag"]))
    if "down" in wanted:
        mirror = server.mirrors[number - 1]
        await (mirror.down() if wanted["down"] else mirror.up())
    return {"ok": True}


async def _account(server: Server, told: Any) -> dict[str, Any]:
    wanted, gateway = _object(told), server.gateway
    login = str(wanted.get("login", gateway.profile.login))
    if wanted.get("add"):
        gateway.add_account(login, str(wanted.get("password", "")))
    account = gateway.accounts.get(login)
    if account is None:
        raise BadInput("there is no such log-in")
    if "password" in wanted:
        account.password = str(wanted["password"])
    if "balance" in wanted:
        account.balance = int(_money(wanted["balance"]) * UNITS)
    if "top_up" in wanted:
        account.balance += int(_money(wanted["top_up"]) * UNITS)
    return {"ok": True}


async def _callbacks(server: Server, told: Any) -> dict[str, Any]:
    server.pusher.set_url(str(_object(told).get("url", "")))
    return {"ok": True}


async def _prices(server: Server, told: Any) -> dict[str, Any]:
    wanted, sends = _object(told), server.gateway.sends
    if wanted:
        channel, prefix = str(wanted.get("channel", "sms")), str(wanted.get("prefix", ""))
        if channel not in CHANNELS or (prefix and not prefix.isdecimal()):
            raise BadInput(f"a price is of one of {', '.join(CHANNELS)}, and of numbers that begin with some digits")
        price = _money(wanted.get("price"))
        if price < 0:
            raise BadInput("a price is not negative")
        sends.prices = sends.prices.replaced(channel, prefix, price)
    return {"prices": sends.prices.told()}


async def _lookups(server: Server, told: Any) -> dict[str, Any]:
    wanted = {name: str(value) for name, value in _object(told).items()}
    phone = shown(wanted.pop("phone", ""))
    server.gateway.lookups.change(phone, wanted)
    return {"phone": phone, "reached": server.gateway.lookups.result(phone, True)}


async def _incoming(server: Server, told: Any) -> dict[str, Any]:
    wanted = {name: str(value) for name, value in _object(told).items()}
    phone = shown(wanted.get("phone", ""))
    if not is_number(phone):
        raise BadInput("a message comes from a phone: digits, with or without a +")
    came = server.gateway.comes_in(phone, wanted.get("mes", ""), shown(wanted.get("to", "")), server.now())
    return {"id": came.id}


async def _forgive(server: Server, told: Any) -> dict[str, Any]:
    server.gateway.address_blocks.forgive()
    return {"ok": True}


async def _reset(server: Server, told: Any) -> dict[str, Any]:
    server.reset()
    return {"ok": True}


class Call(NamedTuple):
    """A row of the table: how it is asked for, what it may be told, and what it is for."""

    method: str
    name: str
    told: str  # a query, or JSON
    meaning: str
    handler: Callable[[Server, Any], Awaitable[dict[str, Any]]]

    @property
    def written(self) -> str:
        """As one would type it."""
        query, body = (self.told, "") if self.method == "GET" else ("", f" {self.told}".rstrip())
        return f"{self.method} {PREFIX}{self.name}{query}{body}"


CALLS = (
    Call("GET", "", "", "this list of calls", _calls),
    Call(
        "GET",
        "messages",
        "?phone=79991234567&limit=50&after=0",
        "the messages received, with texts, the newest first: `phone` shows one phone only, `limit` is the most to "
        "show, `after` shows only those after the message with this `n`",
        _messages,
    ),
    Call("GET", "misfortunes", "", "the misfortunes in force, and all kinds", _kinds),
    Call(
        "POST",
        "misfortunes",
        '{"kind": "lose_answer", "next": 3}',
        "start a misfortune, or several as a list: it strikes the `next` N requests, or a `share` of all (0.05; 0 ends "
        "it); only at `mirror` N; only `command` (send, status, balance, price, history, any); for `seconds`, if the "
        "kind takes time",
        _misfortunes,
    ),
    Call("DELETE", "misfortunes", "", 'end all misfortunes; the same as POST {"clear": true}', _end),
    Call("GET", "report", "", "counts of what was accepted, doubled and spent, with mirrors and callbacks", _report),
    Call("GET", "tally", "", "the same without statuses: cheap enough for once a second", _tally),
    Call("POST", "missing", '["79991234567"]', "those of these phones that no message was accepted for", _missing),
    Call(
        "POST",
        "mirrors",
        '{"mirror": 2, "down": true}',
        "take a mirror `down` or up, or delay its answers by `lag` seconds",
        _mirrors,
    ),
    Call(
        "POST",
        "account",
        '{"top_up": 100}',
        "change the account: `balance`, `top_up`, `password`; of another `login`, if named; `add` creates one",
        _account,
    ),
    Call(
        "POST",
        "callbacks",
        '{"url": "http://127.0.0.1:8080/callback"}',
        "push statuses to this address from now on",
        _callbacks,
    ),
    Call("GET", "prices", "", "the price of a part, by channel and beginning of the number", _prices),
    Call(
        "POST",
        "prices",
        '{"channel": "viber", "prefix": "77", "price": 1.2}',
        "set the price of a part, for all numbers of a channel or for those that begin with `prefix`",
        _prices,
    ),
    Call(
        "POST",
        "lookups",
        '{"phone": "79991234567", "net": "Yota", "err": 1, "status": 20}',
        "set what a look-up or a ping of this number brings to light: imsi, msc, mcc, mnc, cn, net, rcn, rnet, and how "
        "it ends: status, err",
        _lookups,
    ),
    Call(
        "POST",
        "incoming",
        '{"phone": "79991234567", "mes": "STOP", "to": "79990000000"}',
        "let a message of this phone come in, for get.php",
        _incoming,
    ),
    Call("POST", "forgive", "", "lift all blocks", _forgive),
    Call("POST", "reset", "", "forget messages, counts and limits; misfortunes are as at the start", _reset),
)
HANDLERS = {(each.method, each.name): each.handler for each in CALLS}


def _object(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise BadInput("the body must be a JSON object")
    return told


def _money(told: Any) -> Decimal:
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        raise BadInput("a number is wanted") from None
    if not amount.is_finite():
        raise BadInput("a number is wanted")
    return amount
