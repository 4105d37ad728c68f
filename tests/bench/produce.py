"""Our producer: prepares and enrols a file as `smsq campaign run` does, then waits until all of it is accepted.

The clock runs from the first look into the file to the moment the ledger's totals say that every row was
accepted by the gateway; workers, scheduler and Redis are processes of their own that started before.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import count, islice
from pathlib import Path

from smsq.producers.intake.prepare import collect_seldom, prepare
from smsq.producers.intake.rows import inspect
from smsq.producers.intake.templates import Template
from smsq.worker.ledger import Plan
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings

RANGE_ROWS = 1000  # as in producers/intake/drafts.py
RANGE_BATCHES = 10
LOOK_S = 0.005
PATIENCE_S = 120.0


def main() -> None:
    collect_seldom()
    told = json.loads(sys.argv[1])
    runtime = Runtime.build(Settings.load())
    ledger, size = runtime.ledger, told["batch"]
    ledger.beat()  # the connection is there
    began, cpu = time.perf_counter(), time.process_time()
    source = inspect(Path(told["file"]))
    template = Template.compile(told["text"], source.columns)
    text = template.render(()) if template.is_constant else None
    plan = Plan(name="bench", digest=source.digest, text=text, template=told["text"], batch_size=size)
    campaign = ledger.open_campaign(plan, again=True).id
    rows = 0
    for part in prepare(
        islice(source.rows(), told["rows"]), template, size, max(RANGE_BATCHES, -(-RANGE_ROWS // size))
    ):
        rows += part.rows
        ledger.enrol_range(campaign, part.n, part.batches, part.rejects, rows)
    ledger.close_campaign(campaign)
    enrolled_s, own_s = time.perf_counter() - began, time.process_time() - cpu
    key = ledger.keys.campaign(campaign)
    for _ in count():
        accepted = int(ledger.redis.hget(key, "s:accepted") or 0)
        if accepted >= rows:
            break
        if time.perf_counter() - began > PATIENCE_S:
            raise SystemExit(f"only {accepted} of {rows} were accepted: {runtime.views.campaign(campaign)}")
        time.sleep(LOOK_S)
    took = time.perf_counter() - began
    said = {"seconds": took, "enrolled_s": enrolled_s, "accepted": accepted, "cpu_s": {"producer": own_s}}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
