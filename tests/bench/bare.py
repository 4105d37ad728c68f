"""The bare batched client: read, normalise, batch, POST, check the answer; no queue and no ledger.

A plain loop over the same file with our own normaliser, forms, transport and reading of answers. It keeps
nothing: killed, it knows neither what it sent nor what became of it; a lost answer is the end of it.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from itertools import islice

from smsq.producers.intake.templates import Template
from smsq.worker.domain.batch import Options
from smsq.worker.domain.phone import parse
from smsq.worker.gateway.http import SEND_PATH, client_forms
from smsq.worker.gateway.http.client_replies import read_send
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.transports.http import HttpTransport


def main() -> None:
    told = json.loads(sys.argv[1])
    login, options = Login(told["login"], told["password"]), Options()
    transport = HttpTransport(silence_s=30.0)
    batch_size, accepted = told["batch"], 0
    began, cpu = time.perf_counter(), time.process_time()
    with open(told["file"], encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        template = Template.compile(told["text"], next(reader))
        numbers = iter(range(1_000_000_001, 2_000_000_000))
        rows = islice(reader, told["rows"])
        while part := list(islice(rows, batch_size)):
            gateway_id = next(numbers)
            phones = [parse(row[0]) for row in part]
            if template.is_constant:
                body = client_forms.send_same(login, gateway_id, phones, template.render(()), options)
            else:
                messages = [(phone, template.render(row)) for phone, row in zip(phones, part, strict=True)]
                body = client_forms.send_list(login, gateway_id, messages, options)
            line = transport.open(told["mirror"])
            reply = line.say(SEND_PATH, body, 30.0)
            line.done(keep=True)
            answer = read_send(reply.status, reply.body, gateway_id, len(phones))
            if answer.outcome is not Outcome.ACCEPTED:
                raise SystemExit(f"the gateway said {answer.sentence}")
            accepted += len(phones)
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "accepted": accepted, "cpu_s": {"client": time.process_time() - cpu}}))


if __name__ == "__main__":
    main()
