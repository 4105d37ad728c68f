"""The web application: where the gateway reports, and whether we are well.

`/callback` takes statuses, `/healthz` says that the process lives, `/readyz` that it can store what it
is told. Nothing here logs a query: the gateway may put numbers there.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from smsq.producers.web.callback import Callback, Gatherer
from smsq.worker.domain.errors import LedgerTrouble, SmsqError
from smsq.worker.ledger.store import translated
from smsq.worker.runtime import Runtime

KEEP_ALIVE_S = 30

log = logging.getLogger(__name__)


def make_app(runtime: Runtime) -> Starlette:
    """The application on one runtime; connects at the first request."""
    secret = runtime.settings.callback_secret
    advance = partial(runtime.ledger.advance, next_ask_s=runtime.settings.ask_every_s[0])
    callback = Callback(secret.reveal() if secret else None, Gatherer(advance), runtime.metrics.callback)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        try:
            await asyncio.to_thread(_ping, runtime)
        except LedgerTrouble as error:
            return JSONResponse({"ready": False, "why": error.sentence}, 503)
        return JSONResponse({"ready": True, "callbacks": secret is not None})

    app = Starlette(
        routes=[
            Route("/callback", callback.__call__, methods=["GET", "POST"]),
            Route("/callback/", callback.__call__, methods=["GET", "POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ]
    )
    # A redirect names the scheme that a proxy in front has stripped, and the gateway follows none.
    app.router.redirect_slashes = False
    return app


def run(runtime: Runtime, beat: Callable[[], None] = lambda: None) -> int:
    """Serve at `SMSQ_WEB_ADDR` until told to stop; the exit code. Raises SmsqError where it cannot listen.

    `beat` is called from the loop of the server, ten times a second.
    """
    settings = runtime.settings
    host, _, port = settings.web_addr.rpartition(":")
    config = uvicorn.Config(
        make_app(runtime),
        host=host.strip("[]"),
        port=int(port),
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    if settings.callback_secret is None:
        log.warning("callbacks refused why=SMSQ_CALLBACK_SECRET is not set")
    server = _Server(config, beat)
    log.info("web started address=%s", settings.web_addr)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: None)  # uvicorn stops at its own, then raises it once more: a stop is no error
    try:
        server.run()
    except SystemExit:  # uvicorn leaves this way where it cannot listen, having logged why
        raise SmsqError(f"{settings.web_addr} cannot be used; set SMSQ_WEB_ADDR to another address") from None
    return 0


class _Server(uvicorn.Server):
    """One whose loop says that it goes round."""

    def __init__(self, config: uvicorn.Config, beat: Callable[[], None]) -> None:
        super().__init__(config)
        self._beat = beat

    async def on_tick(self, counter: int) -> bool:
        self._beat()
        return await super().on_tick(counter)


def _ping(runtime: Runtime) -> None:
    with translated():
        runtime.ledger.redis.ping()
