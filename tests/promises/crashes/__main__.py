"""One schedule alone, step by step: `python -m tests.promises.crashes [--sparse] STORY [BOUNDARY:FAULT ...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.promises.crashes.driver import Driver, quiet
from tests.promises.crashes.faults import Fault, read
from tests.promises.crashes.stories import STORIES


def main(words: list[str]) -> int:
    """Run it; 1 where something is wrong."""
    is_sparse = words[:1] == ["--sparse"]
    words = words[is_sparse:]
    if not words or words[0] not in STORIES:
        print(__doc__, f"stories: {', '.join(STORIES)}", f"faults: {', '.join(Fault)}", sep="\n\n")
        return 2
    diary: list[str] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedRedis(Path(folder) / "redis", fsync="no", dies_with_parent=True) as server,
        quiet(),
    ):
        driver = Driver(server.url, Path(folder), is_sparse=is_sparse)
        outcome = driver.run(STORIES[words[0]], read(words[1:]), diary)
        driver.client.close()
    print("\n".join(diary))
    print(f"\n{len(outcome.trace)} boundaries, turns: {', '.join(sorted(outcome.turns)) or 'none'}")
    print("\n".join(outcome.problems) or "nothing wrong")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
