"""The price of messages: nothing is asked that could not be sent."""

from __future__ import annotations

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.job import PriceJob
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.http.server.form import read_form
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import check_price

PHONE = 79991234567
WRONG = [
    (
        "an extra that is the gateway's switch",
        PriceJob(recipients=(PHONE,), text="Hi", options=Options(extra={"cost": "0"})),
    ),
    ("an extra that is another kind", PriceJob(recipients=(PHONE,), text="Hi", options=Options(extra={"hlr": "1"}))),
    ("a sender that cannot be", PriceJob(recipients=(PHONE,), text="Hi", options=Options(sender="x" * 12))),
    ("a channel that is none", PriceJob(recipients=(PHONE,), text="Hi", options=Options(channel="fax"))),
    ("no text", PriceJob(recipients=(PHONE,), text=" ")),
    ("a comment mark", PriceJob(recipients=(PHONE,), text="Hi\n~~~\nx")),
    ("a comment mark among others", PriceJob(messages=((PHONE, "Hi"), (PHONE, "Hi\n~~~\nx")))),
    ("what a list turns into a comment mark", PriceJob(messages=((PHONE, "Hi\\n~~~\\nx"),))),
    ("a control character", PriceJob(messages=((PHONE, "a\x0b79990000000:b"),))),
]


@pytest.mark.parametrize("job", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_could_not_be_sent_is_not_priced(job: PriceJob) -> None:
    """A price request is a send with one field more."""
    with pytest.raises(BadInput):
        check_price(job)


def test_both_kinds_are_price_requests() -> None:
    """Whatever the job, the request carries cost=1 and no id."""
    for job in (PriceJob(recipients=(PHONE,), text="Hi"), PriceJob(messages=((PHONE, "a"), (PHONE + 1, "b")))):
        check_price(job)
        order = SendRequest.read(read_form(b"", client_forms.price(Login("me", "pw"), job)))
        assert (order.cost, order.id, order.is_list) == (1, None, bool(job.messages))
