"""The package as applications get it: a wheel beside names of their own, and the slim one without what workers need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import smsq
from smsq.worker.domain import errors
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.conftest import Plant

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_WORKERS = sorted(re.match(r"[\w-]+", row)[0] for row in PROJECT["optional-dependencies"]["worker"])  # type: ignore[index]

# An application that has both folder names of its own.
APPLICATION = {
    "worker.py": "MINE = 'a worker of my own'\n",
    "producers/__init__.py": "MINE = 'producers of my own'\n",
    "app.py": """
import json, producers, worker
import smsq
from smsq import BadPhone, Smsq, SmsqError

with Smsq() as door:
    sent = door.send("+79991234567", "Hi", key="order-17")
    status = door.status(sent.id).status
    try:
        door.send("123", "Hi")
    except BadPhone as error:
        caught = isinstance(error, SmsqError)
print(json.dumps({"mine": [worker.MINE, producers.MINE], "from": smsq.__file__, "status": status, "caught": caught}))
""",
}

# Stands before every import of a program: what only workers need is not there.
SLIM = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OF_WORKERS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def run(
    script: str, server: EmbeddedRedis, home: Path, *argv: str, cwd: Path | None = None, path: str = ""
) -> subprocess.CompletedProcess[str]:
    """A program of its own, on the run's Redis."""
    environ = {**os.environ, "SMSQ_REDIS_URL": server.url, "SMSQ_HOME": str(home), "SMSQ_ACCEPT_LOSS": "1"}
    if path:
        environ["PYTHONPATH"] = path
    return subprocess.run(
        [sys.executable, *((script,) if script.endswith(".py") else ("-c", script)), *argv],
        env=environ, cwd=cwd, capture_output=True, text=True, timeout=50,
    )  # fmt: skip


@pytest.fixture
def ledger(redis_server: EmbeddedRedis, make_plant: Callable[..., Plant]) -> EmbeddedRedis:
    """The run's Redis with a ledger in force on it."""
    make_plant()
    return redis_server


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as an installation has it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("worker", "producers", "smsq"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    made = subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True, text=True).stdout
    installed = tmp_path_factory.mktemp("installed")
    shutil.unpack_archive(copy / made.split()[-1], installed, "zip")
    return installed


def test_an_application_keeps_its_own_names(ledger: EmbeddedRedis, wheel: Path, tmp_path: Path) -> None:
    """Its `worker.py` and `producers` are its own, and ours work beside them."""
    for name, text in APPLICATION.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = run("app.py", ledger, tmp_path / "home", cwd=tmp_path, path=str(wheel))

    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "mine": ["a worker of my own", "producers of my own"],
        "from": str(wheel / "smsq" / "__init__.py"),
        "status": "queued",
        "caught": True,
    }


def test_the_wheel_holds_all_that_is_ours_and_nothing_else(wheel: Path) -> None:
    """Code, scripts of the ledger, the sample and the mark of types; no test, and no other name at the top."""
    ours = {
        f"smsq/{path.relative_to(ROOT)}"
        for top in ("worker", "producers")
        for path in (ROOT / top).rglob("*")
        if path.suffix in {".py", ".lua", ".csv"}
    }
    files = (path for path in wheel.rglob("*") if path.is_file() and path.parent.name != "__pycache__")  # of its users
    held = {str(path.relative_to(wheel)) for path in files}

    assert {path.name for path in wheel.iterdir() if path.suffix != ".dist-info"} == {"smsq"}
    assert {name for name in held if ".dist-info/" not in name} == ours | {
        "smsq/__init__.py",
        "smsq/__main__.py",
        "smsq/py.typed",
        "smsq/testing.py",
    }


def test_messages_come_in_without_what_workers_need(ledger: EmbeddedRedis, home: Path) -> None:
    """One message, a code and a campaign, with the libraries of `smsq[worker]` missing."""
    script = (
        SLIM
        + """
from smsq import Smsq
with Smsq() as door:
    door.send("+79991234567", "Hi")
    door.otp.send("+79991234567", purpose="login")
    print(door.campaigns.run(["+79991234567"], text="Hi").rows)
"""
    )
    done = run(script, ledger, home)

    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_command_that_needs_more_says_how_to_get_it(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """A sentence instead of a traceback."""
    script = SLIM + "from smsq.producers.cli import main; main()"
    done = run(script, redis_server, tmp_path, "web")

    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == ("smsq: this command needs uvicorn, which is not installed: pip install 'smsq[worker]'\n")
        or "starlette" in done.stderr
    )


@pytest.mark.parametrize("name", smsq.__all__)
def test_what_is_exported_is_there(name: str) -> None:
    """Each name of `smsq.__all__`, found at its first use."""
    assert getattr(smsq, name) is not None


def test_every_error_that_a_caller_meets_is_exported() -> None:
    """Those of the tree in domain/errors.py, but for the ones that stay inside."""
    inside = {"Unknown", "NoReply", "BrokenReply"}
    tree = {
        name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.SmsqError)
    }

    assert set(errors.__all__) == tree - inside
