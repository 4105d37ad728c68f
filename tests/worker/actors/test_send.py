"""Every outcome of a send, on real sockets and a real ledger; the verdict is the gateway's own count."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from smsq.producers.machine.processes import threads_of
from smsq.worker.actors import claims
from smsq.worker.actors.send import Sender
from smsq.worker.domain.batch import Options, Ref
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Claim, Ledger, NoClaim
from smsq.worker.processes.lane import owner_name
from smsq.worker.redis_client import connect
from smsq.worker.sealing import Sealer

PHONES = [79990000000 + n for n in range(100)]
CYRILLIC = "Здравствуйте, это сообщение из двух частей: " + "ещё немного текста, " * 3


def accepted(plant: Any) -> int:
    return int(plant.sandbox.report()["accepted"])


def test_one_message_is_accepted_once(plant: Any) -> None:
    """The plainest story: enrolled, sent, accepted."""
    ref = plant.enrol()

    plant.send(ref)
    plant.send(ref)

    assert plant.state(ref) == BatchState.SETTLED
    assert plant.statuses(ref) == ["accepted"]
    assert accepted(plant) == 1


def test_what_an_older_version_let_in_does_not_leave_by_another_channel(plant: Any, caplog: Any) -> None:
    """Refused, and said so; nothing was sent, nothing is in doubt, and the worker goes on."""
    ref = plant.enrol(options=Options(extra={"hlr": "1"}))
    other = plant.enrol(79991234568)

    plant.send(ref)
    plant.send(other)

    assert (plant.state(ref), plant.statuses(ref), plant.statuses(other)) == (
        BatchState.SETTLED, ["refused"], ["accepted"],
    )  # fmt: skip
    assert "hlr" in caplog.text
    assert plant.sandbox.report()["requests"] == {"send": 1}


def test_a_text_that_does_not_open_is_not_sent(plant: Any, caplog: Any) -> None:
    """A worker with another secret key says so, and leaves it to who has the right one."""
    ref = plant.enrol(79991234567, "Your code is 4821")
    right, plant.ledger.sealer = plant.ledger.sealer, Sealer(["x" * 32])
    plant.send(ref)

    assert (plant.state(ref), accepted(plant)) == (BatchState.READY, 0)
    assert "does not open" in caplog.text
    assert "4821" not in caplog.text
    plant.ledger.sealer = right
    plant.runtime.health.mended(Sick.KEY)
    plant.send(ref)
    assert (plant.state(ref), accepted(plant)) == (BatchState.SETTLED, 1)


def test_a_batch_leaves_in_one_request(plant: Any) -> None:
    """A hundred messages, one request, a hundred receipts with their share of the cost."""
    (ref,) = plant.campaign(PHONES)

    plant.send(ref)

    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["requests"]["send"]) == (100, 0, 1)
    campaign = plant.runtime.views.campaign(ref.campaign)
    assert campaign.statuses == {"accepted": 100}
    assert campaign.cost == Decimal("3.8") * 100


def test_two_part_cyrillic_texts_to_several_phones_are_accepted(plant: Any) -> None:
    """The answer counts parts, not phones."""
    (ref,) = plant.campaign(PHONES[:7], text=CYRILLIC)

    plant.send(ref)

    assert plant.statuses(ref) == ["accepted"] * 7
    assert accepted(plant) == 7


def test_personal_texts_go_to_their_own_phones(plant: Any) -> None:
    """Each phone gets its text, newlines and separators included."""
    texts = [f"Hello {n}: a;b\nsecond line" for n in range(5)]
    (ref,) = plant.campaign(PHONES[:5], texts=texts)

    plant.send(ref)

    assert accepted(plant) == 5
    assert plant.statuses(ref) == ["accepted"] * 5


@pytest.mark.parametrize(
    "kind",
    [
        "lose_answer",
        "reset",
        "hang",
        "accepted_502",
        "html",
        "empty",
        "truncated",
        "cut_json",
        "wrong_id",
        "short_count",
        "unknown_code",
    ],
)
def test_an_answer_that_cannot_be_trusted_makes_doubt_and_nothing_is_repeated(plant: Any, kind: str) -> None:
    """The gateway accepted, its answer was lost: we ask, and the one acceptance is found."""
    from smsq.worker.sandbox import KINDS

    if kind not in KINDS:
        pytest.fail(f"unknown misfortune {kind}; there are {sorted(KINDS)}")
    ref = plant.enrol()
    plant.sandbox.misfortune(kind, next_few=1)

    plant.send(ref)

    assert plant.state(ref) == BatchState.DOUBTFUL


def test_doubt_about_an_accepted_message_ends_by_asking(plant: Any) -> None:
    """One acceptance, found under its id; never a second."""
    ref = plant.enrol()
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)

    plant.doubts.settle_doubts([str(ref)])

    assert plant.state(ref) == BatchState.SETTLED
    assert accepted(plant) == 1


def test_a_mirror_that_is_down_is_passed_over(make_plant: Callable[..., Any]) -> None:
    """Nothing was written to it, so the next mirror takes the message at once."""
    plant = make_plant(mirrors=2)
    plant.sandbox.mirror(1, down=True)
    ref = plant.enrol()

    plant.send(ref)

    assert plant.statuses(ref) == ["accepted"]
    assert accepted(plant) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here: a full disk cannot be had")
def test_nothing_is_sent_that_cannot_be_written_down(plant: Any) -> None:
    """The disk under the journal is full: the claim goes back at once, no doubt and no death is counted for it."""
    before, ref = plant.enrol(), plant.enrol(79991234568)
    plant.send(before)
    journal = plant.runtime.journal
    os.dup2(full := os.open("/dev/full", os.O_WRONLY), journal._out)
    os.close(full)

    plant.send(ref)

    batch = plant.ledger.read([ref])[0]
    assert (BatchState(batch.state), batch.deaths, len(batch.ids)) == (BatchState.READY, 0, 0)
    assert accepted(plant) == 1
    os.close(journal._out)
    journal._out, plant.sender._paused_until = None, 0.0
    plant.send(ref)
    assert (plant.state(ref), accepted(plant)) == (BatchState.SETTLED, 2)


def test_whoever_waits_hears_that_no_mirror_can_be_reached(make_plant: Callable[..., Any]) -> None:
    """Only once every mirror was tried in vain; and it is forgotten by itself."""
    plant = make_plant(mirrors=2)
    plant.sandbox.mirror(1, down=True)
    ref = plant.enrol()
    assert not plant.runtime.views.brakes().is_cut_off
    plant.sandbox.mirror(2, down=True)

    plant.send(ref)

    assert plant.state(ref) == BatchState.READY
    assert plant.runtime.views.brakes().is_cut_off
    plant.ledger.redis.hset(plant.ledger.key("ctl"), "unreached_until", int((plant.ledger.time() - 1) * 1000))
    assert not plant.runtime.views.brakes().is_cut_off


def test_bad_credentials_halt_the_login_at_the_first_answer(make_plant: Callable[..., Any]) -> None:
    """The message keeps waiting; nothing hammers the gateway."""
    plant = make_plant(SMSQ_PASSWORD="wrong")
    refs = [plant.enrol(phone) for phone in PHONES[:5]]

    plant.send(*refs)
    plant.send(*refs)

    assert {plant.state(ref) for ref in refs} == {BatchState.READY}
    assert plant.runtime.views.halted() == "login"
    assert plant.sandbox.report()["requests"]["send"] == 1


def test_a_refused_message_ends_with_the_gateways_reason(make_plant: Callable[..., Any]) -> None:
    """Error 7 for one phone is final."""
    from smsq.worker.sandbox import Profile

    plant = make_plant(profile=Profile(denied_text="casino"))
    ref = plant.enrol(text="casino")

    plant.send(ref)

    assert plant.statuses(ref) == ["refused"]
    assert accepted(plant) == 0


@pytest.mark.parametrize("lane", ["urgent", "bulk"])
def test_a_refused_code_is_told_to_the_shield(make_plant: Callable[..., Any], lane: str) -> None:
    """Which asks for no further one to that number; it hears of the urgent lane alone."""
    from smsq.worker.sandbox import Profile

    plant = make_plant(profile=Profile(dead_prefixes=("7999123",)))
    shield = plant.runtime.shield
    assert shield.admit(79991234567, token="login-17").allowed
    plant.send(plant.enrol(key="login-17", lane=lane))

    assert shield.admit(79991234567, dry_run=True).code == ("refused" if lane == "urgent" else "allowed")


def test_a_forbidden_text_is_no_fault_of_the_number(make_plant: Callable[..., Any]) -> None:
    """A sender name that was never registered must not hold every prefix."""
    from smsq.worker.sandbox import Profile

    plant = make_plant(profile=Profile(denied_text="casino"))
    assert plant.runtime.shield.admit(79991234567, token="login-17").allowed
    plant.send(plant.enrol(text="casino", key="login-17", lane="urgent"))

    assert plant.runtime.shield.admit(79991234567, dry_run=True).allowed


def test_an_empty_account_halts_the_bulk_lane_and_leaves_doubt(make_plant: Callable[..., Any]) -> None:
    """Error 3 consumes an id, so it is no proof."""
    from smsq.worker.sandbox import Profile

    plant = make_plant(profile=Profile(balance=Decimal(0)))
    first, second = plant.campaign(PHONES[:3], PHONES[3:6])

    plant.send(first)
    plant.send(second)

    assert plant.state(first) == BatchState.DOUBTFUL
    assert plant.state(second) == BatchState.READY
    assert plant.runtime.views.halted() == "money"


def test_a_paused_campaign_sends_nothing_more_and_resumes(plant: Any) -> None:
    """Pause takes hold at the next claim, that of a worker who goes on by itself and that of one who is woken."""
    first, second = plant.campaign(PHONES[:3], PHONES[3:6])
    ledger = interrupted(plant)
    ledger.meanwhile = lambda: plant.ledger.control(first.campaign, "pause")
    plant.send(first)
    ledger.meanwhile = lambda: None

    plant.send(second)
    held = accepted(plant)
    plant.ledger.control(first.campaign, "resume")
    plant.send(second)

    assert (held, accepted(plant)) == (3, 6)


def interrupted(plant: Any) -> _Interrupted:
    """The plant's ledger from now on."""
    ledger = plant.runtime.ledger = _Interrupted(connect(plant.runtime.redis_url))
    ledger.sealer = plant.runtime.sealer
    return ledger


class _Interrupted(Ledger):
    """A ledger with a switch: while it grants a claim, something happens to the worker."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    is_broken_off = False

    def claim(self, *args: Any, **options: Any) -> Claim | NoClaim:
        granted = super().claim(*args, **options)
        self.meanwhile()
        return granted

    def settle_accepted(self, *args: Any, **options: Any) -> tuple[str, float]:
        if self.is_broken_off:
            raise SystemExit
        return super().settle_accepted(*args, **options)


def test_an_interruption_after_the_write_touches_nothing(plant: Any) -> None:
    """Between the answer and the settling the thread is ended: the claim stays until it expires."""
    ref = plant.enrol()
    ledger = interrupted(plant)
    ledger.is_broken_off = True

    with pytest.raises(SystemExit):
        plant.send(ref)

    assert plant.state(ref) == BatchState.SENDING
    assert accepted(plant) == 1


def test_a_line_that_closed_meanwhile_is_seen_before_a_word_is_said(plant: Any) -> None:
    """Nothing was written, so the batch goes out over another line at once, under another id."""
    ref = plant.enrol()
    ledger = interrupted(plant)
    closings = iter([plant.runtime.transport.close])
    ledger.meanwhile = lambda: next(closings, lambda: None)()

    plant.send(ref)

    assert plant.statuses(ref) == ["accepted"]
    batch = ledger.read([ref])[0]
    assert (len(batch.ids), batch.fence) == (1, 2)


def test_a_line_that_the_gateway_closed_meanwhile_is_seen_before_a_word_is_said(
    plant: Any, make_plant: Callable[..., Any]
) -> None:
    """A word on it would leave a doubt; nothing was written, so the next mirror takes the message at once."""
    with socket.create_server(("127.0.0.1", 0)) as closing:
        mirrors = f"http://127.0.0.1:{closing.getsockname()[1]},{plant.sandbox.mirrors[0]}"
        worker = make_plant(SMSQ_MIRRORS=mirrors)
        ref = worker.enrol()
        closings = iter([lambda: closing.accept()[0].close()])
        interrupted(worker).meanwhile = lambda: next(closings, lambda: None)()

        worker.send(ref)

    assert worker.statuses(ref) == ["accepted"]
    batch = worker.ledger.read([ref])[0]
    assert (len(batch.ids), batch.fence) == (1, 2)
    assert accepted(plant) == 1


def test_a_hint_that_comes_twice_at_once_is_sent_once(plant: Any) -> None:
    """Another worker takes the same message from the queue while the first one's claim is being answered."""
    ref = plant.enrol()
    other = Sender(plant.runtime, owner_name("bulk"))
    others = iter([lambda: other.send_batches([str(ref)])])
    interrupted(plant).meanwhile = lambda: next(others, lambda: None)()

    plant.send(ref)

    assert plant.statuses(ref) == ["accepted"]
    report = plant.sandbox.report()
    assert (report["requests"]["send"], report["accepted"], report["twice"]) == (1, 1, 0)


def test_a_claim_without_a_line_in_the_journal_is_left_alone(plant: Any) -> None:
    """The ledger may have fallen back meanwhile, and another worker's claim may have its id and its fence."""
    ref = plant.enrol()
    ledger = interrupted(plant)

    def falls_back() -> None:
        plant.runtime.transport.close()
        assert plant.runtime.journal.follow("another run")

    ledger.meanwhile = falls_back

    plant.send(ref)

    assert plant.state(ref) == BatchState.SENDING


def test_a_code_does_not_wait_for_a_mirror_that_swallows_connections(
    plant: Any, make_plant: Callable[..., Any]
) -> None:
    """It gives the first mirror a moment and goes to the next, in the same run of the actor."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for line in (first, second):
            line.setblocking(False)
            line.connect_ex(full.getsockname())
        mirrors = f"http://127.0.0.1:{full.getsockname()[1]},{plant.sandbox.mirrors[0]}"
        hurried = make_plant(SMSQ_MIRRORS=mirrors, SMSQ_CONNECT_TIMEOUT_S="20")
        ref = hurried.enrol()
        Sender(hurried.runtime, owner_name("urgent")).send_batches([str(ref)])

        assert hurried.statuses(ref) == ["accepted"]
        assert accepted(plant) == 1


def test_a_mirror_that_never_answers_does_not_stop_codes(plant: Any, make_plant: Callable[..., Any]) -> None:
    """Ten at once hang there for the half minute of a send; those that come after go past them, to the next mirror."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        slow = make_plant(
            SMSQ_MIRRORS=f"http://127.0.0.1:{silent.getsockname()[1]},{plant.sandbox.mirrors[0]}",
            SMSQ_READ_TIMEOUT_S="30",
            SMSQ_LEASE_S="45",
            SMSQ_PEER_CLOSE_S="75",
            SMSQ_DOUBT_SETTLE_S="300",
        )
        sender = Sender(slow.runtime, owner_name("urgent"))
        refs = [slow.enrol(79991234500 + n) for n in range(20)]

        def push(ref: Ref) -> None:
            while slow.state(ref) == BatchState.READY:  # the sweep's part, where it waited too long for a slot
                sender.send_batches([str(ref)])

        with ThreadPoolExecutor(threads_of(slow.runtime.settings, "urgent", 1)) as pool:
            for ref in refs:
                pool.submit(push, ref)
            try:
                until = time.monotonic() + 20
                while accepted(plant) < 10 and time.monotonic() < until:
                    time.sleep(0.05)
                assert accepted(plant) == 10
                assert sum(slow.state(ref) == BatchState.SENDING for ref in refs) == 10
            finally:
                silent.close()  # those that hang come to an end
    assert sum(slow.state(ref) == BatchState.DOUBTFUL for ref in refs) == 10


@pytest.mark.parametrize("bell", ["rings", "is broken"])
def test_who_finds_no_slot_takes_the_next_that_comes_free(
    make_plant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, bell: str
) -> None:
    """It waits beside its open line, hears of the slot, and sends; with a broken bell it looks instead."""
    plant = make_plant(SMSQ_PARALLEL_SENDS="1", SMSQ_URGENT_SLOTS="0", SMSQ_KEEP_IDLE_S="2")
    monkeypatch.setattr(claims, "SLOT_SLICE_S", 2.0)
    first, second = plant.enrol(), plant.enrol(79991234568)
    running = plant.ledger.claim(
        first, "n", owner="bulk/h/1/a", mirror=plant.sandbox.mirrors[0], lease_s=45.0, parallel=1, urgent_slots=0,
        slot_kept_s=75.0, credentials="x",
    )  # fmt: skip
    assert isinstance(running, Claim)
    redis: Any = plant.ledger.redis
    key = "{smsq}:bell:slots:bulk"
    if bell == "is broken":
        redis.set(key, "no list")
    waiter = threading.Thread(target=plant.send, args=(second,))
    waiter.start()
    if bell == "rings":
        _await(lambda: redis.info("clients")["blocked_clients"] == 1)
    plant.ledger.settle_accepted(running, 1, None, 5.0)
    waiter.join(10)

    assert plant.statuses(second) == ["accepted"]
    assert redis.type(key) == (b"string" if bell == "is broken" else b"list")


def _await(claim: Callable[[], bool]) -> None:
    """Look until it holds; ten seconds is a failure."""
    until = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.005)
