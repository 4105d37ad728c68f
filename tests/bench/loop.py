"""The libraries' loop: one request per message, a new connection each, as the vendor's own library does it.

The shape of `smsc_api.py`: build the query, `urlopen`, read, decode, split; an empty answer is asked
again at the next mirror (it never comes to that here, where nothing goes wrong).
"""

from __future__ import annotations

import csv
import json
import sys
import time
from itertools import islice
from urllib.parse import quote
from urllib.request import urlopen

from smsq.producers.intake.templates import Template

TRIES = 5


def send_cmd(mirror: str, login: str, password: str, command: str, arguments: str) -> list[str]:
    """One command of the gateway; the answer's fields."""
    url = f"{mirror}/sys/{command}.php"
    said = f"login={quote(login)}&psw={quote(password)}&fmt=1&charset=utf-8&{arguments}"
    data = ""
    for _ in range(TRIES):
        with urlopen(url, said.encode(), timeout=30) as answer:
            data = answer.read().decode("utf-8")
        if data:
            break
    return data.split(",")


def main() -> None:
    told = json.loads(sys.argv[1])
    accepted = 0
    began, cpu = time.perf_counter(), time.process_time()
    with open(told["file"], encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        template = Template.compile(told["text"], next(rows))
        for row in islice(rows, told["rows"]):
            arguments = f"cost=3&phones={quote(row[0])}&mes={quote(template.render(row))}"
            answer = send_cmd(told["mirror"], told["login"], told["password"], "send", arguments)
            if len(answer) < 3:
                raise SystemExit(f"the gateway said {answer}")
            accepted += 1
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "accepted": accepted, "cpu_s": {"client": time.process_time() - cpu}}))


if __name__ == "__main__":
    main()
