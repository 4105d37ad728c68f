"""Values as Grafana shows them, by the names of its units, and the marks of an axis."""

from __future__ import annotations

import math

PER_SECOND = {"mps": " msg/s", "reqps": " req/s", "cps": " c/s", "ops": " ops/s"}
TIMES = ((86400, "day"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
THOUSANDS = ((1e12, " Tri"), (1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (1, ""))


def shown(value: float, unit: str, decimals: int | None) -> str:
    """A value with its unit.

    >>> shown(0.9962, "percentunit", 2), shown(90, "s", None), shown(1536, "bytes", None), shown(0, "short", None)
    ('99.62%', '1.5 min', '1.5 KiB', '0')
    """
    if unit == "percentunit":
        return f"{rounded(100 * value, decimals)}%"
    if unit == "s":
        return _in(value, TIMES, decimals, " ") if value else "0 s"
    if unit == "bytes":
        return _in(value, BYTES, decimals, " ")
    if unit == "locale":
        return f"{value:,.{2 if decimals is None else decimals}f}"
    if unit == "none":
        return rounded(value, decimals)
    return _in(value, THOUSANDS, decimals, "") + PER_SECOND.get(unit, "")


def rounded(value: float, decimals: int | None) -> str:
    """With so many decimals; if None, three figures."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _in(value: float, scale: tuple[tuple[float, str], ...], decimals: int | None, gap: str) -> str:
    size, name = next((each for each in scale if abs(value) >= each[0]), scale[-1])
    return f"{rounded(value / size, decimals)}{gap}{name}"


def scaled(most: float) -> tuple[list[float], float]:
    """About four marks at round values, and the end of the axis.

    >>> scaled(0.93), scaled(7)
    (([0.0, 0.25, 0.5, 0.75, 1.0], 1.0), ([0, 2, 4, 6, 8], 8))
    """
    size = 10 ** math.floor(math.log10(most / 4))
    step = next(size * each for each in (1, 2, 2.5, 5, 10) if size * each * 4 >= most)
    return [n * step for n in range(5)], 4 * step
