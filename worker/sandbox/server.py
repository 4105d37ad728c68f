"""Everything of a sandbox on one event loop: the mirrors, what they share, the pushed statuses.

Mirrors share one gateway and so one state. Nothing in here is thread-safe; `Sandbox` runs a server in a
thread of its own and speaks to it through the loop or the control endpoint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadInput, BadSettings
from smsq.worker.sandbox.callbacks import Pusher
from smsq.worker.sandbox.count import Count
from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.sandbox.mirrors import Mirror
from smsq.worker.sandbox.misfortunes import read_rule
from smsq.worker.sandbox.profile import Profile

if TYPE_CHECKING:  # its library is loaded only if letters are taken
    from smsq.worker.sandbox.smtp import MailFace


class Server:
    """One sandbox; `start` and `stop` once each, on the loop that it is to live on."""

    def __init__(self, profile: Profile, clock: Clock | None = None) -> None:
        self.profile = profile
        self.loop = asyncio.get_running_loop()
        self.now = (clock or Clock()).now
        self.began = self.now()  # Unix seconds: it knows nothing of what was sent before
        self.gateway = Gateway(profile)
        self.count = Count(self.gateway)
        self.pusher = Pusher(profile, self.gateway.handsets, self.gateway.statuses, self.now)
        self.gateway.sends.on_accept = self.pusher.accepted
        self.mirrors: list[Mirror] = []
        self.mail: MailFace | None = None
        self._mirror_count = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._started_cpu_s = time.process_time()

    async def start(self, ports: Sequence[int], host: str, smtp_port: int | None = None) -> None:
        """Listen; port 0 is any free one. Raises OSError if a port is taken, BadSettings for a wrong profile.

        Letters are taken at `smtp_port`, if that is given.
        """
        profile = self.profile
        if any(not 1 <= number <= len(ports) for number in profile.down):
            raise BadSettings(f"mirrors are numbered 1 to {len(ports)}")
        self._mirror_count = len(ports)
        self._ill_fated()
        self.mirrors = [Mirror(n, self.gateway, host, port, self.now) for n, port in enumerate(ports, 1)]
        for mirror in self.mirrors:
            if mirror.number not in profile.down:
                await mirror.up()
        if smtp_port is not None:
            from smsq.worker.sandbox.smtp import MailFace

            self.mail = MailFace(self.gateway, self.now)
            await self.mail.start(host, smtp_port)
        self._sweep()

    def report(self, *, with_statuses: bool = True) -> dict[str, Any]:
        """The count, with the state of mirrors and callbacks; `cpu_s` is the whole process's."""
        pusher = self.pusher
        return {
            **self.count.report(self.now(), with_statuses=with_statuses),
            "began": self.began,
            "mirrors": [
                {"base": m.base, "down": m.is_down, "requests": m.requests, "connections": len(m.connections)}
                for m in self.mirrors
            ],
            "letters": self.mail.letters if self.mail is not None else 0,
            "callbacks": {
                "pushed": pusher.pushed,
                "failed": pusher.failed,
                "given_up": pusher.given_up,
                "pending": pusher.pending(),
            },
            "cpu_s": round(time.process_time() - self._started_cpu_s, 3),
        }

    def reset(self) -> None:
        """Begin again on the same ports."""
        self.began = self.now()
        self.gateway.misfortunes.clear()
        self.gateway.misfortunes.struck.clear()
        self.gateway.statuses.lags.clear()
        self.gateway.reset()
        self.count.reset()
        self.pusher.drop()
        if self.mail is not None:
            self.mail.drop()
            self.mail.letters = 0
        self._ill_fated()

    def stop(self) -> None:
        """Give ports and connections back."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for mirror in self.mirrors:
            mirror.stop()
        if self.mail is not None:
            self.mail.stop()
        self.pusher.stop()

    def _ill_fated(self) -> None:
        """Put the profile's own misfortunes in force: `kind`, or `2:kind` for the second mirror alone."""
        for name, share in self.profile.misfortunes.items():
            mirror, colon, kind = name.rpartition(":")
            if colon and not mirror.isdecimal():
                raise BadSettings(f"{name} should look like 2:{kind}")
            told = {"kind": kind, "share": share, "mirror": int(mirror) if colon else None}
            try:
                self.gateway.misfortunes.add(read_rule(told, self._mirror_count))
            except BadInput as wrong:
                raise BadSettings(wrong.sentence) from None

    def _sweep(self) -> None:
        """Close connections that were silent for too long; looked at ten times in that time."""
        silent_s = self.profile.peer_close_s
        now = self.loop.time()
        for mirror in self.mirrors:
            mirror.drop_silent(now, silent_s)
        self._sweeper = self.loop.call_later(max(0.01, min(1.0, silent_s / 10)), self._sweep)
