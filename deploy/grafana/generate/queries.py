"""PromQL by the names of the table of metrics, which also says what labels are kept.

Every host's exporter shows the values of the ledger alike, so one of them counts: the largest, as an exporter may be
one scrape behind. Values of processes are those of one host and are summed.
"""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics import TABLE, Metric

JOB: Final = 'job="$job"'  # the installation
HOSTS: Final = 'instance=~"$instance"'
LANES: Final = 'lane=~"$lane"'
RATE: Final = "$__rate_interval"  # long enough for two scrapes at every zoom
CODE_GOAL_S: Final = 5  # seconds from the call to the gateway's acceptance; deploy/prometheus/rules has it too
CODE_GOAL: Final = 0.995  # of all codes


def ledger(name: str, *matchers: str) -> str:
    """A value of the ledger, by the labels of its row."""
    row = _row(name)
    return f"max{_by(row.labels)} ({_selected(name, JOB, *matchers)})"


def ledger_rate(name: str, *matchers: str, over: str = RATE) -> str:
    """How fast a counter of the ledger grows, each second, by the labels of its row."""
    row = _row(name)
    return f"max{_by(row.labels)} (rate({_selected(name, JOB, *matchers)}[{over}]))"


def ledger_increase(name: str, *matchers: str, over: str) -> str:
    """By how much a counter of the ledger grew, by the labels of its row."""
    row = _row(name)
    return f"max{_by(row.labels)} (increase({_selected(name, JOB, *matchers)}[{over}]))"


def process_rate(name: str, *matchers: str, by: tuple[str, ...] = (), over: str = RATE) -> str:
    """How fast a counter of processes grows, each second, all hosts together."""
    _row(name)
    return f"sum{_by(by)} (rate({_selected(name, JOB, HOSTS, *matchers)}[{over}]))"


def process_increase(name: str, *matchers: str, by: tuple[str, ...] = (), over: str) -> str:
    """By how much a counter of processes grew, all hosts together."""
    _row(name)
    return f"sum{_by(by)} (increase({_selected(name, JOB, HOSTS, *matchers)}[{over}]))"


def process_value(name: str, how: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """A gauge that each host shows for itself, joined by `how`: min, max or sum."""
    _row(name)
    return f"{how}{_by(by)} ({_selected(name, JOB, HOSTS, *matchers)})"


def quantile(q: float, name: str, *matchers: str, by: tuple[str, ...] = (), over: str = RATE) -> str:
    """In seconds, what so large a share did not exceed; from a histogram of all hosts."""
    buckets = _selected(f"{name}_bucket", JOB, HOSTS, *matchers)
    _row(name)
    return f"histogram_quantile({q:g}, sum by ({', '.join(('le', *by))}) (rate({buckets}[{over}])))"


def recorded(name: str, *matchers: str) -> str:
    """A series that a rule of deploy/prometheus makes, whose labels are none or that of the installation."""
    return f"max ({_selected(name, JOB, *matchers)})"


def threshold(name: str) -> str:
    """A number that alerts compare with, from deploy/prometheus/rules/thresholds.yml."""
    return f"smsq:threshold:{name}"


def grown(name: str, *matchers: str, over: str) -> str:
    """How many events a counter of the ledger counted, by difference: increase() does not see the first one.

    If Prometheus has not been looking for so long, it is all that was ever counted.
    """
    row = _row(name)
    selected = _selected(name, JOB, *matchers)
    now, then = (f"sum(max{_by(row.labels)} ({selected}{offset}))" for offset in ("", f" offset {over}"))
    return f"clamp_min(({or_zero(now)}) - ({then} or vector(0)), 0)"


def or_zero(expr: str) -> str:
    """With 0 for what the ledger never counted, and without a value while the ledger cannot be read."""
    return f"{expr} or 0 * max(smsq_ledger_up{{{JOB}}} == 1)"


def or_none(expr: str) -> str:
    """With 0 for what no process ever counted; while no exporter answers, nothing."""
    return f"{expr} or 0 * max(up{{{JOB}}} == 1)"


def total(expr: str) -> str:
    """One sum; 0 if there is nothing."""
    return or_zero(f"sum({expr})")


def _row(name: str) -> Metric:
    """The metric's row; a name that is not in the table is a mistake of these files."""
    return TABLE[name]


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _selected(series: str, *matchers: str) -> str:
    return f"{series}{{{', '.join(matchers)}}}"
