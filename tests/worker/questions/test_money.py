"""The chores lane keeps the gateway's limits on balances and prices, with every other process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from smsq.worker.actors.chores import Chores
from smsq.worker.domain.job import PriceJob
from smsq.worker.questions.money import BALANCES_A_MINUTE, PRICES_A_MINUTE, TRIES, MoneyQuestions, probe_mirror

PRICE = """
import sys
from smsq.worker.questions.money import MoneyQuestions
from smsq.worker.domain.job import PriceJob
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings

runtime = Runtime.build(Settings.load())
print("\\n".join(map(str, runtime.ledger.redis.keys("{smsq}:limit:*"))))
print(MoneyQuestions(runtime).price(PriceJob(recipients=(79991234567,), text="Hi")))
"""


def price(plant: Any) -> dict[str, Any]:
    return MoneyQuestions(plant.runtime).price(PriceJob(recipients=(79991234567,), text="Hi"))


def test_equal_prices_are_counted_over_all_processes(make_plant: Callable[..., Any]) -> None:
    """The gateway counts by log-in; a process of its own does not begin anew."""
    plant = make_plant(SMSQ_MASS_ASK_EVERY_S="60")
    assert all("cost" in price(plant) for _ in range(PRICES_A_MINUTE))
    environ = {
        "SMSQ_REDIS_URL": plant.runtime.redis_url,
        "SMSQ_HOME": str(plant.runtime.settings.home / "other"),
        "SMSQ_MIRRORS": ",".join(plant.sandbox.mirrors),
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
        "SMSQ_MASS_ASK_EVERY_S": "60",
    }

    another = subprocess.run(
        [sys.executable, "-c", PRICE], env={**os.environ, **environ}, capture_output=True, text=True, timeout=60
    )

    assert "too often this minute" in another.stdout, another.stderr


def test_a_counted_question_counts_from_its_end(plant: Any) -> None:
    """The gateway may have counted it that late, so the minute begins there."""
    for command in ("balance", "price"):
        plant.sandbox.misfortune("slow", command=command, next_few=1, seconds=0.5)
    MoneyQuestions(plant.runtime).balance()
    price(plant)
    ended = plant.ledger.time()

    names = [name for name in plant.ledger.redis.keys("{smsq}:limit:*") if b"balance" in name or b"price" in name]
    counted = [at for name in names for _, at in plant.ledger.redis.zrange(name, 0, -1, withscores=True)]

    assert len(counted) == 2
    assert max(counted) / 1000 <= ended
    assert abs(counted[0] - counted[1]) > 400
    assert plant.ledger.redis.zcard("{smsq}:slots:chores") == 0


def test_a_running_balance_holds_its_place(plant: Any) -> None:
    """A question without an end takes one of the few places until it has one."""
    plant.sandbox.misfortune("slow", command="balance", next_few=1, seconds=0.5)
    asking = threading.Thread(target=MoneyQuestions(plant.runtime).balance)
    asking.start()
    held = set()
    while asking.is_alive():
        held.add(plant.ledger.redis.zcard("{smsq}:slots:chores"))
        asking.join(0.05)

    assert 1 in held
    assert plant.ledger.redis.zcard("{smsq}:slots:chores") == 0


def test_a_probe_is_one_of_the_balances(make_plant: Callable[..., Any]) -> None:
    """Healing a mirror leaves room for a person's question, and counts with it."""
    plant = make_plant(SMSQ_MASS_ASK_EVERY_S="60")
    for _ in range(BALANCES_A_MINUTE):
        probe_mirror(plant.runtime, plant.runtime.mirrors.bases[0])

    assert plant.sandbox.report()["requests"]["balance"] == 6
    answers = [MoneyQuestions(plant.runtime).balance() for _ in range(3)]
    assert ["balance" in answer for answer in answers] == [True, True, False]


def test_a_blocked_address_is_not_asked_again(plant: Any) -> None:
    """Neither by a person nor by the scheduler nor by a probe."""
    plant.sandbox.misfortune("blocked", command="balance", next_few=1)
    money = MoneyQuestions(plant.runtime)
    money.balance()

    assert "asked us to back off" in money.balance()["error"]
    assert "asked us to back off" in price(plant)["error"]
    assert Chores(plant.runtime).check_balance() is None
    probe_mirror(plant.runtime, plant.runtime.mirrors.bases[0])
    assert plant.sandbox.report()["requests"]["balance"] == 1


def test_a_refused_log_in_is_tried_a_few_times_in_half_an_hour(make_plant: Callable[..., Any]) -> None:
    """Each try counts as a bad one, and many block the address for all who send from there."""
    plant = make_plant(SMSQ_PASSWORD="old", SMSQ_MASS_ASK_EVERY_S="60")

    answers = [price(plant) if n % 2 else MoneyQuestions(plant.runtime).balance() for n in range(8)]
    assert [answer["code"] for answer in answers] == [2] * 8
    seen = plant.sandbox.report()
    assert seen["errors"]["balance:2"] + seen["errors"]["price:2"] == 1 + TRIES
    assert seen["limits_broken"] == {}
