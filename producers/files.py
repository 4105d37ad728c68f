"""Files that a caller gives with a message, kept on disk before anything is enrolled."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.files import MB, FileRef, check_files, check_ref
from smsq.worker.gateway.options import check_takes_files
from smsq.worker.host.files import Unkept
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings

# A path; a name with content, or with something to read; or what was kept before.
GivenFile = str | Path | tuple[str, bytes | BinaryIO] | FileRef


class Keeper(Protocol):
    """What `Files` does for a producer."""

    def keep(self, name: str, content: BinaryIO, most_bytes: float) -> FileRef: ...

    def keep_on(self, file: FileRef) -> None: ...


def with_files(runtime: Runtime, options: Options, given: Sequence[GivenFile]) -> Options:
    """These options with files that are kept now. Raises as `kept` does, and if the channel takes no files."""
    if not isinstance(options, Options):
        raise BadInput(f"options are an Options, not {type(options).__name__}")
    for file in options.files:
        check_ref(file)
        runtime.files.keep_on(file)
    if not given:
        return options
    check_takes_files(options)
    files = (*options.files, *kept(runtime.files, given, runtime.settings))
    check_files(files, runtime.settings.most_files, runtime.settings.files_mb * MB)
    return msgspec.structs.replace(options, files=files)


def keep_named(runtime: Runtime, options: Options, given: Sequence[GivenFile]) -> Options:
    """Keep the files that `named` put into these options; the options with what is kept."""
    if not given:
        return options
    return msgspec.structs.replace(options, files=kept(runtime.files, given, runtime.settings))


def named(settings: Settings, options: Options, given: Sequence[GivenFile]) -> Options:
    """The same options as `with_files` makes of these, but nothing is kept: for a look at what would be sent."""
    if not given:
        return options
    check_takes_files(options)
    return msgspec.structs.replace(options, files=kept(Unkept(), given, settings))


def kept(store: Keeper, given: Sequence[GivenFile], settings: Settings) -> tuple[FileRef, ...]:
    """Keep these files durably and return what names them, in order.

    Raises BadInput for a file that is not there or cannot be read, and for too many or too large ones; FilesTrouble if
    they cannot be kept. Nothing is enrolled then.
    """
    most_bytes = settings.files_mb * MB
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise BadInput("files are a list, each a path or a name with its content")
    if len(given) > settings.most_files:
        raise BadInput(
            f"a message has at most {settings.most_files} files (SMSQ_MOST_FILES), and this one has {len(given)}"
        )
    files: list[FileRef] = []
    for each in given:
        files.append(_kept(store, each, most_bytes))
        check_files(files, settings.most_files, most_bytes)
    return tuple(files)


def _kept(store: Keeper, given: GivenFile, most_bytes: float) -> FileRef:
    if isinstance(given, FileRef):
        check_ref(given)
        store.keep_on(given)
        return given
    if isinstance(given, tuple) and len(given) == 2:
        name, content = given
        return store.keep(name, io.BytesIO(content) if isinstance(content, bytes | bytearray) else content, most_bytes)
    if not isinstance(given, str | Path):
        raise BadInput(f"a file is a path, or a name with its content, not {type(given).__name__}")
    path = Path(given)
    try:
        with path.open("rb") as content:
            return store.keep(path.name, content, most_bytes)
    except OSError as error:
        raise BadInput(f"the file {path} cannot be read ({error.strerror}): nothing was enrolled") from None
