"""The gateway's limits on a caller, and who broke which how often.

Everything is told the time; nothing here reads a clock. A refusal by a limit is the gateway's answer and
is counted in `broken`: the client under test should never cause one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from smsq.worker.sandbox.profile import Profile


class Window:
    """At most so many events of one kind in so many seconds, each kind for itself."""

    def __init__(self, most: int, seconds: float, slack: float = 0.0) -> None:
        self._most = most
        self._seconds = seconds * (1.0 - slack)
        self._times: dict[Hashable, deque[float]] = {}
        self._tidied_at = 0.0

    def take(self, kind: Hashable, now: float) -> bool:
        """Count one event; False if it is one too many (it is not counted then)."""
        self._tidy(now)
        times = self._times.get(kind)
        if times is None:
            times = self._times[kind] = deque()
        while times and now - times[0] >= self._seconds:
            times.popleft()
        if len(times) >= self._most:
            return False
        times.append(now)
        return True

    def is_full(self, kind: Hashable, now: float) -> bool:
        """Whether one more would be too many."""
        return sum(1 for at in self._times.get(kind, ()) if now - at < self._seconds) >= self._most

    def _tidy(self, now: float) -> None:
        """Forget what is past, now and then."""
        if now - self._tidied_at < self._seconds:
            return
        self._tidied_at = now
        past = [kind for kind, times in self._times.items() if now - times[-1] >= self._seconds]
        for kind in past:
            del self._times[kind]


class DuplicateGuard:
    """Refuses a second identical send within the window; keyed by content, whatever the id."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._accepted: dict[int, float] = {}  # in order of time

    def has(self, content: int, now: float) -> bool:
        """Whether the same content was accepted within the window."""
        at = self._accepted.get(content)
        return at is not None and now - at < self._seconds

    def note(self, content: int, now: float) -> None:
        """Remember that this content was accepted."""
        self._accepted.pop(content, None)
        self._accepted[content] = now
        for oldest, at in self._accepted.items():
            if now - at >= self._seconds:
                del self._accepted[oldest]
            break


class Limits:
    """All limits of one log-in."""

    def __init__(self, profile: Profile, broken: dict[str, int]) -> None:
        minute, slack = profile.minute_s, profile.slack
        self.guard = DuplicateGuard(profile.duplicate_window_s)
        self._broken = broken
        self._asks = Window(profile.asks_per_minute, minute, slack)
        self._mass_asks = Window(1, profile.mass_ask_every_s, slack)
        self._prices = Window(profile.prices_per_minute, minute, slack)
        self._balances = Window(profile.balances_per_minute, minute, slack)
        self._most = {"sends": profile.parallel_sends, "asks": profile.parallel_asks}
        self.running = {"sends": 0, "asks": 0}
        self.peak = {"sends": 0, "asks": 0}

    def enter(self, pool: str) -> bool:
        """A request begins; False if too many run already. Call `leave` for it, refused or not."""
        self.running[pool] += 1
        self.peak[pool] = max(self.peak[pool], self.running[pool])
        return self.running[pool] < self._most[pool] or self._break(f"parallel_{pool}")

    def leave(self, pool: str) -> None:
        """A request that entered is over."""
        self.running[pool] -= 1

    def ask(self, pairs: list[tuple[int | str, str]], is_multiple: bool, now: float) -> bool:
        """Whether these statuses may be asked for now."""
        if is_multiple and not self._mass_asks.take("", now):
            return self._break("mass_asks")
        if any(self._asks.is_full(pair, now) for pair in pairs):
            return self._break("asks_per_message")
        for pair in pairs:
            self._asks.take(pair, now)
        return True

    def price(self, content: int, now: float) -> bool:
        """Whether this price may be asked for now."""
        return self._prices.take(content, now) or self._break("equal_prices")

    def balance(self, now: float) -> bool:
        """Whether the balance may be asked for now."""
        return self._balances.take("", now) or self._break("balances")

    def _break(self, limit: str) -> bool:
        self._broken[limit] = self._broken.get(limit, 0) + 1
        return False


class AddressBlocks:
    """Addresses that are blocked, for bad log-ins or for too many errors."""

    def __init__(self, profile: Profile, broken: dict[str, int]) -> None:
        self._profile = profile
        self._broken = broken
        self._bad_logins = Window(profile.bad_logins - 1, profile.bad_login_window_s)
        self._errors = Window(profile.error_budget - 1, profile.minute_s)
        self._banned: dict[str, float] = {}

    def is_banned(self, peer: str, now: float) -> bool:
        """Whether this address is blocked; knocking while blocked is noted."""
        if not self._banned or self._banned.get(peer, 0.0) <= now:
            return False
        self._note("knocked_while_blocked")
        return True

    def bad_login(self, peer: str, now: float) -> None:
        """A wrong password or key came from this address."""
        if not self._bad_logins.take(peer, now):
            self._ban(peer, now, "bad_logins")

    def error(self, peer: str, now: float) -> None:
        """An error answer goes to this address."""
        if not self._errors.take(peer, now):
            self._ban(peer, now, "error_budget")

    def forgive(self) -> None:
        """Nobody is blocked any more."""
        self._banned.clear()

    def _ban(self, peer: str, now: float, limit: str) -> None:
        self._banned[peer] = now + self._profile.ban_s
        self._note(limit)

    def _note(self, limit: str) -> None:
        self._broken[limit] = self._broken.get(limit, 0) + 1
