"""What a recipient costs the ledger, for the guide to scaling: `python -m tests.bench.scaling`.

Writes a table in Markdown: bytes of memory and of the append-only file, before and after the gateway's answer, and the
sum for a million. Callbacks, texts and retries come on top.
"""

from __future__ import annotations

import sys

from tests.bench.store import _accept, _enrol, _used, ledger

ROWS = 100_000
COLUMNS = ("batch", "memory pending", "memory with receipts", "file pending", "file with receipts", "a million")


def main() -> int:
    """Print the table; fails if the server cannot be started."""
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for size in (100, 500):
        with ledger() as (store, _):
            store.redis.config_set("auto-aof-rewrite-percentage", 0)
            _enrol(store, 10 * size, size, "warm")
            _accept(store, "warm")
            memory, file = _used(store), _written(store)
            _enrol(store, ROWS, size, "measured")
            found = [_used(store) - memory, 0, _written(store) - file, 0]
            _accept(store, "measured")
            found[1], found[3] = _used(store) - memory, _written(store) - file
        each = [round(total / ROWS, 1) for total in found]
        cells = [str(size), *(f"{one} B" for one in each), f"{each[1]:.0f} MB memory, {each[3]:.0f} MB file"]
        print(f"| {' | '.join(cells)} |", flush=True)
    return 0


def _written(store: object) -> int:
    """Bytes of the append-only file."""
    return int(store.redis.info("persistence")["aof_current_size"])  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
