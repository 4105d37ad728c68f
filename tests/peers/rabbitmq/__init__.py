"""A real RabbitMQ that a test may kill, freeze and start again: Debian's, installed or unpacked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pika

from smsq.worker.processes.parent import ask_kernel
from tests.peers.debian import NotHere, unpacked

START_S = 120.0
INSTALL = "rabbitmq-server"
ERLANG = "asn1 base crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl syntax-tools tftp"
PACKAGES = [INSTALL, *(f"erlang-{part}" for part in f"{ERLANG} tools xmerl".split()), "libsctp1"]


def programs() -> Path:
    """The root under which RabbitMQ and Erlang lie; raises NotHere."""
    if Path("/usr/lib/rabbitmq/lib").is_dir() and Path("/usr/lib/erlang/bin").is_dir():
        return Path("/")
    return unpacked("rabbitmq", PACKAGES, INSTALL)


class RabbitServer:
    """One node on a loopback port, with everything that it writes in `folder`; `lines` are more of its settings.

    Its user is `smsq`, its password `PASSWORD`. Ends with the thread that started it.
    """

    PASSWORD = "canary-password-91"

    def __init__(self, folder: Path, ports: tuple[int, int, int], lines: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port, self._distribution, self._names = ports
        self._lines = lines
        self._root = programs()
        self._processes: list[subprocess.Popen[bytes]] = []  # the register of names, then the node

    @property
    def url(self) -> str:
        return f"amqp://smsq:{self.PASSWORD}@127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._processes[-1].pid

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._make_folder()
        erlang = self._root / "usr" / "lib" / "erlang"
        scripts = next((self._root / "usr" / "lib" / "rabbitmq" / "lib").glob("rabbitmq_server-*")) / "sbin"
        if not self._processes:
            names = next(erlang.glob("erts-*")) / "bin" / "epmd"
            self._processes.append(self._run([str(names), "-port", str(self._names), "-address", "127.0.0.1"]))
        del self._processes[1:]
        self._processes.append(self._run(["sh", str(scripts / "rabbitmq-server"), "-noinput"]))
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._processes[-1].poll() is None:
            if self._answers():
                return
            time.sleep(0.2)
        raise AssertionError(f"no RabbitMQ: {(self.folder / 'rabbitmq.out').read_text(errors='replace')[-1500:]}")

    def kill(self) -> None:
        """`kill -9`."""
        self._processes[-1].kill()
        self._processes[-1].wait()

    def freeze(self) -> None:
        """Stand still: every connection stays open, and no request is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Go on after a freeze."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End everything."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()

    def _make_folder(self) -> None:
        (self.folder / "bin").mkdir(parents=True, exist_ok=True)
        erlang = self._root / "usr" / "lib" / "erlang"
        erl = self.folder / "bin" / "erl"  # Debian's has the absolute path of an installed one in it
        erl.write_text(
            f"#!/bin/sh\nexport ROOTDIR={erlang} BINDIR={next(erlang.glob('erts-*'))}/bin EMU=beam PROGNAME=erl\n"
            'exec "$BINDIR/erlexec" "$@"\n'
        )
        erl.chmod(0o755)
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self.port}", "log.console = true", "log.console.level = warning"]
        lines += ["default_user = smsq", f"default_pass = {self.PASSWORD}", *self._lines]
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")

    def _run(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        environ = {
            "PATH": f"{self.folder}/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LD_LIBRARY_PATH": ":".join(map(str, (self._root / "usr" / "lib").glob("*-linux-gnu"))),
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the node, and starts no other process
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_NODENAME": f"smsq{self.port}@localhost",
        }
        with open(self.folder / "rabbitmq.out", "ab") as out:
            return subprocess.Popen(
                argv,
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_end_with_us,
            )

    def _answers(self) -> bool:
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
            return True
        return False


def _end_with_us() -> None:
    ask_kernel(signal.SIGKILL)


__all__ = ["NotHere", "RabbitServer", "programs"]
