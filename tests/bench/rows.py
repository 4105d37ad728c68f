"""CPU on the way in: normalising a phone, and each stage from a row of the file to a packed batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import phonenumbers

from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.rows import Source, inspect
from smsq.producers.intake.templates import Template
from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import pack
from smsq.worker.domain.errors import BadPhone
from smsq.worker.domain.phone import parse
from tests.bench import files
from tests.bench.figures import Measurement, Spread, Table, Verdict, number

PHONES_FAST, PHONES_SLOW = 100_000, 1_000  # per round
SIZE = 500
ONE_GOAL_US, OWN_GOAL_US, PHONE_GOAL = 3.0, 6.0, 40.0


def phone(rows: int, rounds: int, folder: Path, say: Callable[[str], None]) -> Measurement:
    """Our parse against the library's parse, check and format, in turns; then every country's example numbers."""
    written = list(_written(PHONES_FAST))
    ratios, ours, theirs = [], [], []
    for _ in range(rounds):
        ours.append(_us(lambda: [parse(each) for each in written], len(written)))
        few = written[:PHONES_SLOW]
        theirs.append(_us(lambda few=few: [_by_library(each, "RU") for each in few], len(few)))  # type: ignore[misc]
        ratios.append(theirs[-1] / ours[-1])
    same, all_of_them, unequal = 0, 0, []
    for each, region in _examples():
        all_of_them += 1
        if _by_us(each, region) == _by_library(each, region):
            same += 1
        else:
            unequal.append(each)
    say(f"  {Spread.of(ratios).middle:.0f} ×; {same} of {all_of_them} the same")
    equal = 100.0 * same / all_of_them
    return Measurement(
        name="phone",
        title="Normalising a phone",
        how=f"Russian mobile numbers as people write them (`+7…`, `7…`, `8…`, `+7 (…) …`), {rounds} rounds; then "
        f"{all_of_them:,} example numbers of every region, type and way of writing, and the same with a digit too "
        "few, too many or changed.",
        verdicts=[
            Verdict(
                what="against phonenumberslite: parse, check, format",
                goal=PHONE_GOAL,
                unit=" ×",
                measured=Spread.of(ratios),
            ),
            Verdict(
                what=f"same result: {same:,} of {all_of_them:,}",
                goal=100.0,
                unit=" %",
                measured=Spread(equal, equal, equal),
            ),
        ],
        tables=[
            Table(
                head=("written as", "phonenumberslite µs", "smsq.worker.domain.phone µs", "ratio"),
                rows=list(_by_shape(written)),
            ),
            Table(
                head=("all shapes in turn", "µs per phone"),
                rows=[
                    ("smsq.worker.domain.phone", Spread.of(ours).shown()),
                    ("phonenumberslite", Spread.of(theirs).shown()),
                ],
            ),
        ],
        readings={"ratio": ratios, "same": same, "examples": all_of_them, "unequal": unequal},
    )


def enrolment(rows: int, rounds: int, folder: Path, say: Callable[[str], None]) -> Measurement:
    """The whole of `prepare` by CPU time, and each stage alone on what the stage before it leaves."""
    source = inspect(files.write(folder / "enrolment.csv", rows))
    whole: dict[str, list[float]] = {"one": [], "own": []}
    stages: dict[str, list[float]] = {}
    for _ in range(rounds):
        for kind, written in (("one", files.ONE_TEXT), ("own", files.OWN_TEXT)):
            template = Template.compile(written, source.columns)
            whole[kind].append(_us(lambda template=template: _drain(source, template), rows))  # type: ignore[misc]
        for stage, us in _stages(source, rows):
            stages.setdefault(stage, []).append(us)
    one, own = Spread.of(whole["one"]), Spread.of(whole["own"])
    say(f"  one text {one.middle:.2f} µs per row, a text for each {own.middle:.2f}")
    return Measurement(
        name="enrolment",
        title="Enrolment: CPU per row",
        how=f"{rows:,} rows, {rounds} rounds, CPU time of one process: read, normalise, dedupe, render, count parts, "
        "pack. A stage alone is timed as a loop of its own, so the stages add up to a little more than the whole.",
        verdicts=[
            Verdict(what="one text", goal=ONE_GOAL_US, unit=" µs", measured=one, is_floor=False),
            Verdict(
                what="a Cyrillic text for each (checked too)",
                goal=OWN_GOAL_US,
                unit=" µs",
                measured=own,
                is_floor=False,
            ),
        ],
        tables=[
            Table(
                head=("stage", "µs per row"),
                rows=[(stage, number(Spread.of(taken).middle)) for stage, taken in stages.items()],
            )
        ],
        readings={**whole, "stages": stages},
    )


def _drain(source: Source, template: Template) -> None:
    for _ in prepare(source.rows(), template, SIZE, 10):
        pass


def _stages(source: Source, many: int) -> Iterator[tuple[str, float]]:
    """Each stage's CPU per row, in microseconds."""
    yield "read", _us(lambda: sum(1 for _ in source.rows()), many)
    rows = [row for row in source.rows() if isinstance(row, tuple)]
    template = Template.compile(files.OWN_TEXT, source.columns)
    phones: list[int] = []
    yield "normalise", _us(lambda: phones.extend(parse(row[1]) for row in rows), many)
    yield "dedupe", _us(lambda: _dedupe(phones), many)
    written: list[str] = []
    yield "render (own text)", _us(lambda: written.extend(template.render(row[2]) for row in rows), many)
    yield "check (own text)", _us(lambda: _check(written), many)
    yield "count parts (own text)", _us(lambda: [texts.parts(text) for text in written], many)
    yield "pack, one text", _us(lambda: _pack(phones, None), many)
    yield "pack, own texts", _us(lambda: _pack(phones, written), many)


def _dedupe(phones: list[int]) -> None:
    seen: set[int] = set()
    for phone in phones:
        if phone not in seen:
            seen.add(phone)


def _check(written: list[str]) -> None:
    for text in written:
        texts.check(text)


def _pack(phones: list[int], written: list[str] | None) -> None:
    for at in range(0, len(phones), SIZE):
        part = phones[at : at + SIZE]
        pack(part, written[at : at + SIZE] if written else None, range(at + 1, at + len(part) + 1), len(part))


def _us(work: Callable[[], object], many: int) -> float:
    """CPU microseconds of `work` per item."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / many * 1e6


def _by_shape(written: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Each way of writing alone; the best of three, since the machine is shared."""
    for place, shape in enumerate(("+7…", "7…", "8…", "+7 (…) …")):
        alike = written[place::4]
        few = alike[:PHONES_SLOW]
        ours = min(_us(lambda alike=alike: [parse(each) for each in alike], len(alike)) for _ in range(3))  # type: ignore[misc]
        theirs = min(_us(lambda few=few: [_by_library(each, "RU") for each in few], len(few)) for _ in range(3))  # type: ignore[misc]
        yield shape, number(theirs), number(ours), f"{number(theirs / ours)} ×"


def _written(many: int) -> Iterator[str]:
    for place, digits in enumerate(map(str, files.phones(many))):
        rest = digits[1:]
        yield (
            f"+{digits}",
            digits,
            f"8{rest}",
            f"+7 ({rest[:3]}) {rest[3:6]}-{rest[6:8]}-{rest[8:]}",
        )[place % 4]


def _examples() -> Iterator[tuple[str, str]]:
    """Example numbers of every region and type, in three ways of writing, and spoiled ones."""
    kinds = phonenumbers.PhoneNumberType.values()
    ways = (
        phonenumbers.PhoneNumberFormat.E164,
        phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        phonenumbers.PhoneNumberFormat.NATIONAL,
    )
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            for way in ways:
                yield phonenumbers.format_number(number, way), region
            plain = phonenumbers.format_number(number, ways[0])
            changed = str((int(plain[-4]) + 5) % 10)
            for spoiled in (plain[:-1], plain + "0", plain[:-4] + changed + plain[-3:]):
                yield spoiled, region


def _by_library(written: str, region: str) -> int | None:
    """The library's own verdict: the number's international digits, None for an invalid one."""
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return int(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:])


def _by_us(written: str, region: str) -> int | None:
    try:
        return int(parse(written, region))
    except BadPhone:
        return None
