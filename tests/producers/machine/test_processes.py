"""How processes of ours are started: they import what is installed, and nothing from where they stand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smsq.producers.cli import _clean
from smsq.producers.machine.processes import argv_of
from smsq.producers.machine.up import free_port

SMSQ = Path(sys.executable).with_name("smsq")
TRAPS = (
    *("worker", "producers", "redis", "dramatiq", "structlog", "msgspec", "click", "requests", "tenacity"),
    *("uvicorn", "uvloop", "httptools", "starlette", "anyio", "prometheus_client", "cryptography", "hiredis"),
    *("json", "sitecustomize"),
)


def trapped(folder: Path) -> Path:
    """A folder whose files bear the names of libraries, and where one leaves a line once it is imported."""
    marks = folder / "marks"
    for name in TRAPS:
        code = f"import os\nopen({str(marks)!r}, 'a').write(f'{name} in process {{os.getpid()}}\\n')\n"
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return marks


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_process_imports_from_the_working_directory(tmp_path: Path) -> None:
    """A `structlog.py` beside the campaign's file runs in none of the eight processes, which know the password."""
    folder = tmp_path / "mail"
    folder.mkdir()
    marks = trapped(folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SMSQ_", "PYTHON"))}
    told = {"SMSQ_WEB_ADDR": f"127.0.0.1:{free_port()}", "SMSQ_METRICS_ADDR": f"127.0.0.1:{free_port()}"}
    argv = [str(SMSQ), "up", "--sandbox", "--ports", "0,0"]
    said = []
    with subprocess.Popen(argv, cwd=folder, env={**clean, **told}, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        for line in up.stderr:
            said.append(line)
            if "everything is up" in line:
                up.send_signal(signal.SIGINT)

    assert (marks.read_text(encoding="utf-8") if marks.exists() else "") == ""
    assert up.returncode == 0, said
    assert any("everything is up" in line for line in said)


def test_no_process_of_ours_writes_the_keys_of_its_connections_down() -> None:
    """To the gateway and to Redis: the libraries of both would."""
    environ = {"SSLKEYLOGFILE": "/tmp/keys", "PATH": "/bin"}
    _clean(environ)

    assert environ == {"PATH": "/bin"}


def test_an_empty_entry_of_the_path_is_not_the_working_directory(tmp_path: Path) -> None:
    """`PYTHONPATH=$PYTHONPATH:/more` with nothing before it means the working directory to Python, not to us."""
    marks = trapped(tmp_path)
    environ = {**os.environ, "PYTHONPATH": f"{os.pathsep}{Path(__file__).parents[3]}{os.pathsep}"}
    _clean(environ)
    argv = argv_of("completion")
    argv[argv.index("--parent") + 1] = str(os.getpid())
    answer = subprocess.run([*argv, "bash"], cwd=tmp_path, env=environ, capture_output=True, check=False, timeout=60)

    assert (answer.returncode, marks.exists()) == (0, False), answer.stderr
