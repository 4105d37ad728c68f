"""Who calls: the keys of `SMSQ_API_KEYS`, as log-in and password or as an API key.

The name of a key is the log-in, the key itself the password, plain or as its MD5 in hex, as older libraries send it
(PROTOCOL A.5). Comparisons take as long whatever differs, and an unknown log-in is compared too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable

from smsq.worker.domain.api_key import ApiKey
from smsq.worker.gateway.login import Login


class Caller:
    """One key in use; `pass_rate` takes from what it may send each second."""

    def __init__(self, key: ApiKey, monotonic: Callable[[], float]) -> None:
        self.key = key
        self.name = key.name
        self._monotonic = monotonic
        self._full = max(1.0, key.rate or 0.0)
        self._left = self._full
        self._at = monotonic()

    def may(self, what: str) -> bool:
        """Whether this key was given that right."""
        return what in self.key.may

    def pass_rate(self, many: int) -> bool:
        """Whether so many messages may be taken now. A request larger than a second's worth waits for a full second."""
        if self.key.rate is None:
            return True
        now = self._monotonic()
        self._left = min(self._full, self._left + (now - self._at) * self.key.rate)
        self._at = now
        if self._left < min(many, self._full):
            return False
        self._left -= many
        return True


class Callers:
    """All keys; `of` finds whose a log-in is."""

    def __init__(self, keys: Iterable[ApiKey], monotonic: Callable[[], float]) -> None:
        self._rows = {key.name: (_digests(key.key), Caller(key, monotonic)) for key in keys}
        self._nobody = _digests("")

    def of(self, login: Login) -> Caller | None:
        """The caller of that log-in; None if there is none or the password is wrong."""
        given = login.secret.encode("utf-8", "replace")
        plain, hashed = _digest(given), _digest(given.lower())
        if login.is_key:
            return next((caller for (key, _), caller in self._every() if hmac.compare_digest(key, plain)), None)
        digests, caller = self._rows.get(login.login, (self._nobody, None))
        is_right = hmac.compare_digest(digests[0], plain) | hmac.compare_digest(digests[1], hashed)
        return caller if is_right else None

    def _every(self) -> list[tuple[tuple[bytes, bytes], Caller]]:
        return list(self._rows.values())


def _digests(key: str) -> tuple[bytes, bytes]:
    """What is kept of a key: digests of it and of its MD5 in hex."""
    written = key.encode()
    return _digest(written), _digest(hashlib.md5(written, usedforsecurity=False).hexdigest().encode())


def _digest(word: bytes) -> bytes:
    return hashlib.sha256(word).digest()
