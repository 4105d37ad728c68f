"""The producer of the peer with one dramatiq message per recipient: reads, normalises, enqueues, waits."""

from __future__ import annotations

import csv
import json
import sys
import time
import urllib.request
from itertools import islice

from smsq.producers.intake.templates import Template
from smsq.worker.domain.phone import parse
from tests.bench.recipient_actor import send

LOOK_S = 0.02


def main() -> None:
    told = json.loads(sys.argv[1])
    many = told["rows"]
    began, cpu = time.perf_counter(), time.process_time()
    with open(told["file"], encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        template = Template.compile(told["text"], next(rows))
        for row in islice(rows, many):
            send.send(f"+{parse(row[0])}", template.render(row))
    own_s = time.process_time() - cpu
    accepted = 0
    while accepted < many:
        time.sleep(LOOK_S)
        with urllib.request.urlopen(f"{told['control']}/_sandbox/tally", timeout=60) as answer:
            accepted = json.load(answer)["accepted"]
    print(json.dumps({"seconds": time.perf_counter() - began, "accepted": accepted, "cpu_s": {"producer": own_s}}))


if __name__ == "__main__":
    main()
