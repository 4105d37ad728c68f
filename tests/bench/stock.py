"""The stock loop: `requests.Session().post(url, data=…)` over the file, a batch in each, as a programmer writes it.

Nothing of ours is imported here, so nothing that we do moves it: not the normaliser, the forms, the line, nor the
reading of answers. Killed, it knows neither what it sent nor what became of it.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from itertools import islice

import requests


def main() -> None:
    told = json.loads(sys.argv[1])
    known = {"login": told["login"], "psw": told["password"], "charset": "utf-8", "fmt": 3, "cost": 3}
    url, text, accepted = f"{told['mirror']}/sys/send.php", told["text"], 0
    is_one = "{" not in text
    began, cpu = time.perf_counter(), time.process_time()
    with open(told["file"], encoding="utf-8", newline="") as stream, requests.Session() as session:
        rows = islice(csv.DictReader(stream), told["rows"])
        gateway_id = 1_000_000_000
        while part := list(islice(rows, told["batch"])):
            gateway_id += 1
            if is_one:
                said = {"phones": ",".join(row["phone"] for row in part), "mes": text}
            else:
                said = {"list": "\n".join(f"{row['phone']}:{text.format(**row)}" for row in part)}
            answer = session.post(url, data={**known, "id": gateway_id, **said}, timeout=30)
            answer.raise_for_status()
            found = answer.json()
            if found.get("id") != gateway_id or found.get("cnt", 0) < len(part):
                raise SystemExit(f"the gateway said {found}")
            accepted += len(part)
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "accepted": accepted, "cpu_s": {"client": time.process_time() - cpu}}))


if __name__ == "__main__":
    main()
