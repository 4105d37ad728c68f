"""The vendor libraries' loop: a request per message; an empty answer is asked for again at the next mirror.

Written from the gateway's documentation of its libraries (five addresses in order, no wait between them, any
command alike, a fixed empty answer once all have failed), not from their code. A connection that ends without
an answer is an empty answer to them.
"""

from __future__ import annotations

import http.client
import json
import os
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

CONNECT_S = 4.0
GAVE_UP = ","  # what they return once every mirror was tried


def ask(mirrors: list[str], command: str, form: dict[str, str]) -> str:
    """The first answer with anything in it."""
    said = urlencode(form).encode()
    for mirror in mirrors:
        try:
            with urlopen(f"{mirror}/sys/{command}.php", said, timeout=CONNECT_S) as answer:
                data = str(answer.read().decode("utf-8"))
        except (URLError, OSError, http.client.HTTPException):
            data = ""
        if data:
            return data
    return GAVE_UP


def main() -> None:
    told = json.loads(os.environ["DOUBLES_TRIAL"])
    login = {"login": told["login"], "psw": told["password"], "fmt": "1", "charset": "utf-8", "cost": "3"}
    believed = {"sent": 0, "failed": 0}
    for phone in told["phones"]:
        fields = ask(told["mirrors"], "send", {**login, "phones": phone, "mes": told["text"], "id": "0"}).split(",")
        is_accepted = len(fields) > 1 and fields[1].isdigit() and int(fields[1]) > 0
        believed["sent" if is_accepted else "failed"] += 1
    print(json.dumps(believed))


if __name__ == "__main__":
    main()
