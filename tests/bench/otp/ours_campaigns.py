"""Our backlog: campaigns of so many recipients, enrolled range by range so that as many always wait.

Each campaign is the whole file once more, enrolled as `smsq campaign run` does. Prints a line once the first
is in; runs until it is stopped.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from smsq import Smsq
from smsq.producers.intake.drafts import RANGE_BATCHES
from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.rows import inspect
from smsq.producers.intake.templates import Template
from smsq.worker.ledger import Plan
from tests.bench.otp.pace import BULK_SIZE, BULK_TEXT, LOOK_S

TOP_UP_ROWS = 20_000  # looked at after so many


def main() -> None:
    told = json.loads(sys.argv[1])
    rows = told["rows"]
    with Smsq() as smsq:
        ledger = smsq.runtime.ledger
        source = inspect(Path(told["file"]))
        template = Template.compile(BULK_TEXT, source.columns)
        campaigns: list[str] = []
        given = 0

        def waiting() -> int:
            accepted = (int(ledger.redis.hget(ledger.keys.campaign(each), "s:accepted") or 0) for each in campaigns)
            return given - sum(accepted)

        while True:
            digest = f"{source.digest}-{len(campaigns)}"  # the same digest would go on where the last one stands
            plan = Plan(name="bench", digest=digest, text=BULK_TEXT, template=BULK_TEXT, batch_size=BULK_SIZE)
            campaign = ledger.open_campaign(plan).id
            campaigns.append(campaign)
            done, look_at = 0, 0
            for part in prepare(source.rows(), template, BULK_SIZE, RANGE_BATCHES):
                done += part.rows
                ledger.enrol_range(campaign, part.n, part.batches, part.rejects, done)
                given += part.rows
                if len(campaigns) > 1 and done >= look_at:
                    look_at = done + TOP_UP_ROWS
                    while waiting() >= rows:
                        time.sleep(LOOK_S)
            ledger.close_campaign(campaign)
            if len(campaigns) == 1:
                print("{}", flush=True)


if __name__ == "__main__":
    main()
