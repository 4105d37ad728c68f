"""The bench of codes: its arithmetic, its gateway's count, and a small run of ours from end to end."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.gateway.http import SEND_PATH
from smsq.worker.gateway.http.client_forms import send_same
from smsq.worker.gateway.http.client_replies import read_send
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome
from tests.bench.otp.latency import Bulk, Samples, matched, nothing_yet, percentile, rate
from tests.bench.otp.pace import FIRST_CODE_PHONE, pauses, sample
from tests.bench.otp.page import lines, verdicts
from tests.bench.otp.stand_in import Tally, stand_in
from tests.bench.programs import ROOT

LOGIN = Login("bench", "bench")


@pytest.mark.parametrize(
    ("part", "expected"),
    [(50, 50.0), (95, 95.0), (99, 99.0), (99.9, 100.0), (100, 100.0), (0, 1.0)],
)
def test_a_percentile_is_a_reading_that_was_taken(part: float, expected: float) -> None:
    """Nearest rank, whatever the order of the readings."""
    readings = [float(n) for n in range(100, 0, -1)]

    assert percentile(readings, part) == expected


def test_a_code_counts_from_its_call_to_its_first_arrival() -> None:
    """A second arrival is counted and does not change the time; what never arrived is counted too."""
    sent = [(1, 1_000_000, 2_000_000), (2, 5_000_000, 6_000_000), (3, 0, 0)]

    assert matched(sent, [(2, 8_500_000), (1, 3_000_000), (2, 9_000_000)]) == ([2.0, 3.5], 1, 1)


def test_a_lost_code_stands_at_the_end_of_the_tail() -> None:
    """It is no better than the slowest: a percentile that reaches it is infinite."""
    samples = Samples()
    samples.add([(n, 0, 0) for n in range(10)], [(n, 1_000_000) for n in range(9)])

    assert percentile(samples.all, 90) == 1.0
    assert math.isinf(percentile(samples.all, 100))


def test_the_loss_of_the_bulk_is_against_the_windows_beside() -> None:
    """Per cent; a window whose neighbours stood still says nothing."""
    assert Bulk([(90.0, 100.0), (110.0, 100.0), (5.0, 0.0)]).losses == pytest.approx([10.0, -10.0])


def test_a_rate_is_of_recipients_over_the_gateways_own_time() -> None:
    """Both counts carry when they were taken."""
    assert rate({"recipients": 100, "at_ns": 10**9}, {"recipients": 1100, "at_ns": 3 * 10**9}) == 500.0


def test_the_same_seed_pauses_the_same() -> None:
    """So that every program meets codes at the same moments."""
    first, again, other = (list(islice(pauses(seed, 0.5, 2.0), 20)) for seed in (7, 7, 8))

    assert first == again != other
    assert all(0.5 <= each <= 2.0 for each in first)


def test_a_sampler_notes_each_call() -> None:
    """One phone after the other; a call ends after it began."""
    called: list[int] = []
    taken = sample(called.append, first=5, many=3, least_s=0.0, most_s=0.0, seed=1)

    assert [phone for phone, *_ in taken] == called == [5, 6, 7]
    assert all(began <= returned for _, began, returned in taken)


@pytest.mark.parametrize(
    ("phones", "codes", "recipients"),
    [
        ([FIRST_CODE_PHONE], 1, 0),
        ([FIRST_CODE_PHONE + 1, FIRST_CODE_PHONE + 2], 0, 2),
        ([79_031_234_567], 0, 1),
        ([79_031_234_567 + n for n in range(100)], 0, 100),
    ],
    ids=["a code", "two phones are no code", "another's phone", "a batch"],
)
def test_the_stand_in_tells_codes_from_the_rest(phones: list[int], codes: int, recipients: int) -> None:
    """Our own form and a peer's are counted alike, and our reader accepts the answer."""
    ours = send_same(LOGIN, 1_000_000_001, phones, "Hi & bye", Options())
    theirs = urlencode({"login": "bench", "phones": ",".join(f"+{each}" for each in phones), "mes": "a, b"}).encode()
    for body in (ours, theirs):
        tally = Tally(0.0)
        answer = tally.send(body, 5)

        assert (len(tally.stamps), tally.recipients, tally.requests) == (codes, recipients, 1)
    assert read_send(200, Tally(0.0).send(ours, 5), 1_000_000_001, len(phones)).outcome is Outcome.ACCEPTED
    assert json.loads(answer)["cnt"] == len(phones)


def test_the_stand_in_stamps_with_the_clock_of_the_callers(tmp_path: Path) -> None:
    """One clock for the whole machine: an arrival lies between the beginning of the request and its answer."""
    with stand_in(tmp_path) as gateway:
        before = time.monotonic_ns()
        with urlopen(gateway.mirror + SEND_PATH, send_same(LOGIN, 1, [FIRST_CODE_PHONE], "Hi", Options())):
            after = time.monotonic_ns()
        stamps = gateway.stamps()
        gateway.reset()

        assert [phone for phone, _ in stamps] == [FIRST_CODE_PHONE]
        assert before <= stamps[0][1] <= after
        assert gateway.count()["codes"] == 0


def test_the_goals_are_those_of_the_design() -> None:
    """Without any reading there is nothing to judge."""
    assert list(verdicts(None, {})) == []
    sends = [(each.goal, each.is_met) for each in verdicts(None, {"ours": [1200.0], "tenacity": [200.0]})]

    assert sends == [(1000.0, True), (1783, False), (pytest.approx(4.07, abs=0.01), True)]


def test_the_cpu_of_a_send_is_the_sum_of_its_roles() -> None:
    """By the median of the turns; each role has a line."""
    cpu = [{"worker": 0.5, "caller": 0.25}, {"worker": 1.0, "caller": 0.5}, {"worker": 0.75, "ledger server": 0.25}]
    sums = [(each.goal, each.measured.middle, each.is_met) for each in verdicts(None, {}, cpu)]
    told = {"command": "it", "rounds": 3, "rows": 1000, "picture": None, "missing": []}
    written = "\n".join(lines(None, {"ours": [900.0]}, [], cpu=cpu, **told))  # type: ignore[arg-type]

    assert sums == [(1.6, 1.0, True), (1.1, 1.0, True)]
    assert "| worker | 0.75 (0.50-1.00) |" in written
    assert "| ledger server | 0.00 (0.00-0.25) |" in written


def test_idle_codes_have_a_goal_in_milliseconds() -> None:
    """The median of the rounds' medians, against the goal and the stretch."""
    found = nothing_yet(["ours"])
    for took in (2_000_000, 2_200_000, 9_000_000):
        found["ours"]["idle"].add([(1, 0, 1)], [(1, took)])
    idle = [(each.goal, each.measured.middle) for each in verdicts(found, {}) if each.what.startswith("idle p50")]

    assert idle == [(2.5, 2.2), (2.0, 2.2)]


def test_a_turn_that_failed_is_told_on_the_page() -> None:
    """The rest is shown as if it had not been there."""
    found = nothing_yet(["ours", "dramatiq"])
    for both in found.values():
        for samples in both.values():
            samples.add([(1, 0, 1_000_000)], [(1, 4_000_000)])
    found["dramatiq"]["loaded"].fail("it ended:\nwith a long log")
    told = {"command": "it", "rounds": 2, "rows": 1000, "picture": None, "missing": ["huey cannot be had"]}
    written = "\n".join(lines(found, {"ours": [900.0]}, ["* a machine"], **told))  # type: ignore[arg-type]

    assert "A turn of stock dramatiq, beside campaigns, failed: it ended:\n" in written + "\n"
    assert "| smsq, idle | 1 | 4.00 | 4.00 | 4.00 | 4.00 | - | 1.00 | 0 / 0 |" in written
    assert "* left out: huey cannot be had" in written


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_small_run_of_ours_brings_every_code_once(tmp_path: Path) -> None:
    """From the command to the readings, idle and beside campaigns that are restocked."""
    raw = tmp_path / "readings.json"
    argv = [sys.executable, "-m", "tests.bench.otp", "--quick", "--only", "ours", "--codes", "12", "--json", str(raw)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    told = json.loads(raw.read_text())
    for situation in ("idle", "loaded"):
        readings = told["programs"]["ours"][situation]
        assert len(readings) == 12
        assert all(ms is not None and ms > 0 for ms in readings)
    assert told["programs"]["ours"]["failed"] == []
    assert sum(beside for beside, _ in told["programs"]["ours"]["bulk"]) > 0
