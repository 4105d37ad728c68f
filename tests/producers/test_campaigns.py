"""Campaigns in the ledger: rows become ranges, an interrupted one goes on, a finished one is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.producers.intake.drafts import Draft, draft, ranges
from smsq.worker.domain import errors
from smsq.worker.domain.batch import Options, unpack_recipients
from smsq.worker.domain.zones import OWN, is_open

FIRST = 79990000000


def people(path: Path, rows: int, *extra: str) -> Path:
    """A file of so many good rows, and others."""
    good = [f"+{FIRST + n},P{n}" for n in range(rows)]
    path.write_text("\n".join(["phone,name", *good, *extra]) + "\n")
    return path


def test_a_file_becomes_a_campaign(smsq: Smsq, tmp_path: Path) -> None:
    """Every row has a status, good ones are queued, and the workers may begin."""
    file = people(tmp_path / "spring.csv", 250, "123,Bad", f"+{FIRST},Again")
    view = smsq.campaigns.run(file, text="Hello {name}")

    assert (view.name, view.state, view.rows, view.invalid, view.parts) == ("spring", "running", 252, 2, 250)
    assert dict(view.statuses) == {"queued": 250, "duplicate": 1, "invalid": 1}
    assert sum(view.statuses.values()) == view.rows


def test_a_full_redis_says_how_much_is_in(smsq: Smsq, tmp_path: Path) -> None:
    """What is in is being sent, so that nobody takes the whole for refused; with room the same call goes on."""
    file = people(tmp_path / "x.csv", 2500)
    redis = smsq.runtime.ledger.redis

    try:
        with pytest.raises(errors.LedgerFull) as refusal:
            smsq.campaigns.run(file, text="Hi", enrolled=lambda rows: redis.config_set("maxmemory", 1))
    finally:
        redis.config_set("maxmemory", 0)
    campaign = smsq.campaigns.list()[0]

    assert "nothing more was written" in refusal.value.sentence
    assert f"1000 rows are in campaign {campaign.id} and are being sent; run the same command" in refusal.value.sentence
    assert smsq.campaigns.run(file, text="Hi").rows == 2500


def test_the_report_has_every_row_in_order(smsq: Smsq, tmp_path: Path) -> None:
    """Rejected ones stand where they stood in the file."""
    file = people(tmp_path / "x.csv", 3, "123,Bad", f"+{FIRST + 9},Z")
    view = smsq.campaigns.run(file, text="Hi")
    rows = [(receipt.row, receipt.status, receipt.phone) for receipt in smsq.campaigns.report(view.id)]

    assert rows[0] == (1, "queued", f"+{FIRST}")
    assert rows[3:] == [(4, "invalid", "123"), (5, "queued", f"+{FIRST + 9}")]


def test_an_interrupted_enrolment_goes_on_at_its_row(environ: dict[str, str], tmp_path: Path) -> None:
    """Killed after the first range, run again with another batch size: the same campaign, every phone once."""
    file = people(tmp_path / "x.csv", 2500)

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with Smsq(environ=environ) as smsq, pytest.raises(KeyboardInterrupt):
        smsq.campaigns.run(file, text="Hi {name}", enrolled=stop)
    with Smsq(environ={**environ, "SMSQ_BATCH_SIZE": "50"}) as smsq:
        begun = smsq.campaigns.list()[0]
        view = smsq.campaigns.run(file, text="Hi {name}")
        refs = smsq.runtime.views.batch_refs(view.id)
        phones = [phone for batch in smsq.runtime.ledger.read(refs) if batch for phone in batch.recipients]

    assert (begun.state, begun.rows) == ("enrolling", 1000)
    assert (view.id, view.state, view.rows, view.batches) == (begun.id, "running", 2500, 25)
    assert phones == list(range(FIRST, FIRST + 2500))


def test_running_it_twice_sends_it_once(smsq: Smsq, tmp_path: Path) -> None:
    """The same file, text and options are the same campaign while it is unfinished."""
    file = people(tmp_path / "x.csv", 10)
    first = smsq.campaigns.run(file, text="Hi")
    second = smsq.campaigns.run(file, text="Hi")
    other = smsq.campaigns.run(file, text="Hi", sender="Shop")

    assert (second.id, second.rows, other.id == first.id) == (first.id, 10, False)


def test_a_finished_one_is_refused_with_its_id(smsq: Smsq, tmp_path: Path) -> None:
    """Until somebody asks for it again on purpose."""
    file = people(tmp_path / "x.csv", 10)
    first = smsq.campaigns.run(file, text="Hi")
    smsq.campaigns.cancel(first.id)

    with pytest.raises(errors.Conflict, match=rf"sent already as campaign {first.id} \(cancelled\)"):
        smsq.campaigns.run(file, text="Hi")
    assert smsq.campaigns.run(file, text="Hi", again=True).id != first.id


def test_a_spoiled_file_enrols_nothing(smsq: Smsq, tmp_path: Path) -> None:
    """A quote in the last row that never closes is found before the first range goes in."""
    file = people(tmp_path / "x.csv", 3000, '+79995555555,"oh')

    with pytest.raises(errors.BadInput, match="never closes"):
        smsq.campaigns.run(file, text="Hi {name}")
    assert smsq.campaigns.list() == []


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([{"phone": FIRST, "name": "Ann"}, {"phone": FIRST + 1, "name": None}], None),
        ([(f"+{FIRST}", "Ann"), (f"+{FIRST + 1}", "")], ["phone", "name"]),
        (iter([[f"+{FIRST}", "Ann"], [f"+{FIRST + 1}", ""]]), ["phone", "name"]),
    ],
    ids=["mappings", "sequences", "a generator"],
)
def test_rows_at_hand_are_a_campaign_too(smsq: Smsq, rows: object, columns: list[str] | None) -> None:
    """Held to the same rules as a file's."""
    view = smsq.campaigns.run(rows, text="Hi {name}!", columns=columns)  # type: ignore[arg-type]

    assert (view.rows, dict(view.statuses), view.name) == (2, {"queued": 2}, "campaign")


def test_plain_phones_are_rows(smsq: Smsq) -> None:
    """One text for all."""
    view = smsq.campaigns.run([f"+{FIRST}", "12"], text="Hi", name="few")

    assert (view.name, dict(view.statuses)) == ("few", {"queued": 1, "invalid": 1})


def test_pause_resume_and_cancel(smsq: Smsq, tmp_path: Path) -> None:
    """What a person's hand does; an unknown id is a sentence."""
    campaigns = smsq.campaigns
    view = campaigns.run(people(tmp_path / "x.csv", 10), text="Hi")
    states = [campaigns.pause(view.id).state, campaigns.resume(view.id).state, campaigns.cancel(view.id).state]

    assert states == ["paused", "running", "cancelled"]
    with pytest.raises(errors.BadInput, match="there is no campaign zzzzz"):
        campaigns.pause("zzzzz")


def test_a_name_in_place_of_an_id_is_told_its_ids(smsq: Smsq) -> None:
    """People remember names, and several campaigns may have one."""
    ids = [smsq.campaigns.run([f"+{FIRST + n}"], text="Hi", name="spring").id for n in range(2)]

    with pytest.raises(errors.BadInput, match="spring is a name, and an id is needed: ") as caught:
        smsq.campaigns.cancel("spring")
    assert all(each in str(caught.value) for each in ids)


def test_a_cancel_is_repeated_or_comes_too_late(smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two is answered like the first; of a campaign that ended meanwhile, the caller hears so."""
    cancelled = smsq.campaigns.run([f"+{FIRST}"], text="Hi", name="one").id
    done = smsq.campaigns.run([f"+{FIRST}"], text="Bye", name="two").id
    ledger = smsq.runtime.ledger
    control = ledger.control

    def after_its_end(campaign_id: str, verb: str, why: str = "") -> str:
        ledger.redis.hset(ledger.keys.campaign(campaign_id), "state", "done")
        return control(campaign_id, verb, why)

    assert [smsq.campaigns.cancel(cancelled).state for _ in range(2)] == ["cancelled", "cancelled"]
    monkeypatch.setattr(ledger, "control", after_its_end)
    with pytest.raises(errors.SmsqError, match=f"campaign {done} is done: there is nothing to cancel"):
        smsq.campaigns.cancel(done)


@pytest.mark.parametrize(
    ("text", "how", "why"),
    [
        ("", {}, "the text is empty"),
        ("Hi {nmae}", {}, "did you mean name"),
        ("Hi {", {}, "a single {"),
        ("x" * 1001, {}, "1001 characters long"),
        ("Hi", {"phone_column": "number"}, "has no column number"),
        ("Hi", {"window": "9"}, "such as 9-21"),
        ("Hi", {"window": "24-0"}, "0-24 for all of it"),
        ("Hi", {"at": "2026-11-21"}, "a day without a time"),
        ("Hi", {"budget": "much"}, "amount of money"),
        ("Hi", {"rate": 0.0}, "parts per second"),
        ("Hi", {"at": "soon"}, "a moment looks like"),
        ("Hi", {"options": Options(extra={"viber": "1"})}, "choose the channel"),
        ("Hi", {"options": Options(extra={"maxsms": "many"})}, "maxsms is a number"),
        ("Hi", {"options": Options(time="garbage")}, "a time is"),
        ("Hi", {"options": Options(translit=7)}, "translit is 0"),
    ],
)
def test_a_draft_names_what_is_wrong(tmp_path: Path, text: str, how: dict[str, str], why: str) -> None:
    """Without a ledger, before anything else."""
    with pytest.raises(errors.BadInput, match=why):
        draft(people(tmp_path / "x.csv", 2), text=text, **how)  # type: ignore[arg-type]


def test_all_of_the_day_is_a_window(tmp_path: Path) -> None:
    """As good as none: every hour lies in it."""
    window = draft(people(tmp_path / "x.csv", 2), text="Hi", window="0-24").window or ""

    assert window == "0-24"
    assert all(is_open(window, OWN, 1_800_000_000 + 3600 * hour) for hour in range(24))


def test_a_budget_needs_a_price(smsq: Smsq, tmp_path: Path) -> None:
    """Without it there is nothing to guard the budget by."""
    with pytest.raises(errors.Unreachable, match="no worker of the chores lane"):
        smsq.campaigns.run(people(tmp_path / "x.csv", 2), text="Hi", budget=10)


@pytest.mark.parametrize("batch_size", [1, 100, 500])
def test_ranges_hold_a_thousand_rows_or_more(tmp_path: Path, batch_size: int) -> None:
    """Small batches do not mean many round trips; nothing is lost between ranges."""
    drafted = draft(people(tmp_path / "x.csv", 6000), text="Hi")
    parts = list(ranges(drafted, batch_size))
    phones = [phone for part in parts for batch in part.batches for phone in unpack_recipients(batch.recipients)]

    assert min(part.rows for part in parts[:-1]) >= 1000
    assert phones == list(range(FIRST, FIRST + 6000))


def between(smsq: Smsq, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something happen when a campaign was compared and is not begun yet."""
    whole, acts = smsq.campaigns._open, [act]

    def opened(draft: Draft, *args: object, **how: object) -> object:
        if acts:
            acts.pop()()
        return whole(draft, *args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(smsq.campaigns, "_open", opened)


def test_who_was_told_between_comparison_and_beginning_is_not_told_again(
    smsq: Smsq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command with the same people comes in between, as while this one waits for a ledger that is halted."""
    file, other = people(tmp_path / "all.csv", 9), [f"+{FIRST + n}" for n in range(3)]
    between(smsq, monkeypatch, lambda: smsq.campaigns.run(other, text="Hi", name="some"))

    with pytest.raises(errors.Conflict, match=r"meanwhile 3 rows were sent already .* nothing was enrolled"):
        smsq.campaigns.run(file, text="Hi", only_new=True)
    assert [each.name for each in smsq.campaigns.list()] == ["some"]
    assert smsq.campaigns.run(file, text="Hi", only_new=True).statuses["queued"] == 6


def test_a_campaign_that_was_begun_without_rows_is_looked_at_again(
    smsq: Smsq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its producer died, and went on while another command with the same people had compared its rows already."""
    other, ledger = [f"+{FIRST + n}" for n in range(3)], smsq.runtime.ledger
    monkeypatch.setattr(ledger, "enrol_range", lambda *args, **how: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        smsq.campaigns.run(other, text="Hi", name="some")
    monkeypatch.undo()
    assert smsq.campaigns.list()[0].rows == 0
    between(smsq, monkeypatch, lambda: smsq.campaigns.run(other, text="Hi", name="some"))

    with pytest.raises(errors.Conflict, match="meanwhile 3 rows were sent already"):
        smsq.campaigns.run(people(tmp_path / "all.csv", 9), text="Hi", only_new=True)


def test_campaigns_of_others_that_begin_in_between_are_in_nobodys_way(
    smsq: Smsq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another text, or the same text for other people."""
    between(smsq, monkeypatch, lambda: smsq.campaigns.run([f"+{FIRST + 50}"], text="Hi", name="others"))

    assert smsq.campaigns.run(people(tmp_path / "all.csv", 9), text="Hi").statuses["queued"] == 9


def test_with_again_nothing_is_looked_at(smsq: Smsq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person has decided."""
    between(smsq, monkeypatch, lambda: smsq.campaigns.run([f"+{FIRST}"], text="Hi", name="one"))

    assert smsq.campaigns.run(people(tmp_path / "all.csv", 9), text="Hi", again=True).statuses["queued"] == 9
