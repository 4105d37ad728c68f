"""Rows that were sent already, by another campaign of a file that was corrected since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smsq.producers.api import Smsq
from smsq.producers.intake.drafts import draft
from smsq.worker.domain import errors
from smsq.worker.domain.batch import Ref, unpack_recipients
from smsq.worker.ledger.campaigns.lately import Lately

FIRST = 79990000000


def people(path: Path, rows: range | list[int], *extra: str) -> Path:
    """A file with these rows, and others."""
    path.write_text("\n".join(["phone,name", *(f"+{FIRST + n},P{n}" for n in rows), *extra]) + "\n")
    return path


def phones_in(smsq: Smsq, campaign_id: str) -> list[int]:
    """The phones that a campaign sends to, in the order of its batches."""
    refs = smsq.runtime.views.batch_refs(campaign_id)
    return [phone - FIRST for batch in smsq.runtime.ledger.read(refs) if batch for phone in batch.recipients]


def end_texts(smsq: Smsq, campaign_id: str) -> None:
    """What upkeep does once a campaign's texts were kept long enough."""
    lately = Lately(smsq.runtime.ledger)
    lately.leave_prints(campaign_id, smsq.runtime.views.batch_refs(campaign_id))
    lately.leave_print(campaign_id)


def stop_at(row: int) -> Callable[[int], None]:
    """A producer that is killed once so many rows are in."""

    def stop(rows: int) -> None:
        if rows >= row:
            raise KeyboardInterrupt

    return stop


TEXTS = pytest.mark.parametrize("text", ["Hello", "Hello {name}"], ids=["one text", "texts of their own"])


@TEXTS
def test_a_corrected_file_is_refused_with_what_was_sent(smsq: Smsq, tmp_path: Path, text: str) -> None:
    """How many rows, by which campaign, and both ways out; nothing is enrolled."""
    first = smsq.campaigns.run(people(tmp_path / "x.csv", range(20), "123,Bad"), text=text)

    with pytest.raises(errors.Conflict) as refusal:
        smsq.campaigns.run(people(tmp_path / "x.csv", range(21)), text=text)
    said = refusal.value.sentence
    assert f"20 of 21 rows were sent already with the same text and sender: 20 by campaign {first.id} (x) on " in said
    assert all(way in said for way in ("--only-new", "--again", "only_new=True", "again=True"))
    assert [view.id for view in smsq.campaigns.list()] == [first.id]


@TEXTS
def test_only_new_leaves_out_what_was_sent(smsq: Smsq, tmp_path: Path, text: str) -> None:
    """Those rows are in the report with a reason of their own; the others go out."""
    first = smsq.campaigns.run(people(tmp_path / "x.csv", range(20), "123,P20"), text=text)
    second = smsq.campaigns.run(people(tmp_path / "x.csv", range(21), f"+{FIRST},Dup"), text=text, only_new=True)
    report = list(smsq.campaigns.report(second.id))

    assert (second.id == first.id, second.state, second.rows) == (False, "running", 22)
    assert dict(second.statuses) == {"queued": 1, "duplicate": 21}
    assert phones_in(smsq, second.id) == [20]
    assert [each.row for each in report] == list(range(1, 23))
    assert {each.status for each in report[:20]} == {"duplicate"}
    assert {each.error.rpartition(" on ")[0] for each in report[:20]} == {f"sent already by campaign {first.id}"}
    assert report[0].phone == f"+{FIRST}"
    assert report[21].error == "this phone is in an earlier row"


@TEXTS
def test_again_sends_to_all(smsq: Smsq, tmp_path: Path, text: str) -> None:
    """On purpose, and an interrupted one goes on without being asked a second time."""
    smsq.campaigns.run(people(tmp_path / "x.csv", range(2000)), text=text)
    file = people(tmp_path / "x.csv", range(2001))
    with pytest.raises(KeyboardInterrupt):
        smsq.campaigns.run(file, text=text, again=True, enrolled=stop_at(1000))
    second = smsq.campaigns.run(file, text=text)

    assert (second.rows, dict(second.statuses)) == (2001, {"queued": 2001})


def test_another_text_or_sender_is_another_message(smsq: Smsq, tmp_path: Path) -> None:
    """Next week's text to the same people is no repetition; nor is a row whose own text was corrected."""
    smsq.campaigns.run(people(tmp_path / "x.csv", range(3)), text="Hello {name}")
    campaigns = smsq.campaigns

    assert dict(campaigns.run(people(tmp_path / "a.csv", range(4)), text="Bye {name}").statuses) == {"queued": 4}
    assert dict(campaigns.run(people(tmp_path / "b.csv", range(4)), text="Hello").statuses) == {"queued": 4}
    other = campaigns.run(people(tmp_path / "c.csv", range(4)), text="Hello {name}", sender="Shop")
    assert dict(other.statuses) == {"queued": 4}
    corrected = people(tmp_path / "d.csv", [0, 1], f"+{FIRST + 2},Peter")
    assert dict(campaigns.run(corrected, text="Hello {name}", only_new=True).statuses) == {"queued": 1, "duplicate": 2}


@pytest.mark.parametrize("is_gone", [False, True], ids=["its text is kept", "its text is gone"])
@TEXTS
def test_rows_with_senders_of_their_own_are_compared_by_them(
    smsq: Smsq, tmp_path: Path, text: str, is_gone: bool
) -> None:
    """A row that went under this sender was sent, under another one not, whichever campaign it was in."""
    rows = [{"phone": FIRST + n, "name": f"P{n}", "from": name} for n, name in enumerate(["A", "B", "", "A"])]
    mixed = smsq.campaigns.run(rows, text=text, per_row={"sender": "from"}, sender="C")
    if is_gone:
        end_texts(smsq, mixed.id)
    plain = smsq.campaigns.run(people(tmp_path / "x.csv", range(4)), text=text, sender="A", only_new=True)
    if is_gone:
        end_texts(smsq, plain.id)
    moved = [{**row, "from": "A" if n < 2 else "B"} for n, row in enumerate(rows)]
    last = smsq.campaigns.run(moved, text=text, per_row={"sender": "from"}, only_new=True)

    assert phones_in(smsq, plain.id) == [1, 2]
    assert phones_in(smsq, last.id) == [2, 3]


def test_the_same_words_are_the_same_message_however_they_came_about(smsq: Smsq, tmp_path: Path) -> None:
    """A text for all and one with a column in it, a column of another name."""
    smsq.campaigns.run([f"+{FIRST}", f"+{FIRST + 1}"], text="Hello P0")
    again = smsq.campaigns.run(people(tmp_path / "x.csv", range(2)), text="Hello {name}", only_new=True)
    renamed = [{"phone": FIRST + 1, "first": "P1"}, {"phone": FIRST + 2, "first": "P2"}]
    third = smsq.campaigns.run(renamed, text="Hello {first}", only_new=True)

    assert phones_in(smsq, again.id) == [1]
    assert phones_in(smsq, third.id) == [2]


@pytest.mark.parametrize("is_gone", [False, True], ids=["its text is kept", "its text is gone"])
@pytest.mark.parametrize("first", ["Hello {name}", "Hello  P0"], ids=["texts of their own", "one text"])
def test_a_file_whose_blanks_were_cleaned_is_the_same_file(
    smsq: Smsq, tmp_path: Path, first: str, is_gone: bool
) -> None:
    """Blanks at an end, two for one, one that does not break and signs that nobody sees make no other text."""
    rows = [{"phone": FIRST + n, "name": f" P0\u200b{blank}"} for n, blank in enumerate([" ", "\u00a0", "\n", ""])]
    sent = smsq.campaigns.run(rows, text=first)
    if is_gone:
        end_texts(smsq, sent.id)
    cleaned = [{"phone": FIRST + n, "name": "P0"} for n in range(5)]

    assert phones_in(smsq, smsq.campaigns.run(cleaned, text="Hello {name}", only_new=True).id) == [4]
    with pytest.raises(errors.Conflict, match="5 rows were sent already"):
        smsq.campaigns.run([f"+{FIRST + n}" for n in range(5)], text="Hello P0 ")


@TEXTS
def test_what_never_left_is_no_repetition(smsq: Smsq, tmp_path: Path, text: str) -> None:
    """A campaign that was cancelled while it waited has sent nothing; its own file goes once more, or what is new."""
    first = smsq.campaigns.run(people(tmp_path / "x.csv", range(5)), text=text)
    smsq.campaigns.cancel(first.id)
    second = smsq.campaigns.run(people(tmp_path / "y.csv", range(4)), text=text)
    third = smsq.campaigns.run(people(tmp_path / "x.csv", range(5)), text=text, only_new=True)

    assert dict(second.statuses) == {"queued": 4}
    assert dict(third.statuses) == {"queued": 1, "duplicate": 4}


@TEXTS
def test_nothing_new_is_a_sentence(smsq: Smsq, tmp_path: Path, text: str) -> None:
    """The same command on the next day enrols nothing, and says by which campaign all was sent."""
    first = smsq.campaigns.run(people(tmp_path / "x.csv", range(5)), text=text)

    with pytest.raises(
        errors.BadInput, match=f"no row can be sent; 4 of 4 because: sent already by campaign {first.id}"
    ):
        smsq.campaigns.run(people(tmp_path / "y.csv", range(4)), text=text, only_new=True)
    assert len(smsq.campaigns.list()) == 1


@TEXTS
def test_what_was_sent_is_known_after_its_text_is_gone(smsq: Smsq, tmp_path: Path, text: str) -> None:
    """By a fingerprint, as long as the campaign is kept; the text itself is nowhere."""
    first = smsq.campaigns.run(people(tmp_path / "x.csv", range(250)), text=text)
    end_texts(smsq, first.id)
    ledger = smsq.runtime.ledger
    held = ledger.redis.hgetall(ledger.keys.campaign(first.id)) | ledger.redis.hgetall(ledger.keys.shard(1))
    second = smsq.campaigns.run(people(tmp_path / "y.csv", range(251)), text=text, only_new=True)
    other = smsq.campaigns.run(people(tmp_path / "z.csv", range(3)), text=f"{text}!")

    assert not any(b"Hello" in value for value in held.values())
    assert phones_in(smsq, second.id) == [250]
    assert dict(other.statuses) == {"queued": 3}


@TEXTS
def test_a_host_without_the_secret_key_says_that_it_cannot_tell(
    environ: dict[str, str], tmp_path: Path, text: str
) -> None:
    """Fingerprints of the hosts with workers say nothing to it: it refuses what may be a repetition, with the cure."""
    with Smsq(environ=environ) as smsq:
        first = smsq.campaigns.run(people(tmp_path / "x.csv", range(5)), text=text)
    stranger = {**environ, "SMSQ_HOME": str(tmp_path / "other")}
    with Smsq(environ=stranger) as smsq, pytest.raises(errors.Conflict, match="5 of 6 rows were sent already"):
        smsq.campaigns.run(people(tmp_path / "y.csv", range(6)), text=text)
    with Smsq(environ=environ) as smsq:
        end_texts(smsq, first.id)
    with Smsq(environ=stranger) as smsq:
        for only_new in (False, True):
            with pytest.raises(errors.Conflict, match=r"this host cannot tell .* set SMSQ_SECRET_KEY"):
                smsq.campaigns.run(people(tmp_path / "y.csv", range(6)), text=text, only_new=only_new)
        assert smsq.campaigns.run(people(tmp_path / "z.csv", range(6, 9)), text=text).rows == 3
        assert dict(smsq.campaigns.run(tmp_path / "y.csv", text=text, again=True).statuses) == {"queued": 6}


def test_the_older_file_is_only_half_enrolled(smsq: Smsq, tmp_path: Path) -> None:
    """Its rows that are in count; it goes on only after its others were compared with those that went out meanwhile."""
    old = people(tmp_path / "old.csv", range(2500))
    with pytest.raises(KeyboardInterrupt):
        smsq.campaigns.run(old, text="Hello", enrolled=stop_at(1000))
    begun = smsq.campaigns.list()[0]
    new = people(tmp_path / "new.csv", range(2000))

    with pytest.raises(
        errors.Conflict, match=f"1000 of 2000 rows .* 1000 by campaign {begun.id} .*only 1000 rows are in"
    ):
        smsq.campaigns.run(new, text="Hello")
    second = smsq.campaigns.run(new, text="Hello", only_new=True)
    with pytest.raises(errors.Conflict, match=f"1000 of 2500 rows were sent already .* by campaign {second.id}"):
        smsq.campaigns.run(old, text="Hello")
    ended = smsq.campaigns.run(old, text="Hello", only_new=True)

    assert phones_in(smsq, second.id) == list(range(1000, 2000))
    assert ended.id == begun.id
    assert phones_in(smsq, ended.id) == [*range(1000), *range(2000, 2500)]
    assert dict(ended.statuses) == {"queued": 1500, "duplicate": 1000}


def test_one_of_which_nothing_is_left_ends(smsq: Smsq, tmp_path: Path) -> None:
    """Its producer was killed before a row was in, and all of them were sent by another meanwhile."""
    file = people(tmp_path / "x.csv", range(5))
    drafted = draft(file, text="Hello")
    opened = smsq.runtime.ledger.open_campaign(drafted.plan(100, 0.0))
    other = smsq.campaigns.run(people(tmp_path / "y.csv", range(6)), text="Hello")
    with pytest.raises(errors.Conflict, match=f"5 rows were sent already .* by campaign {other.id}"):
        smsq.campaigns.run(file, text="Hello")
    ended = smsq.campaigns.run(file, text="Hello", only_new=True)

    assert (ended.id, ended.state, dict(ended.statuses)) == (opened.id, "done", {"duplicate": 5})


def test_a_producer_that_is_overtaken_stops(environ: dict[str, str], tmp_path: Path) -> None:
    """While it enrols, its first rows are left out of another campaign: it must not send what that one sends."""
    old, new = people(tmp_path / "old.csv", range(2500)), people(tmp_path / "new.csv", range(2500), "12,Bad")
    overtook: list[str] = []

    def overtake(rows: int) -> None:
        if not overtook:
            with Smsq(environ=environ) as other:
                overtook.append(other.campaigns.run(new, text="Hello", only_new=True).id)

    with Smsq(environ=environ) as smsq:
        with pytest.raises(errors.Conflict, match="run the same command again"):
            smsq.campaigns.run(old, text="Hello", enrolled=overtake)
        first = smsq.campaigns.list()[1]
        assert (first.state, first.rows) == ("enrolling", 1000)
        ended = smsq.campaigns.run(old, text="Hello", only_new=True)

        assert phones_in(smsq, overtook[0]) == list(range(1000, 2500))
        assert phones_in(smsq, ended.id) == list(range(1000))
        assert (ended.id, ended.state, ended.rows) == (first.id, "running", 2500)


@pytest.mark.parametrize("only_new", [False, True])
def test_what_another_sends_while_one_is_asked_is_found(smsq: Smsq, tmp_path: Path, only_new: bool) -> None:
    """A question may stand for hours: nothing goes in that somebody else has sent since."""
    smsq.campaigns.run(people(tmp_path / "z.csv", [0]), text="Hello")
    drafted = draft(people(tmp_path / "x.csv", range(1 - only_new, 5)), text="Hello")
    drafted, found, _ = smsq.campaigns.compared(drafted, None, only_new=only_new)
    other = smsq.campaigns.run(people(tmp_path / "y.csv", [3]), text="Hello")
    smsq.campaigns.run(people(tmp_path / "y.csv", [3]), text="Hello", sender="Shop")

    assert found is not None
    assert found.messages == 4
    with pytest.raises(errors.Conflict, match=f"meanwhile 1 row was sent already .* {other.id} .*nothing was"):
        smsq.campaigns.enrol(drafted)
    assert len(smsq.campaigns.list()) == 3


def test_two_who_run_the_same_at_once_make_one_campaign(environ: dict[str, str], tmp_path: Path) -> None:
    """The second goes on with what the first has begun, and leaves out what that one leaves out."""
    file = people(tmp_path / "x.csv", range(2500))
    with Smsq(environ=environ) as smsq, Smsq(environ=environ) as other:
        smsq.campaigns.run(people(tmp_path / "z.csv", range(0, 2500, 2)), text="Hello")
        drafted, _, _ = smsq.campaigns.compared(draft(file, text="Hello"), None, only_new=True)
        with pytest.raises(KeyboardInterrupt):
            other.campaigns.run(file, text="Hello", only_new=True, enrolled=stop_at(1000))
        view = smsq.campaigns.enrol(drafted)

        assert len(smsq.campaigns.list()) == 2
        assert phones_in(smsq, view.id) == list(range(1, 2500, 2))


@TEXTS
@pytest.mark.parametrize("flag", [True, False], ids=["the same command", "without the flag"])
def test_an_interrupted_one_goes_on_with_the_same_rows(smsq: Smsq, tmp_path: Path, text: str, flag: bool) -> None:
    """What is left out was decided when it began: not by what has become of the others, nor by its own rows."""
    first = smsq.campaigns.run(people(tmp_path / "x.csv", range(0, 3000, 2)), text=text)
    file = people(tmp_path / "y.csv", range(3000))
    with pytest.raises(KeyboardInterrupt):
        smsq.campaigns.run(file, text=text, only_new=True, enrolled=stop_at(1000))
    begun = smsq.campaigns.list()[0]
    smsq.campaigns.cancel(first.id)
    second = smsq.campaigns.run(file, text=text, only_new=flag)

    assert (begun.id, begun.state, begun.rows) == (second.id, "enrolling", 1000)
    assert phones_in(smsq, second.id) == list(range(1, 3000, 2))
    assert dict(second.statuses) == {"queued": 1500, "duplicate": 1500}


def test_rows_that_stay_behind_do_not_move_their_batch(smsq: Smsq, tmp_path: Path) -> None:
    """Journals know a batch by its place in the file: it is the same with and without them."""
    smsq.campaigns.run(people(tmp_path / "x.csv", [0, 1, 250]), text="Hello")
    second = smsq.campaigns.run(people(tmp_path / "y.csv", range(300)), text="Hello", only_new=True)
    refs = smsq.runtime.views.batch_refs(second.id)
    batches = [batch for batch in smsq.runtime.ledger.read(refs) if batch]

    assert [(batch.first_row, batch.count) for batch in batches] == [(1, 98), (101, 100), (201, 99)]
    assert [each.row for each in smsq.campaigns.report(second.id)] == list(range(1, 301))


def test_both_wishes_at_once_are_a_mistake(smsq: Smsq, tmp_path: Path) -> None:
    """They contradict each other."""
    with pytest.raises(errors.BadInput, match="choose one"):
        smsq.campaigns.run(people(tmp_path / "x.csv", range(2)), text="Hi", again=True, only_new=True)


def test_a_budget_counts_what_goes_out(smsq: Smsq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that stay behind are not priced."""
    smsq.campaigns.run(people(tmp_path / "x.csv", range(5)), text="Hello")
    asked: list[int] = []

    def price(payload: dict[str, list[int]]) -> tuple[int, int]:
        asked.append(len(payload["recipients"]))
        return 2, 1

    monkeypatch.setattr(smsq, "price", price)
    smsq.campaigns.run(people(tmp_path / "y.csv", range(7)), text="Hello", only_new=True, budget=100)

    assert asked == [2]


def test_numbers_that_a_phone_is_kept_by(smsq: Smsq, tmp_path: Path) -> None:
    """A phone is one however it was written, and of any length."""
    smsq.campaigns.run(["8 999 000-00-00", "+4915112345678", "+3725123456"], text="Hello")

    with pytest.raises(errors.Conflict, match="3 of 4 rows"):
        smsq.campaigns.run(["+79990000000", "+49 1511 2345678", "+372 512 3456", "+79990000001"], text="Hello")


def test_refs_and_phones_agree(smsq: Smsq, tmp_path: Path) -> None:
    """The packed phones of a batch without its first row are those of its rows."""
    smsq.campaigns.run(people(tmp_path / "x.csv", [0]), text="Hello")
    second = smsq.campaigns.run(people(tmp_path / "y.csv", range(3)), text="Hello", only_new=True)
    (ref,) = smsq.runtime.views.batch_refs(second.id)
    assert isinstance(ref, Ref)
    packed = smsq.runtime.ledger.redis.hget(smsq.runtime.ledger.keys.shard(ref.number), f"{ref.number}p")

    assert unpack_recipients(packed) == [FIRST + 1, FIRST + 2]
    assert [(each.row, each.phone) for each in smsq.campaigns.report(second.id)] == [
        (row + 1, f"+{FIRST + row}") for row in range(3)
    ]
