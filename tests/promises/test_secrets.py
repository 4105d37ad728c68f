"""A canary in every place where something secret enters; it must not come out where it does not belong."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import prometheus_client
import pytest

from smsq.worker import logs
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import Conflict, SmsqError
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.gateway.login import Login
from smsq.worker.ledger import NewMessage
from smsq.worker.redis_client import connect
from smsq.worker.sandbox import Profile

PASSWORD = "canary-password-51"
APIKEY = "canary-apikey-52"
CALLBACK = "canary-callback-53"
TEXT = "canary text 54"
PHONE = 79995550123
ADDRESS = "canary.55@example.ru"
SECRETS = (PASSWORD, APIKEY, CALLBACK)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Every line that is logged, at DEBUG, as a process writes it; logging is put back as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    root.handlers[:], root.level = before


def everything_in(database: Any) -> bytes:
    """All keys of a database and what they hold, in one heap."""
    heap = []
    for key in database.keys("*"):
        kind = database.type(key)
        read: dict[bytes, Callable[[], Any]] = {
            b"string": lambda key=key: [database.get(key)],
            b"list": lambda key=key: database.lrange(key, 0, -1),
            b"set": lambda key=key: database.smembers(key),
            b"zset": lambda key=key: database.zrange(key, 0, -1),
            b"hash": lambda key=key: [part for pair in database.hgetall(key).items() for part in pair],
        }
        heap += [key, *read[kind]()]
    return b"\n".join(heap)


def live(plant: Any) -> list[BaseException]:
    """A send, a refusal, doubts, an ask, a conflict, a stranger's fact, a refused log-in; what was raised."""
    raised: list[BaseException] = []

    def attempt(act: Callable[[], Any]) -> None:
        try:
            act()
        except SmsqError as error:
            raised.append(error)

    well = plant.enrol(PHONE, TEXT, key="k", lane="bulk")
    plant.send(well)
    attempt(lambda: plant.ledger.enrol(NewMessage(PHONE, TEXT + " other", key="k", lane="bulk")))
    plant.sandbox.misfortune("denied", next_few=1)
    plant.send(plant.enrol(PHONE + 1, TEXT))
    for kind in ("lose_answer", "error_502", "unknown_code"):
        plant.sandbox.misfortune(kind, next_few=1)
        ref = plant.enrol(PHONE + 2, TEXT + kind)
        plant.send(ref)
        plant.doubts.settle_doubts([str(ref)])
    mail = Options(channel="mail", sender="shop@example.ru", subj="Autumn")
    for kind in ("", "lose_answer", "denied"):
        if kind:
            plant.sandbox.misfortune(kind, next_few=1)
        ref = plant.enrol(ADDRESS, TEXT + " mail" + kind, options=mail)
        plant.send(ref)
        plant.doubts.settle_doubts([str(ref)])
    plant.asks.ask_statuses([str(well)])
    plant.runtime.hints.batches("bulk", [well])
    plant.runtime.hints.asks([well])
    plant.runtime.hints.doubts([well])
    gateway_id = plant.ledger.read([well])[0].ids[0].gateway_id
    plant.ledger.advance([Fact(gateway_id=gateway_id, recipient=PHONE + 9, status=Status.DELIVERED)])
    plant.sandbox.misfortune("bad_login", next_few=1)
    plant.send(plant.enrol(PHONE + 3, TEXT))
    attempt(lambda: plant.ledger.resolve(well, 99, "no such word"))
    return raised


@pytest.mark.parametrize("with_key", [False, True], ids=["password", "apikey"])
def test_nothing_secret_comes_out(
    make_plant: Callable[..., Any], lines: io.StringIO, redis_server: Any, with_key: bool
) -> None:
    """Not in logs, errors, metrics or broker messages; phones and texts only in the ledger; secrets nowhere."""
    profile = Profile(password=PASSWORD, apikey=APIKEY, mass_ask_every_s=0.09, minute_s=0.09)
    plant = make_plant(profile=profile, SMSQ_CALLBACK_SECRET=CALLBACK, SMSQ_PASSWORD=PASSWORD)
    if with_key:
        plant.runtime.login = Login("", APIKEY, is_key=True)
    raised = live(plant)

    said = lines.getvalue()
    assert "refused" in said
    said += "".join("".join(traceback.format_exception(error)) + repr(error) for error in raised)
    assert any(isinstance(error, Conflict) for error in raised)
    said += repr(plant.runtime) + repr(plant.runtime.settings) + repr(plant.ledger.enrol(NewMessage(PHONE, TEXT)))
    said += repr(plant.ledger.read([plant.enrol(PHONE + 5, TEXT)])[0]) + repr(NewMessage(ADDRESS, TEXT))
    said += prometheus_client.generate_latest().decode()
    broker = connect(redis_server.broker_url)
    hints = everything_in(broker).decode(errors="replace")
    broker.close()
    assert "send_batches" in hints
    for canary in (*SECRETS, TEXT, str(PHONE), str(PHONE)[1:], ADDRESS):
        assert canary not in said, canary
        assert canary not in hints, canary
    ledger = everything_in(plant.ledger.redis)
    assert ADDRESS.encode() in ledger
    for secret in SECRETS:
        assert secret.encode() not in ledger
    journal = b"".join(path.read_bytes() for path in (plant.runtime.settings.home / "journal").glob("*.log"))
    for canary in (*SECRETS, TEXT, str(PHONE), ADDRESS):
        assert canary.encode() not in journal
