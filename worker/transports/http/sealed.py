"""A connection that is open already and never made again, used through the adapter of `requests`.

If `requests` would reconnect and send again, a sealed connection raises; redirects, retries, proxies and the
environment are not used. A request is written in one call, and `answer.py` reads its answer.
"""

from __future__ import annotations

import io
import re
from typing import Any

import requests
import requests.adapters

from smsq.worker.domain.errors import NoReply
from smsq.worker.transports import MAX_REPLY
from smsq.worker.transports.http.answer import Answer, read_answer
from smsq.worker.transports.sockets import DeadlineSocket

_UNFIT = re.compile(r"[\x00-\x20\x7f]")  # in a target
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # in a header


class Sealed:
    """One connection to one mirror, until it is closed."""

    def __init__(self, line: DeadlineSocket, mirror: str) -> None:
        self._line: DeadlineSocket | None = line
        self._mirror = mirror

    @property
    def is_open(self) -> bool:
        """Whether we have not closed it."""
        return self._line is not None

    def is_quiet(self) -> bool:
        """Whether it is open with nothing to read."""
        line = self._line
        return line is not None and line.is_quiet()

    def exchange(self, request: bytes, max_body: int, deadline: float) -> Answer:
        """Write the request and read the whole answer. Raises NoReply, BrokenReply, or what the socket raises."""
        line = self._line
        if line is None:
            raise NoReply("the line is sealed and will not connect again")
        line.deadline = deadline
        line.sendall(request)
        return read_answer(line.receive, max_body, self._mirror)

    def close(self) -> None:
        """Close it for good; unsent bytes are discarded."""
        line, self._line = self._line, None
        if line is not None:
            line.close()


class OneLineAdapter(requests.adapters.HTTPAdapter):
    """An adapter of `requests` for one connection. Set `deadline` and `max_body` before each request."""

    deadline: float = 0.0
    max_body: int = MAX_REPLY

    def __init__(self, connection: Sealed) -> None:
        super().__init__(max_retries=0)
        self._connection = connection

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        self.poolmanager = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The response, with its whole body; raises as `Sealed.exchange` does."""
        answer = self._connection.exchange(written(request), self.max_body, self.deadline)
        return self.build_response(request, Whole(answer))  # type: ignore[arg-type]  # it reads these attributes


class Whole(io.BytesIO):
    """A complete answer in the form of a raw response of `requests`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.status = answer.status
        self.reason = answer.reason
        self.headers = answer.headers
        self.may_stay = answer.may_stay


def written(request: requests.PreparedRequest) -> bytes:
    """A prepared request as bytes. Raises ValueError for a target or header that could pass for another request."""
    target = request.path_url
    if _UNFIT.search(target):
        raise ValueError("the target of a request has no spaces and no control characters")
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if _CONTROL.search("".join(lines)):
        raise ValueError("a header has no control characters")
    body = request.body or b""
    assert isinstance(body, bytes)
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
