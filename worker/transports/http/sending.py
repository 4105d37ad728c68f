"""A send over HTTP: from an `Outgoing` to a form, and from the answer to an outcome."""

from __future__ import annotations

from typing import Protocol

from smsq.worker.domain.errors import Unknown
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.http import SEND_PATH, client_forms
from smsq.worker.gateway.http.client_multipart import with_files
from smsq.worker.gateway.http.client_replies import read_send
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.transports import Reply

FORM = "application/x-www-form-urlencoded"


class Exchange(Protocol):
    """One POST and its whole answer; raises Unreachable if nothing was written, Unknown for any later failure."""

    def __call__(self, path: str, body: bytes, deadline_s: float, *, content_type: str = FORM) -> Reply: ...


def send(say: Exchange, login: Login, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
    """Send once and read the answer. Raises BadInput or Unreachable, and then no byte was written."""
    body, content_type = _form(login, outgoing), FORM
    if outgoing.files:
        body, content_type = with_files(body, outgoing.files)
    try:
        reply = say(SEND_PATH, body, deadline_s, content_type=content_type)
    except Unknown as error:
        return SendAnswer(
            outcome=Outcome.UNKNOWN, sentence=error.sentence, is_complete=False, is_over=error.peer_closed
        )
    return read_send(reply.status, reply.body, outgoing.gateway_id, len(outgoing.recipients))


def _form(login: Login, outgoing: Outgoing) -> bytes:
    if outgoing.text is not None:
        return client_forms.send_same(login, outgoing.gateway_id, outgoing.recipients, outgoing.text, outgoing.options)
    messages = list(zip(outgoing.recipients, outgoing.texts, strict=True))
    return client_forms.send_list(login, outgoing.gateway_id, messages, outgoing.options)
