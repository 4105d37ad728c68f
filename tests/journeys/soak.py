"""`make soak`: messages of all kinds through random faults on real processes, and the gateway's verdict.

    python -m tests.journeys.soak --minutes 10 --seed 1

The faults come from the seed alone (`faults.py`); which requests a misfortune then strikes depends on their
order, which no seed decides. At the end all is healed, every message comes to its end, and the ledger of faults
and the count are printed. The exit code is 1 where anything was lost or doubled, or a limit of the gateway broken.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from smsq.worker.domain.errors import SmsqError
from smsq.worker.redis_client import connect
from tests.journeys.faults import MIRRORS, SECONDS, Fault, plan
from tests.journeys.town import SMSQ, Journey, Town, build

CAMPAIGN_EVERY_S = 4.0
CAMPAIGN_ROWS = (50, 500)
SINGLE_EVERY_S = 0.5
END_S = 300.0  # for the last message to come to its end


class Traffic(threading.Thread):
    """Producers that do not give up: whatever fails is called again, the same, until it is in."""

    def __init__(self, town: Town, journey: Journey, seed: int) -> None:
        super().__init__(name="traffic", daemon=True)
        self._town, self._journey = town, journey
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self.troubles: Counter[str] = Counter()
        self.died = ""

    def run(self) -> None:
        """Singles, and now and then a campaign."""
        next_campaign, number = 0.0, 0
        try:
            while not self._over.is_set():
                if time.monotonic() >= next_campaign:
                    self._campaign(self._chance.randint(*CAMPAIGN_ROWS))
                    next_campaign = time.monotonic() + CAMPAIGN_EVERY_S
                number += 1
                self._single(f"soak-{number}", self._chance.choice(("urgent", "urgent", "bulk")))
                self._over.wait(SINGLE_EVERY_S)
        except BaseException as trouble:
            self.died = f"{type(trouble).__name__}: {trouble}"
            raise

    def stop(self) -> None:
        """End with what is being brought in."""
        self._over.set()
        self.join(END_S)

    def _campaign(self, rows: int) -> None:
        phones = self._town.phones(rows)
        table = [{"phone": f"+{phone}", "name": f"P{phone % 1000}"} for phone in phones]
        view = self._persistently(lambda: self._town.smsq.campaigns.run(table, text="Hello {name}"))
        self._journey.phones += phones
        self._journey.campaigns.append(view.id)

    def _single(self, key: str, lane: str) -> None:
        (phone,) = self._town.phones(1)
        sent = self._persistently(lambda: self._town.smsq.send(f"+{phone}", "Your code is 4821", key=key, lane=lane))
        self._journey.phones.append(phone)
        self._journey.singles.append(sent.id)

    def _persistently(self, verb: Callable[[], Any]) -> Any:
        while True:
            try:
                return verb()
            except SmsqError as error:
                self.troubles[type(error).__name__] += 1
                time.sleep(0.2)


class Keeper(threading.Thread):
    """What a service manager does: `smsq up` is started again whenever it has ended."""

    def __init__(self, town: Town) -> None:
        super().__init__(name="keeper", daemon=True)
        self._town = town
        self._over = threading.Event()
        self._held_until = 0.0
        self.starts = 0

    def run(self) -> None:
        """Until it is stopped."""
        while not self._over.wait(0.2):
            assert self._town.up is not None
            if self._town.up.poll() is not None and time.monotonic() >= self._held_until:
                with open(self._town.folder / "up.log", "ab") as log:
                    self._town.up = subprocess.Popen(
                        [*SMSQ, "up"],
                        cwd=self._town.folder,
                        env=self._town.environ,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                self._held_until = time.monotonic() + 1.0
                self.starts += 1

    def kill(self, seconds: float) -> None:
        """`kill -9` of the supervisor, with which everything dies; it stays away for so long."""
        assert self._town.up is not None
        self._held_until = time.monotonic() + seconds
        self._town.up.kill()

    def stop(self) -> None:
        """Start nothing any more."""
        self._over.set()
        self.join()


class Faults:
    """Does what was planned; each fault has a beginning and, unless it is over at once, an end."""

    def __init__(self, town: Town, keeper: Keeper) -> None:
        self._town = town
        self._keeper = keeper
        self._frozen: dict[Fault, int] = {}
        self.done: list[tuple[float, str]] = []

    def run(self, faults: list[Fault], seconds: float) -> None:
        """All of them at their time."""
        steps = [(fault.at_s, "begin", fault) for fault in faults]
        steps += [(fault.at_s + fault.lasts_s, "end", fault) for fault in faults if fault.lasts_s]
        began = time.monotonic()
        for at_s, step, fault in sorted(steps, key=lambda each: each[0]):
            time.sleep(max(0.0, began + at_s - time.monotonic()))
            if step == "begin":
                self._note(time.monotonic() - began, fault, self._begin(fault))
            else:
                self._end(fault)
        time.sleep(max(0.0, began + seconds - time.monotonic()))

    def heal(self) -> None:
        """Nothing is wrong any more."""
        for fault in list(self._frozen):
            self._end(fault)
        assert self._town.server is not None
        if not self._town.server.is_running:
            self._town.server.start()
        os.kill(self._town.server.pid, signal.SIGCONT)
        self._town.clear()

    def _note(self, at_s: float, fault: Fault, struck: bool) -> None:
        self.done.append((at_s, str(fault) if struck else f"{fault}: nobody was there"))
        click.echo(f"{self.done[-1][0]:7.1f} s  {self.done[-1][1]}")

    def _begin(self, fault: Fault) -> bool:
        town, kind = self._town, fault.kind
        assert town.server is not None
        if kind == "kill worker":
            return self._signal(f"worker --lane {fault.what}", fault, signal.SIGKILL)
        if kind == "kill":
            return self._signal(fault.what, fault, signal.SIGKILL)
        if kind == "freeze worker":
            return self._signal(f"worker --lane {fault.what}", fault, signal.SIGSTOP)
        if kind == "freeze scheduler":
            return self._signal("scheduler", fault, signal.SIGSTOP)
        if kind == "kill redis":
            town.server.kill()
        elif kind == "freeze redis":
            os.kill(town.server.pid, signal.SIGSTOP)
        elif kind == "kill everything":
            for frozen in list(self._frozen):
                self._end(frozen)  # it would outlive its supervisor and hold its port
            self._keeper.kill(fault.lasts_s)
        elif kind == "flush broker":
            with contextlib.suppress(Exception), contextlib.closing(connect(town.broker_url)) as client:
                client.flushdb()
                return True
            return False
        elif kind == "mirror down":
            town.order("mirrors", {"mirror": int(fault.what), "down": True})
        else:
            told = {"kind": fault.what, "share": fault.share, "seconds": SECONDS.get(fault.what, 0.0)}
            town.order("misfortunes", told)
        return True

    def _end(self, fault: Fault) -> None:
        town, kind = self._town, fault.kind
        assert town.server is not None
        if kind in ("freeze worker", "freeze scheduler"):
            if pid := self._frozen.pop(fault, 0):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        elif kind == "kill redis":
            town.server.start()
        elif kind == "freeze redis":
            os.kill(town.server.pid, signal.SIGCONT)
        elif kind == "mirror down":
            town.order("mirrors", {"mirror": int(fault.what), "down": False})
        elif kind == "misfortune":
            town.order("misfortunes", {"kind": fault.what, "share": 0.0})

    def _signal(self, words: str, fault: Fault, number: signal.Signals) -> bool:
        pids = sorted(self._town.pids(words))
        if not pids:
            return False
        pid = pids[int(fault.pick * len(pids))]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            if number == signal.SIGSTOP:
                self._frozen[fault] = pid
            return True
        return False


def count(town: Town, journey: Journey) -> list[str]:
    """The verdict: what is wrong by the gateway's count, a line each; none where all is well."""
    taken, statuses = town.count(), journey.statuses()
    never = town.order("missing", [str(phone) for phone in journey.phones])["count"]
    doubles = sum(view.doubles for view in journey.views())
    click.echo(f"  messages {len(journey.phones)}, by our reports: {dict(sorted(statuses.items()))}")
    click.echo(f"  the gateway accepted {taken['distinct']}, {taken['twice']} of them twice; {never} it never saw")
    click.echo(f"  what struck requests: {dict(sorted(taken['misfortunes'].items()))}")
    wrong = {
        "messages lost": never - statuses["parked"],
        "sent twice": taken["twice"],
        "accepted twice under one id": taken["twice_by_id"],
        "doubles by our own reports": doubles,
        "messages without a status": len(journey.phones) - sum(statuses.values()),
        "accepted that nobody enrolled": taken["distinct"] + never - len(journey.phones),
        **{f"limit broken: {name}": many for name, many in taken["limits_broken"].items()},
    }
    return [f"{what}: {many}" for what, many in wrong.items() if many]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", type=click.FloatRange(0.1), default=10.0, show_default=True)
@click.option("--seed", type=int, help="Chooses the faults.  [default: one of its own, which is printed]")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for home and logs.  [default: a temporary one]")
def main(minutes: float, seed: int | None, keep: Path | None) -> None:
    """Send through random faults, heal everything, and say what the gateway counted."""
    seed = random.SystemRandom().randrange(10_000) if seed is None else seed
    faults = plan(seed, minutes * 60)
    click.echo(f"seed {seed}, {minutes:g} min, {len(faults)} faults")
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smsq-soak-")))
        folder.mkdir(parents=True, exist_ok=True)
        town = build(folder, redis="own", gateway=("--seed", str(seed)), settings={})
        assert len(town.mirrors) == MIRRORS
        stack.callback(town.stop)
        town.start()
        keeper = Keeper(town)
        keeper.start()
        stack.callback(keeper.stop)
        journey, doer = town.begin(), Faults(town, keeper)
        traffic = Traffic(town, journey, seed)
        traffic.start()
        try:
            doer.run(faults, minutes * 60)
        finally:
            doer.heal()
        traffic.stop()
        wrong = [f"the producers ended: {traffic.died}"] if traffic.died else []
        try:
            began = time.monotonic()
            town.wait_for(journey.is_over, "the end of every message", END_S)
            click.echo(f"\nall messages came to their end {time.monotonic() - began:.1f} s after the last fault")
        except AssertionError as stuck:
            wrong.append(f"not every message came to its end: {str(stuck)[:3000]}")
        kinds = Counter(fault.kind for fault in faults)
        click.echo(f"faults of seed {seed}: {', '.join(f'{many} x {kind}' for kind, many in sorted(kinds.items()))}")
        click.echo(
            f"producers called again: {dict(traffic.troubles)}; everything was started again {keeper.starts} times"
        )
        wrong += count(town, journey)
    click.echo("\n".join(wrong) if wrong else "0 lost, 0 doubled, 0 limits broken")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
