"""An installation as a test sees it: the way in of `Smsq`, and what arrived at the phones.

Made by the fixtures of `fixtures.py`; the installation itself is `testbed.py`, a process of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smsq.producers.api import Smsq
from smsq.producers.fields import recipient_of
from smsq.producers.machine.sandbox import ask, received
from smsq.producers.testing import testbed
from smsq.worker.domain.recipient import EVERY_KIND, answered, shown
from smsq.worker.ledger.fresh import forget_callers

WAIT_S = 30.0  # for a message: a good one is there within a tenth of a second, a machine may be busy
LOOK_EVERY_S = 0.02
STOP_S = 20.0
FIRST_PHONE = 79000000000  # of those that `phone()` gives
_CODE = re.compile(r"(?<!\d)\d{4,8}(?!\d)", re.ASCII)
_SPELLED = re.compile(r"(?<!\d)\d(?:, \d){3,7}(?!\d)", re.ASCII)  # as a call reads it out


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that the sandbox took: what a phone shows."""

    phone: str  # with its +; an address as it is
    text: str
    channel: str
    sender: str
    status: str  # in words: delivered, waiting, …
    at: float  # Unix seconds

    @property
    def codes(self) -> list[str]:
        """The one-time codes in its text: numbers of 4 to 8 digits, also those that are read out digit by digit."""
        found = [each.replace(", ", "") for each in _SPELLED.findall(self.text)] or _CODE.findall(self.text)
        return list(dict.fromkeys(found))


class Installation:
    """The process with an installation in it, from `start` to `stop`; `environ` is what programs must be told."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.environ = testbed.environment(home, settings)
        self.control = ""
        self._home = home
        self._phones = itertools.count(FIRST_PHONE)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return once everything works; raises RuntimeError with its last words if it does not."""
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        words = self._home / "testbed.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}
        with open(words, "w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", testbed.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._home,  # deaf to a smsq.toml of the working directory
                env={**kept, **self.environ},
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            said = words.read_text().strip() or "it said nothing"
            raise RuntimeError(f"the installation for tests did not start: {said}")
        told = json.loads(line)
        self.environ |= told["environ"]
        self.control = told["control"]

    def stop(self) -> None:
        """Stop it in order, or kill what does not stop; a second call does nothing."""
        if self._process is None:
            return
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._process = None

    def phone(self) -> str:
        """A phone that was not used before, with its +."""
        return f"+{next(self._phones)}"


class TestedSmsq(Smsq):
    """`Smsq`, on the installation for tests, with the phones at the other end of it.

    It knows what was received since it was made, and enrolment keys, codes' keys and limits begin anew with it.
    """

    __test__ = False  # for pytest: no test, in spite of its name

    def __init__(self, installation: Installation) -> None:
        super().__init__(environ=installation.environ)
        self.installation = installation
        with self.named():
            forget_callers(self.runtime.ledger)
        self.calm()
        self._since = int(received(installation.control, limit="1")["last"])

    def phone(self) -> str:
        """A phone that no other test of this session had, with its +."""
        return self.installation.phone()

    def messages(self, phone: str | int | None = None, *, count: int = 0, timeout: float = WAIT_S) -> list[Received]:
        """What was received since the test began, the oldest first; by one phone if it is given.

        With `count` it waits until there are so many, `timeout` seconds at most; AssertionError then.
        """
        until = time.monotonic() + timeout
        while True:
            found = self._received(phone)
            if len(found) >= count:
                return found
            if time.monotonic() > until:
                whom = "" if phone is None else f" by {phone}"
                raise AssertionError(
                    f"{len(found)} of {count} messages were received{whom} within {timeout:g} s; "
                    f"{len(self._received(None))} in all since the test began"
                )
            time.sleep(LOOK_EVERY_S)

    def code_for(self, phone: str | int, *, timeout: float = WAIT_S) -> str:
        """The code of the newest message to this phone since the test began; waits until there is one.

        AssertionError if none comes within `timeout` seconds, or its text holds none or more than one.
        """
        newest = self.messages(phone, count=1, timeout=timeout)[-1]
        if len(newest.codes) != 1:
            many = len(newest.codes)
            raise AssertionError(f"the newest message holds {many} numbers of 4 to 8 digits: {newest.text!r}")
        return newest.codes[0]

    def misfortune(self, kind: str, *, next: int = 1, **more: Any) -> None:  # noqa: A002 - as the sandbox calls it
        """Let something befall the `next` so many requests, such as `lose_answer`; it ends with the test."""
        ask(self.installation.control, "misfortunes", {"kind": kind, "next": next, **more})

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        ask(self.installation.control, "misfortunes", method="DELETE")

    def _received(self, phone: str | int | None) -> list[Received]:
        asked = {"after": str(self._since), "limit": "1000"}
        wanted = None if phone is None else recipient_of(phone, EVERY_KIND)
        if isinstance(wanted, int):
            asked["phone"] = str(wanted)
        rows = received(self.installation.control, **asked)["messages"]
        return [
            Received(
                phone=shown(each["phone"]),
                text=each["text"],
                channel=each["channel"],
                sender=each["sender"],
                status=each["status"],
                at=each["at"],
            )
            for each in reversed(rows)
            if each["is_accepted"] and (wanted is None or answered(each["phone"]) == wanted)
        ]
