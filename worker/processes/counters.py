"""The files in which processes count, added up.

prometheus-client writes a file for each process and kind. Its own merge looks at each sample of each file on its own,
which takes a tenth of a second of CPU on a busy host. Here values are first added by the key as it is written, the same
in all processes; and where a value stands in a file is remembered, since a file only grows.

What dead processes have counted is moved into one file, so that a sum over processes never falls while a host is up or
restarts: Prometheus would take that for a new beginning of all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from prometheus_client import Metric as Family
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.utils import floatToGoString

from smsq.worker.metrics import TABLE

PAST = "past.db"  # the file of what dead processes have counted
Labels = tuple[tuple[str, str], ...]

_two = struct.Struct("dd").unpack_from  # a value and its time


class Key(NamedTuple):
    """What a value is of."""

    metric: str  # a name of the table
    name: str  # of the sample
    labels: Labels
    le: float | None  # the upper end of a bucket


class Reader:
    """Reads such files again and again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, list[tuple[str, int]]]] = {}  # inode, bytes in use, places of keys

    def families(self, paths: Iterable[str]) -> Iterator[Family]:
        """All metrics of the table that the files have; one that was removed meanwhile is left out."""
        counted: dict[str, float] = {}
        gauges: dict[Key, tuple[float, float]] = {}
        seen = set[str]()
        for path in paths:
            seen.add(path)
            with contextlib.suppress(FileNotFoundError):
                mode = _gauge_mode(path)
                for written, value, at in self._values(path):
                    if mode is None:
                        counted[written] = counted.get(written, 0.0) + value
                    elif (key := _key(written)) is not None:
                        gauges[key] = _of_both(mode, gauges.get(key), (value, at))
        self._known = {path: known for path, known in self._known.items() if path in seen}
        sums = {key: value for key, (value, _) in gauges.items()}
        for written, value in counted.items():  # a key has the help too, which an upgrade may have changed
            if (key := _key(written)) is not None:
                sums[key] = sums.get(key, 0.0) + value
        return _families(sums)

    def _values(self, path: str) -> Iterator[tuple[str, float, float]]:
        with open(path, "rb") as file:
            data, inode = file.read(), os.fstat(file.fileno()).st_ino
        used = int.from_bytes(data[:4], "little") if len(data) >= 4 else 0
        known = self._known.get(path)
        if known is None or known[:2] != (inode, used):
            places = [(key, place) for key, _, _, place in _read(path)] if used else []
            known = self._known[path] = (inode, used, places)
        for key, place in known[2]:
            value, at = _two(data, place)
            yield key, value, at


def move_to_past(paths: Iterable[Path], past: Path) -> None:
    """Add what these files have counted to the file `past`, and remove them. The caller holds a lock.

    Gauges are dropped, and so are metrics that are no longer in the table. If the machine stops between the last two
    steps, that one portion is counted twice.
    """
    paths = list(paths)
    counted = [path for path in paths if _gauge_mode(path.name) is None]
    sums: dict[str, float] = {}
    for path in [*([past] if past.exists() else []), *counted]:
        with contextlib.suppress(FileNotFoundError, struct.error, RuntimeError):  # empty, or cut short by a full disk
            for key, value, _, _ in _read(str(path)):
                if _key(key) is not None:
                    sums[key] = sums.get(key, 0.0) + value
    if counted:
        new = past.with_suffix(".new")
        new.unlink(missing_ok=True)
        file = MmapedDict(str(new))  # type: ignore[no-untyped-call]
        for key, value in sums.items():
            file.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
        file.close()  # type: ignore[no-untyped-call]
        new.replace(past)
    for path in paths:
        path.unlink(missing_ok=True)


def _read(path: str) -> Iterator[tuple[str, float, float, int]]:
    values: Callable[[str], Iterator[tuple[str, float, float, int]]] = MmapedDict.read_all_values_from_file
    return values(path)


def _gauge_mode(path: str) -> str | None:
    """`min` of a file `gauge_min_4711.db`; None of files that count."""
    kind, _, mode = Path(path).name.partition("_")
    return mode.partition("_")[0] if kind == "gauge" else None


def _of_both(mode: str, one: tuple[float, float] | None, other: tuple[float, float]) -> tuple[float, float]:
    """The value of a gauge that stands for two processes, each a value and its time."""
    if one is None:
        return other
    return min(one, other) if mode == "min" else max(one, other, key=lambda each: each[1])


@lru_cache(maxsize=20_000)
def _key(written: str) -> Key | None:
    """What a key in a file says; None of a metric that is not in the table, as one of an earlier version."""
    family, name, labels, _ = json.loads(written)
    metric = next((each for each in (f"{family}_total", family) if each in TABLE), None)
    if metric is None:
        return None
    le = float(labels.pop("le")) if "le" in labels else None
    return Key(metric, name, tuple(sorted(labels.items())), le)


def _families(sums: dict[Key, float]) -> Iterator[Family]:
    families: dict[str, Family] = {}
    buckets: dict[tuple[str, Labels], dict[float, float]] = {}
    for key, value in sums.items():
        family = families.get(key.metric)
        if family is None:
            row = TABLE[key.metric]
            family = families[key.metric] = Family(key.metric.removesuffix("_total"), row.help, row.kind)
        if key.le is None:
            family.add_sample(key.name, dict(key.labels), value)
        else:
            buckets.setdefault((key.metric, key.labels), {})[key.le] = value
    for (metric, labels), of_key in buckets.items():
        total = 0.0
        for le in sorted(of_key):
            total += of_key[le]
            families[metric].add_sample(f"{metric}_bucket", {**dict(labels), "le": floatToGoString(le)}, total)  # type: ignore[no-untyped-call]
        families[metric].add_sample(f"{metric}_count", dict(labels), total)
    return iter(families.values())
