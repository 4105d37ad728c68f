"""What a file is written in: told where it can be, refused where it cannot, never guessed into garbled texts."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsq.producers.intake.rows import Source, inspect
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

PEOPLE = ["Иван", "Пётр", "Фёдор", "Анна", "Ольга Петровна", "САНКТ-ПЕТЕРБУРГ", "Щукин", "Ёжик"]


def people(names: list[str], encoding: str) -> bytes:
    """A file with these names."""
    return ("phone,name\n" + "".join(f"+7999123000{n},{name}\n" for n, name in enumerate(names))).encode(encoding)


def write(folder: Path, content: bytes) -> Path:
    """A file that holds this."""
    path = folder / "people.csv"
    path.write_bytes(content)
    return path


def names(source: Source) -> list[str]:
    """The names of a file, a reject's reason in place of one that cannot be read."""
    return [row.reason if isinstance(row, Reject) else row[2][1] for row in source.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251"])
@pytest.mark.parametrize("few", [[*PEOPLE, "ООО «РЖД»", "№ 5 – «Б»"], ["Пётр"], ["Уфа"], ["МОСКВА", "ТВЕРЬ"]])
def test_russian_is_recognised(tmp_path: Path, encoding: str, few: list[str]) -> None:
    """In either of the two encodings that spreadsheets write, in words of any case."""
    source = inspect(write(tmp_path, people(few, encoding)))

    assert (source.encoding, names(source)) == (encoding, few)


def test_neighbouring_languages_are_recognised(tmp_path: Path) -> None:
    """Letters that Ukrainian has and Russian has not."""
    few = ["Київ", "Єва", "Олексій", "Їжак", "Мар'яна"]

    assert names(inspect(write(tmp_path, people(few, "windows-1251")))) == few


SENTENCES = {
    "Russian": "Здравствуйте Сергей Яна Татьяна ждём вас в магазине на улице Чехова ещё до конца недели спасибо",
    "Ukrainian": "Дякуємо Олексію Євгенія ваше замовлення готове чекаємо на вас у Києві своєї черги її знижка діє ще",
    "Belarusian": "Дзякуй Уладзімір Святлана ваша замова гатова чакаем вас у краме ў Магілёве зніжка на ўсё быў",
    "Kazakh": "Рахмет Айгүл Қуаныш Әсел тапсырысыңыз дайын дүкенде күтеміз Шымкент қаласы өте жақсы ғана үшін жеңілдік",
}
CYRILLIC = ("mac-cyrillic", "kz1048", "ptcp154", "iso8859-5", "koi8-r", "koi8-u", "cp866", "cp855")
CASES = {"as written": str, "capitals": str.upper, "small": str.lower}


def files_in(encoding: str) -> Iterator[tuple[str, str]]:
    """Files that this encoding can write, and their names: single words, a few, many, in each language and case."""
    for language, sentence in SENTENCES.items():
        for case, change in CASES.items():
            words = change(sentence).split()
            portions = (
                [[word] for word in words] + [words[at : at + 4] for at in range(0, len(words), 4)] + [words * 300]
            )
            for portion in portions:
                text = "phone,name\n" + "".join(f"+7999{n:07},{word}\n" for n, word in enumerate(portion))
                with contextlib.suppress(UnicodeEncodeError):
                    text.encode(encoding)
                    yield f"{language}, {case}, {len(portion)}: {portion[0]}", text


@pytest.mark.parametrize("encoding", ["windows-1251", *CYRILLIC])
def test_no_neighbour_is_taken_for_another(tmp_path: Path, encoding: str) -> None:
    """In every language, case and length, bytes are read as what was written, or not at all."""
    garbage, read = [], set()
    for name, text in files_in(encoding):
        path = write(tmp_path, text.encode(encoding))
        try:
            told = inspect(path)
        except BadInput:
            continue
        values = [row[2][1] for row in told.rows() if not isinstance(row, Reject)]
        expected = [line.split(",")[1] for line in text.splitlines()[1:]]
        read.add(name)
        if told.encoding != "utf-8" and values != expected:  # two bytes that are UTF-8 by chance are no guess of ours
            garbage.append((name, values[:1]))

    assert garbage == []
    if encoding == "windows-1251":
        long = {f"{language}, {case}" for language in SENTENCES for case in CASES if language != "Kazakh"}
        assert long <= {", ".join(name.split(", ")[:2]) for name in read if ", 1: " not in name}


@pytest.mark.parametrize("encoding", ["kz1048", "ptcp154", "mac-cyrillic"])
def test_a_few_letters_in_a_large_file_are_enough(tmp_path: Path, encoding: str) -> None:
    """The rows by which near relatives differ are looked at, however far down they stand."""
    names = ["привет"] * 200_000 + (["Павел", "Яна"] if encoding == "mac-cyrillic" else ["Қуаныш", "Әсел"])
    content = b"phone,name\n" + "".join(f"7,{name}\n" for name in names).encode(encoding)

    try:
        assert inspect(write(tmp_path, content)).encoding == encoding == "mac-cyrillic"
    except BadInput as error:
        assert re.search(f"not in UTF-8.* (like|in) {encoding}", error.sentence)  # noqa: PT017 - either will do


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Γιώργος Παπαδόπουλος Αθήνα", "cp1253"),
        ("Marco è qui però", "latin-1"),
        ("DUPONT à Paris", "latin-1"),
        ("שלום לכולם", "cp1255"),
        ("مرحبا بكم", "cp1256"),
        ("Gülşah İzmir çok", "cp1254"),
        ("Љубица Ђорђевић", "cp1251"),
    ],
)
def test_other_languages_are_not_taken_for_russian(tmp_path: Path, text: str, encoding: str) -> None:
    """What we have no letters for is refused."""
    with pytest.raises(BadInput, match="not in UTF-8"):
        inspect(write(tmp_path, people(text.split(), encoding)))


def test_a_guess_is_known_as_one(tmp_path: Path) -> None:
    """What was told by its letters shall be shown; what was said, or is UTF-8, need not."""
    guessed = write(tmp_path, people(PEOPLE, "windows-1251"))

    assert inspect(guessed).is_guessed
    assert not inspect(guessed, encoding="windows-1251").is_guessed
    assert not inspect(write(tmp_path, people(PEOPLE, "utf-8"))).is_guessed


GUESSED = {
    "KOI8-R": (PEOPLE, "koi8-r"),
    "DOS": (["Здравствуйте", "дорогой друг", "Сергей", "Москва тоже", *PEOPLE], "cp866"),
    "Macintosh": (["Здравствуйте", "Сергей", "Яна"], "mac-cyrillic"),
}


@pytest.mark.parametrize(("few", "encoding"), GUESSED.values(), ids=GUESSED.keys())
def test_other_encodings_of_russian_are_guessed(tmp_path: Path, few: list[str], encoding: str) -> None:
    """If their reading is far ahead of all others; a person is shown a row of it."""
    source = inspect(write(tmp_path, people(few, encoding)))

    assert (source.encoding, source.is_guessed, names(source)) == (encoding, True, few)


@pytest.mark.parametrize("mark", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(tmp_path: Path, mark: str) -> None:
    """As spreadsheets write "Unicode text", with a mark or without; it is the campaign of the same file in UTF-8."""
    content = people([*PEOPLE, "🙂"], mark)
    source = inspect(write(tmp_path, content))

    assert names(source) == [*PEOPLE, "🙂"]
    assert source.digest == inspect(write(tmp_path, people([*PEOPLE, "🙂"], "utf-8"))).digest
    with pytest.raises(BadInput, match="UTF-16 and ends in the middle of a character"):
        inspect(write(tmp_path, content[:-1]))


def test_half_of_a_character_is_a_row_that_is_turned_away(tmp_path: Path) -> None:
    """In UTF-16 a surrogate may stand alone; the rows around it are read."""
    content = "phone,name\n1,a\n2,\ud800\n3,c\n".encode("utf-16-le", "surrogatepass")

    assert names(inspect(write(tmp_path, content))) == ["a", "column name holds bytes that are not UTF-8", "c"]


REFUSED = {
    "KOI8-R in small letters": (people(["привет", "дорогой", "друг"], "koi8-r"), "looks like koi8-r"),
    "KOI8-R in capitals": (people(["ПРИВЕТ", "ДОРОГОЙ", "ДРУГ"], "koi8-r"), "looks like koi8-r"),
    "latin-1": (people(["José", "Müller", "François"], "latin-1"), "not in UTF-8: save it"),
    "Polish": (people(["Łódź", "Żółć"], "cp1250"), "not in UTF-8: save it"),
    "Greek": (people(["ευχαριστώ", "Θεσσαλονίκη", "γιώργος"], "cp1253"), "not in UTF-8"),
    "Hebrew": (people("שלום לכולם תודה רבה ירושלים דוד משה אברהם יעקב".split(), "cp1255"), "not in UTF-8"),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_told_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    """With a way out, before a garbled text costs anything."""
    with pytest.raises(BadInput, match=sentence):
        inspect(write(tmp_path, content))


def test_rows_of_another_encoding_are_turned_away(tmp_path: Path) -> None:
    """Where some rows are UTF-8 the file is, however many of the others there are."""
    mixed = people(["Иван", "Анна"], "utf-8") + b"".join(b"7,%s\n" % name.encode("cp1251") for name in PEOPLE * 30)
    source = inspect(write(tmp_path, mixed))
    told = names(source)

    assert (source.encoding, told[:2]) == ("utf-8", ["Иван", "Анна"])
    assert set(told[2:]) == {"column name holds bytes that are not UTF-8"}


def test_what_a_person_says_wins(tmp_path: Path) -> None:
    """And makes another campaign of the file only where it is read otherwise."""
    path = write(tmp_path, people(PEOPLE, "koi8-r"))
    told = inspect(path, encoding="KOI8-R")
    told_names = names(told)
    plain = write(tmp_path, people(PEOPLE, "windows-1251"))

    assert (told.encoding, told_names) == ("koi8-r", PEOPLE)
    assert inspect(plain, encoding="cp1251").digest == inspect(plain).digest != inspect(plain, encoding="cp866").digest
    with pytest.raises(BadInput, match="there is no encoding 'klingon'"):
        inspect(plain, encoding="klingon")


def test_a_wrong_word_shows_in_the_rows(tmp_path: Path) -> None:
    """Bytes that the named encoding does not have turn rows away."""
    source = inspect(write(tmp_path, people(["Анна", "Иван"], "windows-1251")), encoding="ascii")

    assert set(names(source)) == {"column name holds bytes that are not ascii"}


def test_a_pipe_is_read_as_often_as_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named pipe and standard input are copied first; the digest is that of the same file."""
    content = people(PEOPLE, "utf-8")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    piped = inspect(pipe)
    writer.join()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    stdin = inspect("-")

    assert names(piped) == names(piped) == names(stdin) == PEOPLE
    assert (stdin.name, stdin.digest) == ("standard input", inspect(write(tmp_path, content)).digest)


def test_rows_are_found_in_an_editor(tmp_path: Path) -> None:
    """Blank lines and cells of several lines shift a row from its line."""
    source = inspect(write(tmp_path, b'phone,name\n1,a\n\n2,"b\nb"\n3,c\n4,"x"y\n5\n'))

    assert source.lines({1, 3, 4, 5}) == {1: 2, 3: 6, 4: 7, 5: 8}


@pytest.mark.parametrize("taken_for", ["cp1251", "cp1252"])
def test_letters_that_were_garbled_before_are_not_sent(tmp_path: Path, taken_for: str) -> None:
    """UTF-8 that some program took for another encoding and saved again: good UTF-8, and no text for anybody."""
    names = ["\u041a\u0430\u0442\u044f", "\u0412\u0430\u0434\u0438\u043c"]
    path = tmp_path / "x.csv"
    rows = "phone,name\n" + "".join(f"+7916000000{n},{name}\n" for n, name in enumerate(names))
    path.write_text(rows.encode().decode(taken_for, "ignore"), encoding="utf-8")

    with pytest.raises(BadInput, match=r"garbled before .* seems to stand for \w+\. Export it again"):
        inspect(path)
    assert inspect(path, encoding="utf-8").encoding == "utf-8"


def test_letters_that_look_like_garbled_ones_are_read(tmp_path: Path) -> None:
    """Capitals before signs, and a word in Serbian."""
    path = tmp_path / "x.csv"
    path.write_text("phone,name\n+79160000001,\u0421\u2026 \u0420\u00ab\u0420\u00bb \u0421\u0402\u0411\n", "utf-8")

    assert inspect(path).encoding == "utf-8"
