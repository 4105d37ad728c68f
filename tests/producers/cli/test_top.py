"""`smsq top` as it is typed: once, for machines, on a terminal, and without a Redis."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result


def test_without_a_terminal_it_is_shown_once(run: Callable[..., Result]) -> None:
    """Also without --once, since nobody would end it."""
    done = run("top", "--every", "0.2")

    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[:3]] == ["smsq", "no", "lane"]


def test_machines_get_an_object(run: Callable[..., Result]) -> None:
    """One line, with every lane."""
    done = run("top", "--once", "--json", "--every", "0.2")

    assert [lane["name"] for lane in json.loads(done.stdout)["lanes"]] == ["urgent", "bulk", "status", "chores"]


def test_without_a_redis_it_says_so(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one, and exit code 4."""
    monkeypatch.setenv("SMSQ_REDIS_URL", "redis://127.0.0.1:9/0")
    done = run("top")

    assert (done.exit_code, done.stdout) == (4, "")
    assert "redis://127.0.0.1:9/0: Redis does not answer" in done.stderr


def test_on_a_terminal_it_is_drawn_until_interrupted(environ: dict[str, str]) -> None:
    """Ctrl-C is the way out: exit code 0, nothing on standard error; no colours with NO_COLOR."""
    master, slave = pty.openpty()
    told = {**os.environ, **environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80", "LINES": "30"}
    argv = [sys.executable, "-m", "smsq", "top", "--every", "0.2"]
    with subprocess.Popen(argv, env=told, stdin=slave, stdout=slave, stderr=subprocess.PIPE) as process:
        os.close(slave)
        drawn = b""
        while b"chores" not in drawn:
            drawn += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                drawn += os.read(master, 65536)
            except OSError:  # the last one who had the terminal open is gone
                break
        assert process.stderr is not None
        said = process.stderr.read()
    os.close(master)

    assert (process.returncode, said) == (0, b"")
    assert b"\x1b[?1049h" in drawn
    assert drawn.rstrip().endswith(b"\x1b[?1049l") or b"\x1b[?1049l" in drawn
    assert b"\x1b[31m" not in drawn
