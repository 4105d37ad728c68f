"""The web application: it receives the gateway's callbacks and Alertmanager's notices, and tells whether we are well.

`/callback` takes statuses, `/alerts` pages the people on call, `/healthz` says that the process lives, `/readyz` that
it can store what it is told; `/` names them. Nothing here logs a query: the gateway may put numbers there.
"""

from __future__ import annotations

import logging
import signal
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smsq.producers.api import Smsq
from smsq.producers.web.alerts import Alerts
from smsq.producers.web.callback import Callback, Gatherer, Stored
from smsq.worker.domain.errors import SmsqError
from smsq.worker.processes.beats import Pulse
from smsq.worker.processes.http_server import Server
from smsq.worker.processes.readiness import Readiness
from smsq.worker.runtime import Runtime

PAGE = """smsq web
/callback  takes the statuses that the gateway pushes (GET or POST, signed)
/alerts    pages the people of SMSQ_ONCALL for Alertmanager (POST, with SMSQ_ALERTS_KEY)
/healthz   200 while this process lives; if not, restart it
/readyz    200 while it can store statuses, else 503 with why; if not 200, send callbacks elsewhere
"""

log = logging.getLogger(__name__)


def make_app(runtime: Runtime) -> Starlette:
    """The application on one runtime; connects at the first request."""
    secret, ledger = runtime.settings.callback_secret, runtime.ledger
    advance = partial(ledger.advance, next_ask_s=runtime.settings.ask_every_s[0])
    revealed = secret.reveal() if secret else None
    stored = Stored(advance, ledger.note_callback, runtime.clock.monotonic)
    callback = Callback(revealed, Gatherer(stored), runtime.metrics.callback, ledger.take_replies)

    alerts = Alerts(Smsq(runtime.settings), runtime.metrics.page)
    readiness = Readiness(runtime.redis_url, runtime.broker_url, "web")

    async def index(_: Request) -> Response:
        return PlainTextResponse(PAGE)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        report = await readiness.look_soon()
        body = report.written(callbacks=secret is not None)
        return Response(body, 200 if report.is_ready else 503, media_type="application/json")

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/callback", callback.__call__, methods=["GET", "POST"]),
            Route("/callback/", callback.__call__, methods=["GET", "POST"]),
            Route("/alerts", alerts.__call__, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ]
    )

    def look() -> None:
        callback.look()
        alerts.look()

    app.state.look = look
    # A redirect names the scheme that a proxy in front has stripped, and the gateway follows none.
    app.router.redirect_slashes = False
    return app


def run(runtime: Runtime, pulse: Pulse | None = None) -> int:
    """Serve at `SMSQ_WEB_ADDR` until told to stop; the exit code. Raises SmsqError if it cannot listen.

    `pulse` beats in the loop of the server, which turns ten times a second.
    """
    pulse = pulse or Pulse()
    settings = runtime.settings
    host, _, port = settings.web_addr.rpartition(":")
    if settings.callback_secret is None:
        log.warning("callbacks refused why=SMSQ_CALLBACK_SECRET is not set")
    app = make_app(runtime)

    def tick() -> None:
        pulse.manager.ready(f"listening at {settings.web_addr}")
        pulse.beat()
        app.state.look()
        if server.should_exit:
            pulse.manager.stopping()

    server = Server(app, host=host.strip("[]"), port=int(port), beat=tick)
    log.info("web started address=%s", settings.web_addr)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: None)  # uvicorn stops at its own, then raises it once more: a stop is no error
    try:
        server.run()
    except SystemExit:  # uvicorn ends so if it cannot listen, and has logged why
        raise SmsqError(f"cannot listen at {settings.web_addr}; set SMSQ_WEB_ADDR to another address") from None
    return 0
