"""A request's body, fed as its bytes come: urlencoded, multipart or JSON; nothing above the caps is held.

A server makes one per request, feeds it, and may ask in between: `so_far` for the fields that are known (a log-in in
the query or in the first parts), `trouble` for what is wrong already, `held` for the memory it costs. `caps` may be
raised once the caller is known.
"""

from __future__ import annotations

from smsq.worker.gateway.http.server.form import Form, FormError, Upload, form_of, read_json, split
from smsq.worker.gateway.http.server.multipart import Caps, Multipart, NewUpload, boundary_of


class Body:
    """The reader of one request's query and body."""

    def __init__(
        self,
        query: bytes = b"",
        content_type: bytes = b"",
        caps: Caps = Caps(),  # noqa: B008  (frozen)
        new_upload: NewUpload = Upload,
        *,
        is_json: bool = False,
    ) -> None:
        self._size = 0
        self._trouble: FormError | None = None
        self._query: dict[bytes, bytes] = {}
        self._multipart: Multipart | None = None
        self._pieces: list[bytes] = []
        self._caps = caps
        self._is_json = is_json
        try:
            self._query = split(query) if query else {}
            boundary = None if is_json else boundary_of(content_type)
            if boundary is not None:
                self._multipart = Multipart(boundary, caps, new_upload)
        except FormError as wrong:
            self._trouble = wrong

    @property
    def caps(self) -> Caps:
        """The most that is taken."""
        return self._caps

    @caps.setter
    def caps(self, caps: Caps) -> None:
        self._caps = caps
        if self._multipart is not None:
            self._multipart.caps = caps

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self._multipart.held if self._multipart is not None else sum(map(len, self._pieces))

    @property
    def trouble(self) -> FormError | None:
        """What is wrong already; the rest may still be fed and costs no memory."""
        return self._trouble or (self._multipart.trouble if self._multipart is not None else None)

    def feed(self, data: bytes) -> None:
        """Take the next bytes; never raises."""
        self._size += len(data)
        if self._size > self._caps.body:
            self._fail("the body is too large")
        elif self._multipart is not None:
            self._multipart.feed(data)
        elif self._trouble is None:
            if self._size > self._caps.fields:
                self._fail("the fields are too large")
            else:
                self._pieces.append(data)

    def so_far(self) -> Form:
        """The query's fields, and the whole parts of a multipart body; for errors, and to know the caller."""
        if self._is_json:
            return Form.of({"fmt": "3", "charset": "utf-8"})  # its answers are JSON, errors too
        if self._multipart is None:
            return form_of(self._query)
        return form_of({**self._query, **self._multipart.fields}, (), self._multipart.codecs)

    def close(self) -> Form:
        """The request is whole: its fields. Raises FormError for what was wrong."""
        if self._trouble is not None:
            raise self._trouble
        if self._multipart is not None:
            self._multipart.close()
            fields = {**self._query, **self._multipart.fields}
            return form_of(fields, self._multipart.uploads, self._multipart.codecs)
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if self._is_json:
            return read_json(body)
        return form_of({**self._query, **split(body)})

    def drop(self) -> None:
        """The request is given up: forget what was taken."""
        self._fail("given up")

    def _fail(self, sentence: str) -> None:
        if self._trouble is None:
            self._trouble = FormError(1, sentence)
        self._pieces.clear()
        if self._multipart is not None:
            self._multipart.give_up()
