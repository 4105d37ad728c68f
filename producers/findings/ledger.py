"""Findings about the ledger: its durability, its account, and what holds sending up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smsq.producers.findings import Finding
from smsq.worker.domain.lane import SENDING

if TYPE_CHECKING:
    from smsq.worker.runtime import Runtime

WRITES_TIMED = 10
FILELESS_LATELY_S = 300.0  # tries come a minute apart at the most
SEALED_LATELY_S = 120.0  # a text that does not open is tried every half minute
ANSWERED_LATELY_S = 900.0  # the balance is read every five minutes
SLOW_WRITE_S = 0.02  # median; each claim and settle waits for the disk once
FALLEN = "restore its newest data if there is any, else run `smsq recover`; nothing is sent until then"


def durability(runtime: Runtime) -> Iterator[Finding]:
    """Whether what Redis acknowledged is kept, and how long its disk takes."""
    from smsq.worker.domain.errors import LedgerWeak

    try:
        runtime.ledger.check_durable()
        yield Finding("durability", "ok", "what Redis acknowledged survives a power failure")
    except LedgerWeak as error:
        sentence, _, cure = error.sentence.partition(" Cure: ")
        level = "warn" if runtime.settings.accept_loss else "fail"
        yield Finding("durability", level, sentence, cure)
    if not runtime.ledger.survives_restart():
        said = (
            "the server's user `default` may not write: when this version restarts, it skips what scripts have written"
        )
        yield Finding("durability", "warn", said, "redis-cli ACL SETUSER default off resetpass '~*' '&*' +@all")
    times = []
    for _ in range(WRITES_TIMED):
        began = time.perf_counter()
        runtime.ledger.write_once()
        times.append(time.perf_counter() - began)
    median = statistics.median(times)
    said = f"a write to disk takes {median * 1000:.1f} ms (the slowest of {WRITES_TIMED}: {max(times) * 1000:.1f})"
    cure = "" if median < SLOW_WRITE_S else "give Redis a faster disk: it limits throughput"
    yield Finding("disk", "warn" if cure else "ok", said, cure)


def account(runtime: Runtime) -> Iterator[Finding]:
    """Whether the ledger belongs to our account."""
    settings, owner = runtime.settings, runtime.ledger.stamp().account
    if not owner:
        yield Finding(
            "account",
            "warn",
            "this ledger is not established yet",
            "`smsq up` establishes it when its first worker starts",
        )
    elif (settings.login or settings.apikey) and owner != settings.account:
        said = f"this ledger belongs to {owner}, not to {settings.account}"
        yield Finding("account", "fail", said, "use the Redis or SMSQ_HOME of that account, or its log-in")
    else:
        yield Finding("account", "ok", f"this ledger belongs to {owner}")


def secret(runtime: Runtime) -> Iterator[Finding]:
    """Whether codes can be sealed here and opened where they are sent."""
    from smsq.worker.sealing import FILE

    known, failed_at = runtime.ledger.stamp().secret, runtime.ledger.unsealable_at()
    path = runtime.settings.home.expanduser().absolute() / FILE
    is_told = runtime.settings.secret_key is not None
    cure = f"set SMSQ_SECRET_KEY to that of the hosts with workers, or to the content of {FILE} in their SMSQ_HOME"
    if not is_told and not path.exists():
        yield Finding(
            "secret key", "warn", "there is none here yet", cure if known else "`smsq up` creates one in its home"
        )
    elif known and known not in runtime.sealer.names:
        yield Finding("secret key", "fail", "this ledger's codes are sealed with another key than this host has", cure)
    elif not is_told and path.stat().st_mode & 0o077:
        yield Finding("secret key", "warn", f"others may read {path}", f"chmod 600 {path}, and change the key")
    else:
        where = "SMSQ_SECRET_KEY" if is_told else str(path)
        yield Finding("secret key", "ok", f"waiting codes are sealed with it ({where})")
    if failed_at is not None and (ago_s := runtime.ledger.time() - failed_at) < SEALED_LATELY_S:
        said = f"a worker could not open a sealed text {max(0.0, ago_s):.0f} s ago, and put it back unsent"
        yield Finding("sealed texts", "fail", said, "that worker has another SMSQ_SECRET_KEY: " + cure)


def files(runtime: Runtime) -> Iterator[Finding]:
    """Whether workers find the files of messages that they are to send."""
    last = runtime.ledger.fileless()
    if last is None or (ago_s := runtime.ledger.time() - last.at) >= FILELESS_LATELY_S:
        return
    said = f"{last.place} could not send batch {last.ref} {max(0.0, ago_s):.0f} s ago and left it to others: {last.why}"
    cure = "set SMSQ_FILES to one folder that hosts with workers and producers share"
    yield Finding("files", "warn", said, cure)


def shield(runtime: Runtime) -> Iterator[Finding]:
    """Whether the shield stops pumping, and what codes may cost until then."""
    from smsq.worker.ledger.otp.shield_admin import ShieldAdmin

    limits = ShieldAdmin(runtime.shield).limits()
    if runtime.settings.shield == "off":
        yield Finding("shield", "warn", "SMSQ_SHIELD is off: nothing limits codes", "unset it on hosts that send codes")
    elif limits.mode == "off":
        yield Finding("shield", "warn", "it is off: nothing limits codes", "`smsq shield on`")
    elif limits.mode == "watch":
        cure = "`smsq shield on` once what it would refuse looks right (smsq_shield_total)"
        yield Finding("shield", "warn", "it only watches: nothing limits codes", cure)
    elif not limits.daily_cost:
        cure = "set SMSQ_SHIELD_DAILY_COST to two or three times the cost of a busy day"
        yield Finding("shield", "ok", "it is on, but does not limit what codes cost in a day", cure)
    else:
        yield Finding("shield", "ok", f"it is on; codes may cost at most {limits.daily_cost:f} in 24 hours")


def run(runtime: Runtime) -> Iterator[Finding]:
    """Whether this run of the server is in force."""
    beat = runtime.ledger.beat()
    if beat.in_force:
        yield Finding("run", "ok", "all hosts know this run of Redis; sending is allowed")
        yield from _hosts(runtime)
    elif beat.fell:
        yield Finding("run", "fail", f"the ledger fell back: {beat.fell}", FALLEN)
    elif not runtime.ledger.stamp().account:
        said = "no run of Redis is in force, since the ledger is not established yet"
        yield Finding("run", "warn", said, "`smsq up` establishes it when its first worker starts")
    elif absent := runtime.views.brakes().missing:
        yield Finding("run", "fail", absent.said, absent.cure)
    else:
        cure = "a running `smsq up` finishes it within seconds"
        yield Finding("run", "warn", "Redis restarted, and not all hosts have answered the roll call", cure)


def _hosts(runtime: Runtime) -> Iterator[Finding]:
    """Whether this host is back, and which hosts signed off."""
    for host in runtime.views.brakes().signed_off:
        yield Finding("hosts", "ok", f"host {host.said}; nothing waits for it if Redis restarts")
    if runtime.journal.is_away():
        said = "this home has signed off; nothing is sent from here"
        cure = (
            "`smsq up` brings it back within seconds, or within three minutes if a host that recorded the sign-off "
            "is silent"
        )
        yield Finding("hosts", "ok", said, cure)


def verbs(runtime: Runtime) -> Iterator[Finding]:
    """Whether verbs go to the server as functions or as scripts."""
    from smsq.worker.ledger.scripts import MAY_NOT

    runtime.ledger.beat()  # any verb finds it out
    why = runtime.ledger.way.why_scripts
    cure = "load deploy/redis/ledger.acl from this version" if why == MAY_NOT else ""
    said = f"they run as scripts, which cost Redis more time: {why}" if why else "they run as Redis functions"
    yield Finding("verbs", "warn" if cure else "ok", said, cure)


def state(runtime: Runtime) -> Iterator[Finding]:
    """What waits, backs off or is stuck."""
    from smsq.producers.waits import back_off, halt

    brakes = runtime.views.brakes()
    halted = brakes.halted
    if halted == "hosts" and brakes.missing is not None:
        said, cure = brakes.missing.said, brakes.missing.cure
    else:
        said, _, cure = halt(halted).partition("; ")
    yield Finding("sending", "fail" if halted else "ok", said or "sending is not halted", cure)
    for lane in SENDING:
        if why := back_off(brakes, lane):
            said, _, cure = why.partition("; ")
            yield Finding(f"back off {lane}", "warn", said, cure or "sending goes on by itself")
    if brakes.is_cut_off:
        cure = "check the network of the machines they run on; sending goes on by itself"
        yield Finding("gateway", "fail", "the workers can reach no mirror", cure, True)
    yield _ids(runtime)
    depth, motion = runtime.views.depth(), runtime.views.in_motion()
    astray = {lane: count for lane, count in runtime.views.astray().items() if count}
    if astray:
        told = " and ".join(f"{count} {lane}" for lane, count in astray.items())
        cure = "codes go past up to four of them, campaigns wait for them: see the runbook, A mirror that swallows"
        yield Finding(
            "slots",
            "warn",
            f"requests that may still run, without a worker, hold sending slots: {told}",
            cure,
        )
    if motion["parked"]:
        yield Finding(
            "parked",
            "warn",
            f"{motion['parked']} batches wait for a person to decide",
            "`smsq doubts list` shows them and the possible decisions",
        )
    if doubles := depth.one("smsq_double_accepts_total"):
        said = f"{doubles:.0f} messages were accepted twice"
        yield Finding("doubles", "fail", said, "this must never happen: keep the logs and journals, and report it")
    for alarm, count in depth.by("smsq_alarms_total").items():
        yield Finding("alarm", "warn", f"{alarm}: {count:.0f}", "see the runbook")
    known = runtime.views.balance()
    if known is not None:
        age_s = runtime.clock.now() - known[1]
        yield Finding("balance", "ok", f"{known[0]}, {age_s:.0f} s ago")
    yield _gateway_login(halted, known[1] if known is not None else None, runtime.clock.now())


def _gateway_login(halted: str, answered_at: float | None, now: float) -> Finding:
    """Whether the gateway takes the log-in, by its last answer to a question of a worker: nothing is asked here."""
    if halted == "login":
        cure = "correct it and restart the workers; if it is right, `smsq balance` tries it once"
        return Finding("gateway log-in", "fail", "the gateway refuses the log-in", cure)
    if answered_at is None:
        cure = "`smsq balance` asks the gateway once, if a worker is up"
        return Finding("gateway log-in", "warn", "it was never tried: no worker has had an answer yet", cure)
    if (ago_s := max(0.0, now - answered_at)) > ANSWERED_LATELY_S:
        said = f"the gateway took it {ago_s / 60:.0f} minutes ago, and has not answered since"
        return Finding("gateway log-in", "warn", said, "is a worker of the chores lane up, and does a mirror answer?")
    return Finding("gateway log-in", "ok", f"the gateway took it {ago_s:.0f} s ago")


def _ids(runtime: Runtime) -> Finding:
    """Whether the gateway ids will last; without them nothing is sent."""
    from smsq.worker.ledger.ids import FEW_LEFT

    left = runtime.ledger.ids_left()
    cure = "" if left >= FEW_LEFT else "`smsq recover --fresh-ids` takes a range that was not used lately"
    level = "fail" if not left else "warn" if cure else "ok"
    return Finding("gateway ids", level, f"{left:,} are left for sends", cure)
