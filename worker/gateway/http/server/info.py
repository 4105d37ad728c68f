"""Whose number it is: info.php (PROTOCOL C.4).

    get_operator=1&phone=79232510066      {"country": "Russia", "operator": "MegaFon", "region": "", …}

Shapes other than fmt 3 are not documented: they are those of the other lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from smsq.worker.gateway.http.server.form import Form, FormError, number_of
from smsq.worker.gateway.http.server.records import shown
from smsq.worker.gateway.http.server.shapes import cells, encoded, sentence, tree
from smsq.worker.gateway.login import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoRequest:
    """A question about one number."""

    login: Login
    phone: str
    fmt: int
    charset: str

    @classmethod
    def read(cls, form: Form) -> Self:
        """Raises FormError 1 if it asks for something else, or for no number."""
        phone = shown(form.get("phone"))
        if not form.is_on("get_operator") or not phone:
            raise FormError(1, "get_operator=1 and a phone are served")
        return cls(login=form.login, phone=phone, fmt=number_of(form, "fmt", 3), charset=form.charset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Whose number it is; codes are strings, since they may begin with 0."""

    country: str
    operator: str
    region: str = ""
    mcc: str = ""
    mnc: str = ""
    tz: str = ""


def write_operator(operator: Operator, fmt: int = 3, charset: str = "utf-8") -> bytes:
    """What is known of the number."""
    told: dict[str, object] = {
        "country": operator.country,
        "operator": operator.operator,
        "region": operator.region,
        "mcc": operator.mcc,
        "mnc": operator.mnc,
        "tz": operator.tz,
    }
    if fmt >= 2:
        return tree(told, fmt, charset)
    return encoded(sentence(told) if fmt == 0 else cells(told.values()), charset)
