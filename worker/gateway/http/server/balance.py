"""The account's balance (PROTOCOL E.1).

    fmt=1            1871.62
    fmt=0&cur=1      1871.62 RUR

In fmt 1 exactly one field: two are an error to the libraries, whatever their signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from smsq.worker.gateway.http.server.form import Form, number_of
from smsq.worker.gateway.http.server.shapes import amount, elements, encoded, to_json, xml
from smsq.worker.gateway.login import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRequest:
    """A question for the balance."""

    login: Login
    wants_currency: bool
    fmt: int
    charset: str

    @classmethod
    def read(cls, form: Form) -> Self:
        """Raises FormError 1 for a wrong parameter."""
        return cls(
            login=form.login, wants_currency=form.is_on("cur"), fmt=number_of(form, "fmt", 3), charset=form.charset
        )


def write_balance(
    balance: Decimal, currency: str | None = None, credit: Decimal | None = None, fmt: int = 3, charset: str = "utf-8"
) -> bytes:
    """What is left; `currency` if the request had cur=1, `credit` if the account has one."""
    told: dict[str, object] = {"balance": amount(balance)}
    if credit is not None:
        told["credit"] = amount(credit)
    if currency is not None:
        told["currency"] = currency
    if fmt == 3:
        return to_json(told, charset)
    if fmt == 2:
        return xml(elements(told), charset)
    return encoded(amount(balance) if fmt == 1 else " ".join(map(str, told.values())), charset)
