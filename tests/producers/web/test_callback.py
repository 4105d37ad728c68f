"""The receiver of the gateway's statuses, on a real socket: stored, and only then answered."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import uvicorn
from prometheus_client import REGISTRY

from smsq.producers.web.app import make_app
from smsq.producers.web.callback import LARGEST_GROUP, MAX_BODY, Gatherer
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.optout import OptOut
from smsq.worker.domain.status import Status
from smsq.worker.gateway.http.callbacks import Call, write, write_list
from smsq.worker.runtime import Runtime
from tests.conftest import Plant

SECRET = "s3cret-of-the-handler"


class Receiver:
    """The application on a port, and the gateway's side of a call."""

    def __init__(self, runtime: Runtime) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(make_app(runtime), log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def call(self, call: Call) -> int:
        """Make a call; the HTTP status of the answer."""
        return self.ask(call.method, f"/callback?{call.query}", call.body, {"Content-Type": call.content_type})[0]

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()


@pytest.fixture
def receive() -> Iterator[Callable[[Runtime], Receiver]]:
    """Start a receiver on a runtime."""
    receivers: list[Receiver] = []

    def start(runtime: Runtime) -> Receiver:
        receivers.append(Receiver(runtime))
        return receivers[-1]

    yield start
    for receiver in receivers:
        receiver.stop()


@pytest.fixture
def secret_plant(make_plant: Callable[..., Plant]) -> Plant:
    """A plant whose gateway signs."""
    return make_plant(SMSQ_CALLBACK_SECRET=SECRET)


def accepted(plant: Plant, phones: Sequence[int]) -> tuple[Ref, int]:
    """A batch that the gateway accepted, and its id there."""
    ref = plant.campaign(phones)[0]
    plant.send(ref)
    batch = plant.ledger.read([ref])[0]
    assert batch is not None
    return ref, batch.ids[-1].gateway_id


def status(gateway_id: int, phone: int, code: int = 1) -> dict[str, str | int]:
    """A status event's fields."""
    return {"id": gateway_id, "phone": phone, "status": code, "err": 0, "ts": 1_700_000_000, "cnt": 1, "cost": "3.8"}


@pytest.mark.parametrize("style", ["form", "get", "json", "xml"])
def test_a_status_is_stored_however_it_is_written(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver], style: str
) -> None:
    """When the answer is there, the ledger knows."""
    ref, gateway_id = accepted(secret_plant, [79990000001, 79990000002])
    receiver = receive(secret_plant.runtime)
    answer = receiver.call(write(status(gateway_id, 79990000002), SECRET, style))  # type: ignore[arg-type]

    assert (answer, secret_plant.statuses(ref)) == (200, ["accepted", "delivered"])


def test_many_at_once_are_all_stored(secret_plant: Plant, receive: Callable[[Runtime], Receiver]) -> None:
    """Concurrent calls, lists, repeats and an older status after a newer one."""
    phones = [79990000000 + n for n in range(100)]
    ref, gateway_id = accepted(secret_plant, phones)
    receiver = receive(secret_plant.runtime)
    calls = [write(status(gateway_id, phone), SECRET) for phone in phones[:80]] * 2
    calls += [write(status(gateway_id, phone, 0), SECRET) for phone in phones[:20]]
    calls.append(write_list([status(gateway_id, phone, 20) for phone in phones[80:]], SECRET))
    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(receiver.call, calls))

    assert answers == {200}
    assert secret_plant.statuses(ref) == ["delivered"] * 80 + ["undeliverable"] * 20


def test_what_proves_nothing_changes_nothing(secret_plant: Plant, receive: Callable[[Runtime], Receiver]) -> None:
    """-3 and 24, ids that are nobody's, other events: taken with thanks, so that they are not sent again."""
    ref, gateway_id = accepted(secret_plant, [79990000001])
    receiver = receive(secret_plant.runtime)
    calls = [write(status(gateway_id, 79990000001, code), SECRET) for code in (-3, 24)]
    calls.append(write(status(77, 79990000001), SECRET))
    calls.append(write({"phone": 79990000001, "mes": "STOP", "to": "79990000000"}, SECRET))

    assert [receiver.call(call) for call in calls] == [200] * 4
    assert secret_plant.statuses(ref) == ["accepted"]


def test_a_list_with_strangers_in_it_is_stored_and_answered(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver], caplog: pytest.LogCaptureFixture
) -> None:
    """200, since the gateway would repeat all of it for ever; what was left out is counted by its reason."""
    ref, gateway_id = accepted(secret_plant, [79990000001, 79990000002])
    receiver = receive(secret_plant.runtime)
    events = [status(gateway_id, 79990000001), {**status(gateway_id, 79990000002), "phone": "a b@example.com"}]
    events.append({"phone": "Bank", "mes": "Your balance", "to": "79990000000"})
    call = write_list(events, SECRET)
    unsigned = b', {"id": 5, "phone": "79990000002", "status": 1}, 7]'
    before = {what: counted(what) for what in ("taken", "foreign", "unsigned", "unreadable")}
    caplog.set_level(logging.INFO)

    answer = receiver.ask("POST", f"/callback?{call.query}", call.body[:-1] + unsigned, {"Content-Type": "json"})[0]

    assert (answer, secret_plant.statuses(ref)) == (200, ["delivered", "accepted"])
    told = {what: counted(what) - many for what, many in before.items()}
    assert told == {"taken": 1, "foreign": 2, "unsigned": 1, "unreadable": 1}
    assert "example.com" not in caplog.text


def counted(what: str) -> float:
    """How many items of calls came to this."""
    return REGISTRY.get_sample_value("smsq_callback_events_total", {"outcome": what}) or 0.0


def test_a_slash_behind_the_address_changes_nothing(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver]
) -> None:
    """A redirect would lead to http, and the gateway follows none."""
    ref, gateway_id = accepted(secret_plant, [79990000001])
    receiver = receive(secret_plant.runtime)
    call = write(status(gateway_id, 79990000001), SECRET)

    answer = receiver.ask("POST", f"/callback/?{call.query}", call.body, {"Content-Type": call.content_type})[0]

    assert (answer, secret_plant.statuses(ref)) == (200, ["delivered"])
    assert receiver.ask("GET", "/healthz/")[0] == 404


@pytest.mark.parametrize("cost", ["0", "399999"])
def test_a_repeated_call_changes_no_money(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver], cost: str
) -> None:
    """A genuine call with another cost: no signature covers it."""
    ref, gateway_id = accepted(secret_plant, [79990000001])
    receiver = receive(secret_plant.runtime)
    call = write(status(gateway_id, 79990000001), SECRET)
    forged = call.body.replace(b"cost=3.8", b"cost=" + cost.encode())

    for body in (call.body, forged, forged):
        receiver.ask("POST", f"/callback?{call.query}", body, {"Content-Type": call.content_type})

    receipt = secret_plant.runtime.views.receipt(MessageId(ref.number, 0))
    assert receipt is not None
    assert (receipt.status, receipt.cost) == ("delivered", Decimal("3.8"))
    campaign = secret_plant.runtime.views.campaign(ref.campaign)
    assert campaign is not None
    assert campaign.cost == Decimal("3.8")


def test_a_forged_one_is_refused(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver], caplog: pytest.LogCaptureFixture
) -> None:
    """403, nothing stored, and neither phone nor secret in the log."""
    ref, gateway_id = accepted(secret_plant, [79990000001])
    receiver = receive(secret_plant.runtime)
    caplog.set_level(logging.INFO)

    assert receiver.call(write(status(gateway_id, 79990000001), "another secret")) == 403
    assert secret_plant.statuses(ref) == ["accepted"]
    assert "signature" in caplog.text
    assert "79990000001" not in caplog.text


def test_without_a_secret_every_call_is_refused(plant: Plant, receive: Callable[[Runtime], Receiver]) -> None:
    """Even one that is signed with nothing."""
    assert receive(plant.runtime).call(write(status(1, 79990000001), "")) == 403


def test_what_cannot_be_read_is_400_and_what_is_too_long_413(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver]
) -> None:
    """Also where the length is not said before."""
    receiver = receive(secret_plant.runtime)
    line = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    line.request("POST", "/callback", iter([b"x" * 1000] * (MAX_BODY // 1000 + 2)), encode_chunked=True)
    chunked = line.getresponse().status
    line.close()

    assert receiver.ask("POST", "/callback", b"{")[0] == 400
    assert receiver.ask("POST", "/callback", b"hello")[0] == 400
    assert receiver.ask("POST", "/callback", b"x" * (MAX_BODY + 1))[0] == 413
    assert chunked == 413
    assert receiver.ask("PUT", "/callback")[0] == 405


def test_a_ledger_that_is_away_asks_to_be_called_again(
    make_plant: Callable[..., Plant], receive: Callable[[Runtime], Receiver]
) -> None:
    """503: the gateway repeats; the process itself lives, and says that it is not ready."""
    runtime = make_plant(SMSQ_CALLBACK_SECRET=SECRET).runtime
    away = Runtime(runtime.settings, "redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1")
    receiver = receive(away)

    assert receiver.call(write(status(1_000_000_001, 79990000001), SECRET)) == 503
    assert receiver.ask("GET", "/readyz")[0] == 503
    assert receiver.ask("GET", "/healthz") == (200, b"ok")


def test_a_receiver_with_its_ledger_is_ready(secret_plant: Plant, receive: Callable[[Runtime], Receiver]) -> None:
    """For the load balancer: nobody leads and no worker is up, and statuses are stored all the same."""
    answered, body = receive(secret_plant.runtime).ask("GET", "/readyz")
    told = json.loads(body)

    assert (answered, told["ready"], told["callbacks"]) == (200, True, True)
    assert {name: check["is"] for name, check in told["checks"].items()} == {
        **dict.fromkeys(("ledger", "writes", "run", "broker", "halts"), "ok"),
        "scheduler": "bad",
        "workers": "bad",
        "gateway": "unknown",
    }


def facts(many: int) -> list[Fact]:
    """Facts that nobody looks at closely."""
    return [Fact(gateway_id=n + 1, recipient=79990000000, status=Status.DELIVERED) for n in range(many)]


def test_calls_that_come_together_are_stored_together() -> None:
    """While a group is being stored the next one gathers; no group is too large."""
    groups: list[int] = []

    async def story() -> None:
        gatherer = Gatherer(lambda group: groups.append(len(group)))
        await asyncio.gather(*(gatherer.store(facts(1)) for _ in range(1200)))

    asyncio.run(story())

    assert (sum(groups), max(groups) <= LARGEST_GROUP, len(groups) <= 5) == (1200, True, True)


def test_each_of_a_group_hears_that_it_was_not_stored() -> None:
    """Whatever went wrong; the next group is tried anew."""
    tries: list[int] = []

    def advance(group: Sequence[Fact]) -> int:
        tries.append(len(group))
        if len(tries) == 1:
            raise LedgerUnreachable("away")
        return len(group)

    async def story() -> list[object]:
        gatherer = Gatherer(advance)
        first = await asyncio.gather(*(gatherer.store(facts(1)) for _ in range(3)), return_exceptions=True)
        await gatherer.store(facts(2))
        return list(first)

    outcome = asyncio.run(story())

    assert [type(each) for each in outcome] == [LedgerUnreachable] * 3
    assert tries == [3, 2]


@pytest.mark.parametrize("style", ["form", "get", "json", "xml"])
def test_who_answers_stop_is_on_the_list(
    secret_plant: Plant, receive: Callable[[Runtime], Receiver], style: str
) -> None:
    """Before the gateway is answered; start takes off what stop has put there, and other texts change nothing."""
    ledger, phone = secret_plant.ledger, 79990000001
    receiver = receive(secret_plant.runtime)

    def says(text: str, at: int) -> set[str]:
        event: dict[str, str | int] = {"phone": phone, "mes": text, "to": "79000000000", "ts": at}
        assert receiver.call(write(event, SECRET, style)) == 200  # type: ignore[arg-type]
        return {each.reason for each in ledger.opted_out()}

    assert says("stop by at nine", 1_700_000_000) == set()
    assert says("Стоп!", 1_700_000_001) == {"by reply"}
    assert says("start", 1_700_000_000) == {"by reply"}  # it was written before
    assert says("Start", 1_700_000_002) == set()
    ledger.opt_out([OptOut(key=str(phone), reason="by hand", at=1.0)])
    assert says("start", 1_700_000_003) == {"by hand"}
