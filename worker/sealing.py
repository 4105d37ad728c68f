"""The installation's secret key and its uses: sealing texts in the ledger, keyed hashes, codes derived from salts.

What must not be read in Redis, in its file or in a copy is sealed by AES-256-GCM. The associated data names what it
belongs to, so a sealed text that is moved to another message does not open. Each use has a key of its own, derived
from the secret by HKDF (RFC 5869). `SMSQ_SECRET_KEY` is one secret or several with
commas between them: the first seals, all open. If it is not set, a secret is made once in `SMSQ_HOME/secret.key`.

`cryptography` is imported by the first sealing or opening: most processes do neither.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from smsq.worker.domain.errors import BadSettings, SmsqError

FILE = "secret.key"
VERSION = b"\x01"
ID_BYTES = 8  # of a key, in front of what it sealed: enough to tell keys apart, too few to say anything of them
NONCE_BYTES = 12  # at random; one secret may seal four thousand million texts (NIST SP 800-38D, 8.3)
HEAD = len(VERSION) + ID_BYTES + NONCE_BYTES


class Unsealable(SmsqError):
    """A sealed text does not open: it has another key, belongs to something else, or was changed."""


class Sealer:
    """Seals with the first of several secrets, opens with any. Thread-safe; it prints no secret."""

    def __init__(self, written: Sequence[str]) -> None:
        self._keys = tuple(Key(each.encode()) for each in written)

    @classmethod
    def of(cls, secret: str | None, home: Path) -> Sealer:
        """The sealer of `SMSQ_SECRET_KEY`, or of the home's own secret, which is made if there is none.

        Raises BadSettings if that file cannot be written or read.
        """
        return cls(split(secret) if secret else [secret_of(home)])

    def __repr__(self) -> str:
        return "Sealer(***)"

    @property
    def names(self) -> list[str]:
        """The names of the keys, the sealing one first; a name does not help to open anything."""
        return [key.name.hex() for key in self._keys]

    def seal(self, text: bytes, of: str) -> bytes:
        """Seal `text`; it opens only with the same `of`, which names what it belongs to."""
        key = self._keys[0]
        head = VERSION + key.name + secrets.token_bytes(NONCE_BYTES)
        sealed: bytes = key.cipher.encrypt(head[-NONCE_BYTES:], text, head + of.encode())
        return head + sealed

    def open(self, sealed: bytes, of: str) -> bytes:
        """Open what `seal` returned; raises Unsealable."""
        from cryptography.exceptions import InvalidTag

        head = sealed[:HEAD]
        try:
            key = self.key(key_of(sealed))
            opened: bytes = key.cipher.decrypt(head[-NONCE_BYTES:], sealed[HEAD:], head + of.encode())
        except (InvalidTag, ValueError):
            raise Unsealable("what was sealed was changed, or belongs to something else") from None
        return opened

    def warm(self) -> None:
        """Import the library for sealing now, so that the first code does not wait for it."""
        _ = self.key().cipher

    def key(self, name: str = "") -> Key:
        """The key of that name, the sealing one by default; raises Unsealable if it is not ours."""
        for key in self._keys:
            if not name or key.name.hex() == name:
                return key
        raise Unsealable("it was sealed with a key that SMSQ_SECRET_KEY does not hold here")

    def digests(self, use: str, *parts: bytes) -> list[str]:
        """Keyed hashes of these parts, one for each key, the sealing one first, to compare with stored ones."""
        return [key.digest(use, *parts).hex() for key in self._keys]


class Key:
    """One secret: its name, its cipher, and its keyed hashes."""

    def __init__(self, secret: bytes) -> None:
        self._root = hmac.digest(hashlib.sha256(b"smsq").digest(), secret, "sha256")  # HKDF's first half
        self.name = self._derived("name")[:ID_BYTES]
        self._derived = cache(self._derived)  # type: ignore[method-assign]
        self._cipher: Any = None

    def __repr__(self) -> str:
        return "***"

    def _derived(self, use: str) -> bytes:
        """A key for one use: HKDF's second half, one block long."""
        return hmac.digest(self._root, f"smsq/{use}".encode() + b"\x01", "sha256")

    @property
    def cipher(self) -> Any:
        """The cipher; made at its first use."""
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._derived("seal"))
        return self._cipher

    def hasher(self, use: str, size: int) -> hashlib.blake2b:
        """A keyed hash of `size` bytes, to be copied and fed by callers that hash millions of values."""
        return hashlib.blake2b(key=self._derived(use), digest_size=size)

    def digest(self, use: str, *parts: bytes) -> bytes:
        """A keyed hash of these parts, each preceded by its length."""
        said = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._derived(use), said, "sha256")


def key_of(sealed: bytes) -> str:
    """The name of the key that sealed this."""
    return sealed[len(VERSION) : len(VERSION) + ID_BYTES].hex()


def split(written: str) -> list[str]:
    """The secrets of a comma list."""
    return [each.strip() for each in written.split(",") if each.strip()]


def secret_of(home: Path) -> str:
    """The secret of a home; the first process makes it. Raises BadSettings if the file cannot be used."""
    path = home.expanduser() / FILE
    try:
        if not path.exists():
            _make(path)
        held = path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("ascii").strip()  # an editor may have marked it
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise BadSettings(f"{path} cannot be used ({why}); mend it, or set SMSQ_SECRET_KEY") from None
    if len(held) < 32:
        raise BadSettings(f"{path} holds no key; set SMSQ_SECRET_KEY, or remove the file to have one made")
    return held


def _make(path: Path) -> None:
    """Write a new secret to a temporary file and link it into place; if another process is quicker, keep its secret."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
