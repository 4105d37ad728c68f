"""The gateway's own libraries, as they are published: none of their code is kept here.

A library holds the gateway's name. It is sent to us by the proxy that its HTTP client takes from the environment, so
that nothing in it is changed; `Names` takes the requests of such a client and gives them to a server of ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.proxy import GatewayProxy, Heard, _Line

PHP_DRIVER = Path(__file__).parent / "call.php"
SENDMAIL = Path(__file__).parent / "sendmail.py"
VARIABLE = "PHP_LIBRARY"
LOGIN = {"login": "demo", "password": "demo"}


class Names(GatewayProxy):
    """Answers at every name of the gateway: an HTTP proxy that gives each request to `target`.

    `named` has the names that were asked for, in order.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.named: list[str] = []
        super().__init__(target)

    def _next(self, line: _Line) -> tuple[Heard, bytes] | None:
        found = super()._next(line)
        if found is None:
            return None
        heard, request = found
        method, _, rest = request.partition(b" ")
        if rest.startswith(b"http://"):  # as a client asks a proxy
            name, slash, path = rest.removeprefix(b"http://").partition(b"/")
            self.named.append(name.decode())
            request = method + b" " + slash + path
        return heard, request


def php_library() -> Path:
    """The library for PHP that the environment names; skips the test if there is none, or no PHP to run it."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} names no copy of the gateway's smsc_api.php")
    if shutil.which("php") is None or "curl" not in subprocess.check_output(["php", "-m"], text=True).split():
        pytest.skip("there is no php with curl (Debian: php-cli, php-curl)")
    return Path(named)


class Php:
    """The library for PHP, pointed at `names`; its letters go to the port `letters`."""

    def __init__(
        self, library: Path, names: Names, *, charset: str, post: bool, letters: int = 0, **login: str
    ) -> None:
        self._library, self._names = library, names
        self._mail = [f"-dsendmail_path={sys.executable} {SENDMAIL} {letters}"]
        self._told: dict[str, Any] = {**LOGIN, **login, "charset": charset, "post": int(post)}

    def __call__(self, *calls: tuple[Any, ...]) -> list[Any]:
        """What its functions return, one after another in one run: `php(("send_sms", "79991234567", "Hi"))`."""
        told = {**self._told, "calls": [(name, arguments) for name, *arguments in calls]}
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = subprocess.run(
            ["php", *self._mail, str(PHP_DRIVER), str(self._library)],
            input=json.dumps(told),
            env={**clean, "http_proxy": f"http://127.0.0.1:{self._names.port}"},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found: list[Any] = json.loads(done.stdout)
        return found
