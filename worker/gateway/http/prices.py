"""The price of messages: what may be asked, and how it is put; the producer's door and the worker use the same rules.

A price request is a send with one field more (`cost=1`), so whatever could make something else of a send is refused
before it is written down, and once more before it is said.
"""

from __future__ import annotations

from smsq.worker.domain import text as texts
from smsq.worker.domain.job import PriceJob
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.http import client_forms
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.options import check_options


def check(job: PriceJob) -> None:
    """Raise BadInput for options that cannot be, and BadText for a text that could not be sent."""
    check_options(job.options)
    row = channel(job.options.channel)
    for text in job.texts:
        row.check(text)
        if job.messages:
            texts.check_list(text)


def body(login: Login, job: PriceJob) -> bytes:
    """The request; `check` comes first."""
    if job.text is not None:
        return client_forms.price_same(login, job.phones, job.text, job.options)
    return client_forms.price_list(login, job.messages, job.options)
