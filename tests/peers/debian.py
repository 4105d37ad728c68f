"""Debian's packages for tests: fetched once into a cache folder and unpacked there, never installed. Needs no root."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

FETCH_S = 300.0  # for one call of apt
FAILED_S = 600.0  # a machine that cannot fetch them is asked again after so long


class NotHere(Exception):
    """The packages cannot be had on this machine; says why, and what to type."""


def unpacked(name: str, packages: Sequence[str], install: str) -> Path:
    """The folder in which these packages lie as they would under `/`, fetched if they are not there yet.

    `name` is their folder in the cache, `install` what a person would install. Raises NotHere.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smsq-tests" / name
    root, failed = cache / "root", cache / "failed"
    try:
        with _lock(cache):
            if (cache / "ready").exists():
                return root
            if failed.exists() and time.time() - failed.stat().st_mtime < FAILED_S:
                raise NotHere(failed.read_text())
            try:
                _fetch(cache, root, packages)
            except NotHere as why:
                said = f"{install} is not on this machine, and cannot be fetched: {why}. Debian: apt install {install}"
                failed.write_text(said)
                raise NotHere(said) from None
            (cache / "ready").touch()
    except OSError as error:
        raise NotHere(f"the cache folder {cache} cannot be used: {error.strerror}") from None
    return root


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Several runs may want it at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, root: Path, packages: Sequence[str]) -> None:
    """Download and unpack; with lists of packages of our own if the machine's are missing or too old."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise NotHere("apt-get and dpkg are missing")
    debs = cache / "debs"
    shutil.rmtree(debs, ignore_errors=True)
    for place in (debs, cache / "state" / "lists" / "partial", cache / "apt" / "archives" / "partial"):
        place.mkdir(parents=True, exist_ok=True)
    plain = ["-o", "APT::Sandbox::User=root", "-o", f"Dir::Cache={cache / 'apt'}"]
    own = [*plain, "-o", f"Dir::State={cache / 'state'}", "-o", f"Dir::State::lists={cache / 'state' / 'lists'}"]
    own += ["-o", "Dir::State::status=/var/lib/dpkg/status"]
    if _run(["apt-get", *plain, "download", *packages], debs):
        _must(["apt-get", *own, "update"], debs)
        _must(["apt-get", *own, "download", *packages], debs)
    for package in sorted(debs.glob("*.deb")):
        _must(["dpkg", "-x", str(package), str(root)], debs)
    shutil.rmtree(debs)


def _must(argv: Sequence[str], folder: Path) -> None:
    if said := _run(argv, folder):
        raise NotHere(f"{argv[0]} says {said[:200]!r}")


def _run(argv: Sequence[str], folder: Path) -> str:
    """Run it; its last complaint, '' if it went well."""
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=FETCH_S)
    except subprocess.TimeoutExpired:
        return f"no end within {FETCH_S:.0f} s"
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else ""
