"""Keys of callers, as a setting or a file names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.worker.domain.api_key import MAY, ApiKey, read

KEY = "0123456789abcdef"


def test_an_entry_says_as_much_as_it_likes() -> None:
    """Commas or line breaks between entries, blanks between words, comments in files."""
    written = (
        f"shop:{KEY}\n# the other shop, bulk\ncrm:{KEY}2 lane=bulk sender=Shop charset=utf-8 rate=2.5 may=send+ask"
    )

    assert read(written) == (
        ApiKey(name="shop", key=KEY, may=frozenset(MAY)),
        ApiKey(
            name="crm",
            key=f"{KEY}2",
            lane="bulk",
            sender="Shop",
            charset="utf-8",
            rate=2.5,
            may=frozenset({"send", "ask"}),
        ),
    )
    assert read(f"shop:{KEY},crm:{KEY}2")[1].name == "crm"


def test_a_key_may_reach_guests_alone(tmp_path: Path) -> None:
    """Phones with a + between them, or the path of a file; without the word, everybody."""
    path = tmp_path / "guests.txt"
    path.write_text("+79991234567\n+79997654321\n")
    by_word, by_file, free = read(f"try:{KEY} guests=+79991234567+79997654321,file:{KEY}2 guests={path},free:{KEY}3")

    assert by_word.guests.names == by_file.guests.names == {79991234567, 79997654321}
    assert by_word.guests.of == "the key try"
    assert not free.guests.is_limited


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "entries such as"),
        ("shop", "entries such as"),
        (f"shop:{KEY} guests=+12", "shop guests such as guests=.*too few digits"),
        (f"sh op:{KEY}", "entries such as"),
        ("shop:short", "shop a key of 16"),
        (f"shop:{KEY}:more", "shop a key of 16"),
        (f"shop:{KEY} lane=fast", "urgent or bulk"),
        (f"shop:{KEY} rate=0", "a rate above 0"),
        (f"shop:{KEY} rate=1 rate=2", "once at most"),
        (f"shop:{KEY} may=everything", "send, ask"),
        (f"shop:{KEY} whatever=1", "once at most"),
        (f"shop:{KEY},shop:{KEY}2", "each name once"),
        (f"shop:{KEY},crm:{KEY}", "each key once"),
    ],
)
def test_a_wrong_entry_is_named_without_its_key(written: str, said: str) -> None:
    """So that it can be mended from a log."""
    with pytest.raises(ValueError, match=said) as caught:
        read(written)

    assert KEY not in str(caught.value)
    assert KEY not in repr(read(f"shop:{KEY}"))
