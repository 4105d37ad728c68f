"""`smsq recover`: after a ledger that fell back, what is missing, and what is safe to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, FAILED, USAGE
from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json, talk

if TYPE_CHECKING:
    from smsq.worker.host.journal import Brought, Said
    from smsq.worker.host.recovery import Forgotten, Taken
    from smsq.worker.runtime import Runtime

SHOWN = 20  # of each kind, to a person; --json has all


@click.command("recover")
@click.option("--yes", is_flag=True, help="Make the changes without asking for confirmation.")
@click.option(
    "--without",
    multiple=True,
    metavar="HOST",
    help="Give up a host whose journals are lost, by name or number; may be repeated.",
)
@click.option("--fresh-ids", is_flag=True, help="Take a new range of gateway ids, one that was not used lately.")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(yes: bool, without: tuple[str, ...], fresh_ids: bool, as_json: bool) -> None:
    """Repair a ledger that fell back: an older copy was restored, or acknowledged writes were lost.

    Run it on every host that has workers, with the same SMSQ_HOME as they use. It shows what this host's journals
    know and the ledger has forgotten. With --yes, smsq asks the gateway about every forgotten send under its old id.
    Messages that are enrolled again are compared with those ids before they can be sent. Unfinished campaigns are
    paused until you have looked at them. Sending goes on when the last host has run this command. --fresh-ids is for
    a ledger that is in order and runs out of gateway ids.
    """
    from smsq.producers.adoption import adopt
    from smsq.worker.host.recovery import Recovery
    from smsq.worker.runtime import Runtime

    if yes:
        output.changed()  # it is wanted whether or not anybody reads along
    runtime = Runtime.build(adopt())
    if fresh_ids:
        _fresh_ids(runtime, yes, as_json)
        return
    recovery = Recovery(runtime.ledger, runtime.journal, runtime.settings.account)
    paused: list[str] = []
    if without:
        numbers = recovery.check(without)
        talk(f"to give up: {', '.join(without)}; messages that only their journals know as sent may be sent twice")
        if not _agreed("Give them up?", yes):
            _say({"recovered": False}, ["nothing was changed; `--yes` gives them up"], as_json)
            sys.exit(USAGE)
        paused = _pause(runtime) if runtime.ledger.beat().fell else []  # before what is left may clear the ledger
        recovery.give_up(numbers)
        without = tuple(numbers)
    forgotten = recovery.look()
    if not forgotten.why:
        ends = f"{', '.join(without)} given up; sending goes on. " if without else ""
        lines = [f"{ends}The ledger did not fall back: there is nothing to recover".lstrip(), *_paused_lines(paused)]
        held = {"paused": paused} if paused else {}
        _say({"fell": "", "recovered": False, "given_up": list(without), **held}, lines, as_json)
        return
    told = _object(forgotten)
    if not as_json:
        click.echo("\n".join(_lines(forgotten)))
    if not _agreed("Copy all of this into the ledger?", yes):
        _say(told | {"recovered": False}, ["nothing was changed; `smsq recover --yes` does it"], as_json)
        sys.exit(USAGE)
    paused += _pause(runtime)
    taken = recovery.take_over(forgotten, without)
    _say(told | _taken_object(taken, paused), _taken_lines(taken, paused), as_json)
    sys.exit(DONE if taken.word in ("recovered", "sound") else FAILED)


def _fresh_ids(runtime: Runtime, yes: bool, as_json: bool) -> None:
    """Go on in another range of ids; nothing else of the ledger changes."""
    left = runtime.ledger.ids_left()
    talk(f"{left:,} gateway ids are left; the new range holds none that the ledger or this home's journals know")
    if not _agreed("Take a new range of ids?", yes):
        _say({"first": 0, "last": 0, "left": left}, ["nothing was changed; `--yes` does it"], as_json)
        sys.exit(USAGE)
    first, last = runtime.ledger.fresh_ids(runtime.journal.sent_ids())
    lines = [f"the next send takes gateway id {first}; the range ends at {last}"]
    _say({"first": first, "last": last, "left": last - first + 1}, lines, as_json)


def _agreed(question: str, yes: bool) -> bool:
    return yes or (sys.stdin.isatty() and click.confirm(question, err=True))


def _pause(runtime: Runtime) -> list[str]:
    """Pause what would go on: whatever was said to a campaign after the copy was made is forgotten too."""
    from smsq.worker.domain.campaign import GOING

    going = [view.id for view in runtime.views.campaigns() if view.state in GOING]
    for campaign_id in going:
        runtime.ledger.control(campaign_id, "pause", "the ledger fell back")
    return going


def _paused_lines(paused: list[str]) -> list[str]:
    return [f"paused until you have looked at them (`smsq campaign resume ID`): {', '.join(paused)}"] if paused else []


def _say(told: dict[str, Any], lines: list[str], as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(lines))


def _lines(forgotten: Forgotten) -> Iterator[str]:
    yield f"the ledger fell back: {forgotten.why}"
    yield f"this host's journals know of {len(forgotten.sends)} sends that it has forgotten"
    yield from _few(forgotten.sends, _send_line)
    ranges, singles = _by_campaign(forgotten.brought)
    for campaign_id, first in ranges.items():
        yield f"campaign {campaign_id}: its rows from range {first} on are missing; run its command again"
    if singles:
        yield f"and of {len(singles)} single messages that were enrolled but never sent; enrol them again"
        yield from _few(singles, lambda each: f"enrolled {_at(each.at)} key {each.known_as or '(none)'}")
    if forgotten.orders:
        yield f"and of {len(forgotten.orders)} commands of yours; give them again if they still hold"
        yield from _few(forgotten.orders, lambda each: f"{each.what.replace('/', ' ')} at {_at(each.at)}")


def _few(found: Any, line: Any) -> Iterator[str]:
    for each in found[:SHOWN]:
        yield f"  {line(each)}"
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} more; --json has all"


def _send_line(said: Said) -> str:
    return f"sent {_at(said.at)} under gateway id {said.gateway_id}, batch {said.ref}"


def _at(seconds: int) -> str:
    from smsq.producers.moments import when

    return when(seconds)


def _by_campaign(brought: Any) -> tuple[dict[str, int], list[Brought]]:
    """The first lost range of each campaign, and the single messages."""
    ranges: dict[str, int] = {}
    singles = []
    for each in brought:
        campaign_id, slash, n = each.known_as.partition("/")
        if slash:
            ranges[campaign_id] = min(int(n), ranges.get(campaign_id, int(n)))
        else:
            singles.append(each)
    return ranges, singles


def _object(forgotten: Forgotten) -> dict[str, Any]:
    ranges, singles = _by_campaign(forgotten.brought)
    return {
        "fell": forgotten.why,
        "sends": [
            {"gateway_id": s.gateway_id, "batch": str(s.ref), "at": s.at, "key": s.known_as} for s in forgotten.sends
        ],
        "campaigns": [{"id": campaign_id, "from_range": first} for campaign_id, first in ranges.items()],
        "orders": [{"order": each.what, "at": each.at} for each in forgotten.orders],
        "enrolled": [{"batch": each.number, "at": each.at, "key": each.known_as} for each in singles],
    }


def _taken_object(taken: Taken, paused: list[str]) -> dict[str, Any]:
    return {
        "recovered": taken.word == "recovered",
        "waits_for": taken.detail.split() if taken.word == "waits" else [],
        "asked_about": taken.doubtful,
        "kept_for_enrolment": taken.stubs,
        "without_key": [said.gateway_id for said in taken.nameless],
        "paused": paused,
    }


def _taken_lines(taken: Taken, paused: list[str]) -> list[str]:
    lines = [
        f"smsq asks about {taken.doubtful} sends under their old ids",
        f"the ledger does not have {taken.stubs} of them: if enrolled again, they are asked about before they are sent",
    ]
    if taken.nameless:
        ids = ", ".join(str(said.gateway_id) for said in taken.nameless[:SHOWN])
        lines.append(f"{len(taken.nameless)} had no key; look up these ids on the gateway's own pages: {ids}")
    lines += _paused_lines(paused)
    ends = {
        "recovered": "the ledger is recovered; sending goes on",
        "sound": "the ledger has been recovered meanwhile",
        "waits": f"sending waits until `smsq recover --yes` has run on these hosts (or --without HOST): {taken.detail}",
        "moved": "Redis restarted meanwhile: run the same command again",
    }
    return [*lines, ends[taken.word]]
