"""The secret key: sealed things open with it alone, as what they belong to; a home's own key is made once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.errors import BadSettings
from smsq.worker.sealing import Sealer, Unsealable, key_of, secret_of

OLD, NEW = "o" * 32, "n" * 32


@given(text=st.binary(max_size=200), of=st.text(max_size=40))
def test_what_was_sealed_opens(text: bytes, of: str) -> None:
    """As what it belongs to; no two sealings are alike."""
    sealer = Sealer([OLD])
    sealed = sealer.seal(text, of)

    assert sealer.open(sealed, of) == text
    assert sealed != sealer.seal(text, of)
    assert len(sealed) == len(text) + 37


@given(place=st.integers(0, 60), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(place: int, bit: int) -> None:
    """Wherever it is: in the head, in the text or in the tag."""
    sealed = bytearray(Sealer([OLD]).seal(b"Your code is 1234567890", "text/1"))
    sealed[place % len(sealed)] ^= 1 << bit

    with pytest.raises(Unsealable):
        Sealer([OLD]).open(bytes(sealed), "text/1")


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x01" * 36, b"x\x9c plain"], ids=["empty", "short", "zero", "plain"]
)
def test_what_never_was_sealed_does_not_open(sealed: bytes) -> None:
    """An error of ours, whatever it is."""
    with pytest.raises(Unsealable):
        Sealer([OLD]).open(sealed, "text/1")


def test_it_opens_as_what_it_belongs_to_alone() -> None:
    """So that a text cannot be moved to another message."""
    with pytest.raises(Unsealable):
        Sealer([OLD]).open(Sealer([OLD]).seal(b"x", "text/1"), "text/2")


def test_the_first_key_seals_and_all_open() -> None:
    """Which is how keys are changed."""
    sealed = Sealer([OLD]).seal(b"x", "of")

    assert Sealer([NEW, OLD]).open(sealed, "of") == b"x"
    assert key_of(Sealer([NEW, OLD]).seal(b"x", "of")) == Sealer([NEW]).names[0]
    with pytest.raises(Unsealable):
        Sealer([NEW]).open(sealed, "of")


def test_hashes_are_keyed_and_told_apart() -> None:
    """By key, by use, and by where one part ends."""
    digests = {
        Sealer([key]).digests(use, *parts)[0]
        for key in (OLD, NEW)
        for use in ("content", "code hash")
        for parts in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",))
    }

    assert len(digests) == 12
    assert Sealer([NEW, OLD]).digests("content", b"x")[1] == Sealer([OLD]).digests("content", b"x")[0]


def test_nothing_of_a_key_is_printed() -> None:
    """A traceback with its variables shows stars."""
    sealer = Sealer([OLD])

    assert OLD not in repr(sealer) + repr(sealer.key()) + str(sealer.key())
    assert sealer.names[0] not in sealer.key().digest("code", b"").hex()


def test_derivation_is_hkdf() -> None:
    """RFC 5869 by the library gives the same keys."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    salt = hashes.Hash(hashes.SHA256())
    salt.update(b"smsq")
    theirs = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt.finalize(), info=b"smsq/name").derive(OLD.encode())

    assert Sealer([OLD]).names == [theirs[:8].hex()]


def test_a_home_keeps_its_key(tmp_path: Path) -> None:
    """Made once, for its owner alone, whole."""
    first = secret_of(tmp_path / "home")

    assert secret_of(tmp_path / "home") == first
    assert (len(first), (tmp_path / "home/secret.key").stat().st_mode & 0o777) == (43, 0o600)
    assert os.listdir(tmp_path / "home") == ["secret.key"]
    assert secret_of(tmp_path / "other") != first


def test_twenty_at_once_make_one_key(tmp_path: Path) -> None:
    """Whoever is quicker wins, and nobody reads half of one."""
    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(lambda _: secret_of(tmp_path / "home"), range(20)))

    assert len(found) == 1
    assert os.listdir(tmp_path / "home") == ["secret.key"]


@pytest.mark.parametrize("held", ["", "short\n", "\udcff" * 40], ids=["empty", "short", "no text"])
def test_a_file_that_is_no_key_is_said(tmp_path: Path, held: str) -> None:
    """With its path and what to do; never replaced, since something may be sealed with what was there."""
    (tmp_path / "secret.key").write_text(held, errors="surrogateescape")
    with pytest.raises(BadSettings, match=r"secret\.key.*SMSQ_SECRET_KEY"):
        secret_of(tmp_path)

    assert (tmp_path / "secret.key").read_text(errors="surrogateescape") == held


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With what to do instead."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(BadSettings, match="SMSQ_SECRET_KEY"):
        secret_of(tmp_path / "home")


def test_the_library_is_imported_by_who_seals() -> None:
    """Names and hashes, which every process needs, do without."""
    script = (
        "import sys; from smsq.worker.sealing import Sealer;"
        "s = Sealer(['o' * 32]); s.digests('content', b'x'), s.names;"
        "print('cryptography' in sys.modules); s.warm(); print('cryptography' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["False", "True"]


def test_a_secret_behind_a_mark_is_the_same(tmp_path: Path) -> None:
    """An editor that marks what it saves makes no other key."""
    secret = secret_of(tmp_path)
    path = tmp_path / "secret.key"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert secret_of(tmp_path) == secret
