"""The campaign files that are measured: distinct valid phones, names and order numbers, always the same."""

from __future__ import annotations

import csv
import random
from pathlib import Path

ONE_TEXT = "Your order is ready. We are open daily from 9 to 21."
OWN_TEXT = "Здравствуйте, {name}! Ваш заказ {order} готов, ждём вас с 9 до 21."
NAMES = "Анна Борис Вера Глеб Дарья Егор Жанна Захар Ирина Кирилл Лидия Максим Наталья Олег Полина Роман".split()
CODES = [code for code in range(903, 999) if code not in (907, 930, 935, 940, 942, 943, 944, 945, 946, 947, 948, 949)]


def phones(many: int, seed: int = 1) -> list[int]:
    """So many distinct Russian mobile numbers in no order."""
    chance = random.Random(seed)
    span = 10_000_000
    return [70_000_000_000 + CODES[n // span] * span + n % span for n in chance.sample(range(len(CODES) * span), many)]


def write(path: Path, rows: int) -> Path:
    """A CSV with the columns phone, name and order."""
    chance = random.Random(2)
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["phone", "name", "order"])
        out.writerows([f"+{phone}", chance.choice(NAMES), str(chance.randrange(10**6))] for phone in phones(rows))
    return path
