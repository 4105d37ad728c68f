"""`smsq backup` and `smsq restore`: a copy of the ledger on a file, and a new ledger from it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, print_json, talk

if TYPE_CHECKING:
    from smsq.worker.settings import Settings

DEFAULT_NAME = "smsq-%Y%m%dT%H%M%SZ.rdb"


@click.command("backup")
@click.argument("place", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="The folder where the data of Redis are seen from here.")
@click.option("--json", "as_json", is_flag=True, help="The manifest on standard output.")
def backup(place: Path, data: Path | None, as_json: bool) -> None:
    """Write a backup of the ledger to PLACE: a new file, or a folder, in which it gets a name with the time.

    It is of one moment, and everything may run meanwhile. PLACE.json beside it is its manifest. Both can be read by
    their owner only: they hold phones and texts. Run it on the machine of Redis, since Redis writes the snapshot there.
    """
    from importlib.metadata import version

    from smsq.producers.adoption import adopt
    from smsq.producers.backup import make
    from smsq.worker.redis_client import where
    from smsq.worker.runtime import Runtime

    settings = adopt()
    runtime = Runtime.build(settings)
    path = place / time.strftime(DEFAULT_NAME, time.gmtime()) if place.is_dir() else place
    with _shown() as told:
        manifest = make(runtime.ledger, path, version("smsq"), data=data, told=told)
    output.changed()
    _tidy(settings)
    if as_json:
        print_json({"file": str(path), **_fields(manifest)})
        return
    ledger = manifest.ledger
    click.echo(
        f"{path}: {manifest.bytes:,} bytes in {manifest.took_s:.1f} s, the ledger of {ledger['account'] or 'nobody'} "
        f"at {where(runtime.redis_url)} as of {manifest.taken_at}: {counted(int(ledger['campaigns']), 'campaign')}, "
        f"{ledger['unfinished']} of them not over"
    )
    talk("keep with it, apart from it: the secret key and the `journal` folders of the homes (see docs/backup.md)")


def _tidy(settings: Settings) -> None:
    """Remove the snapshot of our own private server: it would only be an older copy of the append-only file."""
    if settings.redis_url and settings.redis_url.startswith("unix:"):
        with contextlib.suppress(OSError):
            (settings.home.expanduser() / "redis" / "dump.rdb").unlink()


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--into", type=click.Path(path_type=Path), help="The empty data folder of a Redis of your own that is down."
)
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def restore(file: Path, into: Path | None, as_json: bool) -> None:
    """Begin a new ledger with the backup FILE, in the home of a private Redis or in the folder --into.

    Only an empty ledger is restored into. It begins as one that fell back: once its server is up, nothing is sent
    before every host has reported, and `smsq recover` shows what the backup does not know.
    """
    from smsq.producers import backup as backups

    manifest = backups.read(file)
    with _folder(into) as (folder, settings), _shown() as told:
        backups.restore(file, folder, told=told)
    output.changed()
    next_step = "start Redis on that folder" if into is not None else "start `smsq up`"
    if as_json:
        print_json({"restored": True, "into": str(folder), **_fields(manifest)})
    else:
        click.echo(f"{folder} holds the ledger of {manifest.ledger['account']} as of {manifest.taken_at}")
        talk(f"now {next_step}, then run `smsq recover` on every host that has workers")
    if settings is not None and (said := _key_that_is_missing(settings, str(manifest.ledger["secret"]))):
        talk(said)


@contextlib.contextmanager
def _folder(into: Path | None) -> Iterator[tuple[Path, Settings | None]]:
    """The data folder to fill, and no server in it meanwhile. Raises BadInput."""
    from smsq.worker.domain.errors import BadInput
    from smsq.worker.processes.locks import try_lock
    from smsq.worker.redis_client import where
    from smsq.worker.settings import Settings

    settings = Settings.load(sends=False)
    if into is not None:
        if not into.is_dir():
            raise BadInput(f"{into} is no folder: name the data folder of the Redis that will have the ledger")
        yield into, None
        return
    if settings.redis_url is not None:
        raise BadInput(
            f"the ledger is at {where(settings.redis_url)}, a Redis of your own{_what_it_has()}: stop it, name its "
            "empty data folder with --into, and start it again"
        )
    home = settings.home.expanduser().absolute()
    folder = home / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    locks = [try_lock(folder / name) for name in ("owner.lock", "server.lock")]
    try:
        if None in locks:
            raise BadInput(f"a private Redis runs in {folder}, and a backup goes into an empty ledger only")
        yield folder, settings
    finally:
        for lock in locks:
            if lock is not None:
                os.close(lock)


def _what_it_has() -> str:
    """Whose the ledger is that the settings name, if it answers and is not empty."""
    from smsq.producers.installation import Installation
    from smsq.worker.domain.errors import LedgerTrouble

    with contextlib.suppress(LedgerTrouble):
        installation = Installation()
        try:
            if account := installation.account():
                return f", which has the ledger of {account}, and a backup goes into an empty one only"
        finally:
            installation.close()
    return ""


def _key_that_is_missing(settings: Settings, wanted: str) -> str:
    """What to do if this home does not have the key that the ledger's texts are sealed with; '' if it has."""
    from smsq.worker.sealing import FILE, Sealer

    path = settings.home.expanduser() / FILE
    if not wanted:
        return ""
    if settings.secret_key is None and not path.exists():
        return f"before you start it, put the secret key of the old home into {path}, or into SMSQ_SECRET_KEY"
    secret = settings.secret_key.reveal() if settings.secret_key else None
    if wanted in Sealer.of(secret, settings.home).names:
        return ""
    return (
        "this home has another secret key than the ledger's texts are sealed with: give it that one before you start it"
    )


def _fields(manifest: object) -> dict[str, object]:
    import msgspec

    fields: dict[str, object] = msgspec.to_builtins(manifest)
    return fields


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[str, float], None]]:
    """Progress on a terminal, a bar for each step."""
    with contextlib.ExitStack() as stack:
        bars: dict[str, click._termui_impl.ProgressBar[int]] = {}

        def told(what: str, share: float) -> None:
            if what not in bars:
                screen = output.screen(sys.stderr)
                bar = click.progressbar(length=1000, label=what, file=screen, hidden=not sys.stderr.isatty())
                bars[what] = stack.enter_context(bar)
            bars[what].update(int(1000 * share) - bars[what].pos)

        yield told
