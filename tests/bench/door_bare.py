"""The yardstick of the front door: an endpoint of Starlette that reads the form and answers; it stores nothing."""

from __future__ import annotations

import sys
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


async def send(request: Request) -> Response:
    """Read, answer."""
    fields = parse_qs((await request.body()).decode())
    return PlainTextResponse("1000000001,1" if "phones" in fields else "0,-1")


def main() -> None:
    app = Starlette(routes=[Route("/sys/send.php", send, methods=["GET", "POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
