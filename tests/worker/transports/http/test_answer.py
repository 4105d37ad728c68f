"""Reading answers, held against an independent reader over real sockets: cut anywhere, spoilt in any way.

Where the two disagree, a row below says so and what is right: unknown, unless the answer is proven whole.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown
from smsq.worker.transports.http.answer import MAX_HEAD, MAX_HEADERS
from tests.worker.transports.http.oracle import Seen
from tests.worker.transports.http.readers import MAX_BODY, Verdict, ours, theirs

BODY = b'{"id":33, "cnt":1}'
LINE = b"HTTP/1.1 200 OK\r\n"
COUNTED = LINE + b"Content-Length: 18\r\n\r\n" + BODY
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b'5\r\n{"id"\r\nd\r\n:33, "cnt":1}\r\n0\r\n\r\n'
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NGINX = (
    LINE + b"Server: nginx\r\nContent-Type: application/json; charset=windows-1251\r\nContent-Length: 18\r\n"
    b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-Empty:\r\n\r\n" + BODY
)


def with_header(line: bytes, answer: bytes = COUNTED) -> bytes:
    """The same answer with one more header, the first."""
    start, _, rest = answer.partition(b"\r\n")
    return start + b"\r\n" + line + b"\r\n" + rest


# Whole, whatever the cuts, and the line stays.
KEPT = {
    "counted": COUNTED,
    "nginx": NGINX,
    "chunked": CHUNKED + CHUNKS,
    "chunk sizes with zeros in front": CHUNKED + b"012\r\n" + BODY + b"\r\n000\r\n\r\n",
    "extensions and a trailer": CHUNKED + b"5;a=b\r\n" + BODY[:5] + b"\r\nD\r\n" + BODY[5:] + b"\r\n0\r\nX: y\r\n\r\n",
    "a 100 before it": CONTINUE + COUNTED,
    "three 100s before it": CONTINUE * 3 + CHUNKED + CHUNKS,
    "HTTP/1.0 that keeps the line": with_header(b"Connection: Keep-Alive", COUNTED.replace(b"1.1", b"1.0")),
    "no reason": COUNTED.replace(b" OK", b""),
    "an offer to upgrade": with_header(b"Connection: Upgrade\r\nUpgrade: h2c"),
    "identity": with_header(b"Content-Encoding: identity"),
    "a name in other letters": COUNTED.replace(b"Content-Length", b"CONTENT-length"),
}
# Whole, and the line does not stay.
LEFT = {
    "Connection: close": with_header(b"Connection: close"),
    "close among others": with_header(b"Connection: Keep-Alive, CLOSE"),
    "close in a second header": with_header(b"Connection: keep-alive\r\nConnection: close"),
    "chunked and closed": with_header(b"Connection: close", CHUNKED + CHUNKS),
    "HTTP/1.0": COUNTED.replace(b"1.1", b"1.0"),
}
TAILS = {"a line end": b"\r\n", "a zero": b"\0", "another answer": COUNTED, "junk": b"<html>"}
# Until the connection ends; every beginning with some of the body is as whole as the rest, which its reader must know.
TO_THE_END = {
    "HTTP/1.0 without a length": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "HTTP/1.1 without a length": LINE + b"Connection: close\r\n\r\n" + BODY,
}
OTHERS = {
    "a redirect": (b"HTTP/1.1 307 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 307, b""),
    "a bad gateway": (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", 502, b"<html>"),
    "304 with the length of what it stands for": (b"HTTP/1.1 304 No\r\nContent-Length: 18\r\n\r\n", 304, b""),
    "204 with no length": (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", 204, b""),
    "no chunk but the last": (CHUNKED + b"0\r\n\r\n", 200, b""),
}

# The oracle takes these for answers. We do not: two programs can read them differently, so they prove nothing.
ONLY_THEIRS = {
    "lines that end in LF alone": COUNTED.replace(b"\r\n", b"\n"),
    "one header that ends in LF alone": with_header(b"X: y\nZ: w"),
    "an LF behind the length": COUNTED.replace(b"18\r\n", b"18\n\r\n"),
    "a CR inside a header": with_header(b"X: y\rZ: w"),
    "a folded header": with_header(b"X: y\r\n z"),
    "a header without a colon": with_header(b"rubbish"),
    "a header without a name": with_header(b": rubbish"),
    "a space before the colon": COUNTED.replace(b"Length:", b"Length :"),
    "a second status line": LINE + COUNTED,
    "a zero byte in a header": with_header(b"X: a\0b"),
    "a space before the version": COUNTED.replace(b"HTTP/1.1 200", b"HTTP/1.1  200"),
    "a version that we never spoke": COUNTED.replace(b"1.1", b"1.7"),
    "HTTP/0.9": COUNTED.replace(b"1.1", b"0.9"),
    "the same length twice": with_header(b"Content-Length: 18"),
    "a length twice in one header": COUNTED.replace(b"18\r\n", b"18, 18\r\n", 1),
    "a length with a sign": COUNTED.replace(b": 18", b": +18"),
    "a length beside chunks": with_header(b"Content-Length: 18", CHUNKED + CHUNKS),
    "chunks announced twice": with_header(b"Transfer-Encoding: chunked", CHUNKED + CHUNKS),
    "chunks in HTTP/1.0": (CHUNKED + CHUNKS).replace(b"1.1", b"1.0"),
    "an unknown coding": with_header(b"Transfer-Encoding: gzip"),
    "an unknown coding until the end": LINE + b"Transfer-Encoding: identity\r\n\r\n" + BODY,
    "chunks that are compressed": (CHUNKED + CHUNKS).replace(b"chunked", b"gzip, chunked"),
    "a space behind chunked": (CHUNKED + CHUNKS).replace(b"chunked", b"chunked "),
    "a chunk size in another notation": CHUNKED + CHUNKS.replace(b"d\r\n", b"0xd\r\n"),
    "a chunk size with a sign": CHUNKED + CHUNKS.replace(b"d\r\n", b"+d\r\n"),
    "a chunk size with an underscore": CHUNKED + CHUNKS.replace(b"d\r\n", b"0_d\r\n"),
    "a chunk size with spaces": CHUNKED + CHUNKS.replace(b"d\r\n", b" d \r\n"),
    "a chunk size that ends in LF alone": CHUNKED + CHUNKS.replace(b"d\r\n", b"d\n"),
    "a chunk that does not end in CR LF": CHUNKED + CHUNKS.replace(b'"id"\r\n', b'"id"xy'),
    "no empty line behind the last chunk": CHUNKED + CHUNKS[:-2],
    "a trailer without a colon": CHUNKED + CHUNKS[:-2] + b"rubbish\r\n\r\n",
    "a length among the trailers": CHUNKED + CHUNKS[:-2] + b"Content-Length: 5\r\n\r\n",
    "another answer under way that is switched to": b"HTTP/1.1 101 No\r\nContent-Length: 0\r\n\r\n",
    "an early hint": b"HTTP/1.1 103 Early\r\nContent-Length: 0\r\n\r\n" + COUNTED,
}
# Neither takes these.
NOBODYS = {
    "not HTTP": b"220 smtp.example ESMTP\r\n\r\n",
    "RTSP": COUNTED.replace(b"HTTP/1.1", b"RTSP/1.0"),
    "ICE": COUNTED.replace(b"HTTP/1.1", b"ICE/1.0"),
    "RTSP behind a 100": CONTINUE + COUNTED.replace(b"HTTP/1.1", b"RTSP/1.0"),
    "HTTP/2": COUNTED.replace(b"HTTP/1.1", b"HTTP/2.0"),
    "empty lines before it": b"\r\n\r\n" + COUNTED,
    "small letters": COUNTED.replace(b"HTTP", b"http"),
    "a status of two digits": COUNTED.replace(b"200", b"20"),
    "a status of four digits": COUNTED.replace(b"200", b"2000"),
    "two lengths": with_header(b"Content-Length: 5"),
    "gzip": with_header(b"Content-Encoding: gzip"),
    "gzip in a second header": with_header(b"Content-Encoding: identity\r\nContent-Encoding: gzip"),
    "a chunk without a size": CHUNKED + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk size that is no number": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond all numbers": CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
    "a status below 100": COUNTED.replace(b" 200 ", b" 099 "),
    "only 100s": CONTINUE * 2,
    "junk behind a 100": CONTINUE + b"rubbish\r\n\r\n" + COUNTED,
    "a second length behind a bare CR": with_header(b"X: y\rContent-Length: 5"),
    "switched protocols": b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nwhatever",
    "204 without a length": b"HTTP/1.1 204 No\r\n\r\n",
    "204 and a body": b"HTTP/1.1 204 No\r\n\r\n" + BODY,
    "no length and no body": LINE + b"\r\n",
    "more than the cap, by its length": LINE + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1) + b" " * (MAX_BODY + 1),
    "more than the cap in chunks": CHUNKED + b"%x\r\n" % (MAX_BODY + 1) + b" " * (MAX_BODY + 1) + b"\r\n0\r\n\r\n",
    "more than the cap, without a length": LINE + b"\r\n" + b" " * (MAX_BODY + 1),
}


def rows(*tables: dict[str, bytes]) -> Callable[..., None]:
    """A test for every stream of these tables."""
    named = {name: stream for table in tables for name, stream in table.items()}
    return pytest.mark.parametrize("stream", named.values(), ids=named)


def everywhere(stream: bytes, closes: bool) -> set[Verdict]:
    """What we make of it, cut nowhere, at each place, and everywhere."""
    cuts = [(), *((at,) for at in range(1, len(stream))), range(1, len(stream))]
    return {ours(stream, closes=closes, cuts=each) for each in cuts}


def whole(status: int, body: bytes, *, may_stay: bool) -> Seen:
    return Seen(status=status, body=body, may_stay=may_stay)


@rows(KEPT)
def test_a_whole_answer_leaves_the_line_to_the_next_request(stream: bytes) -> None:
    """However it is cut, and as the oracle reads it."""
    expected = Verdict(seen=whole(200, BODY, may_stay=True), is_usable=True)

    assert everywhere(stream, closes=False) == {expected}
    assert theirs(stream, closes=False) == expected
    assert {each.is_usable for each in everywhere(stream, closes=True)} == {False}


@rows(LEFT)
def test_a_whole_answer_after_which_the_server_leaves(stream: bytes) -> None:
    """It counts, and nothing more is said on its line."""
    expected = Verdict(seen=whole(200, BODY, may_stay=False), is_usable=False)

    assert everywhere(stream, closes=False) == everywhere(stream, closes=True) == {expected}
    assert theirs(stream, closes=False).seen.body == BODY


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@rows(KEPT)
def test_bytes_behind_an_answer_end_its_line(stream: bytes, tail: bytes) -> None:
    """They belong to no request of ours, whether they come with its last byte or on their own."""
    for found in everywhere(stream + tail, closes=False):
        assert (found.seen.status, found.seen.body) == (200, BODY)
        assert not found.is_usable
    assert not theirs(stream + tail, closes=False).is_usable


@rows(KEPT, LEFT)
def test_a_part_of_an_answer_is_no_answer(stream: bytes) -> None:
    """Wherever it breaks off: by a connection that ends, which is known for the gateway's own doing, or by silence."""
    for end in range(len(stream)):
        closed, silent = ours(stream[:end], closes=True), ours(stream[:end], closes=False)

        assert closed.seen == Seen(trouble=BrokenReply if end else NoReply, peer_closed=True)
        assert silent.seen == Seen(trouble=Unknown)


@rows(TO_THE_END)
def test_an_answer_may_end_with_its_connection(stream: bytes) -> None:
    """Without a length the end of the connection is the end of the answer; while it is open there is none."""
    assert everywhere(stream, closes=True) == {Verdict(seen=whole(200, BODY, may_stay=False), is_usable=False)}
    assert theirs(stream, closes=True) == ours(stream, closes=True)
    assert everywhere(stream, closes=False) == {Verdict(seen=Seen(trouble=Unknown), is_usable=False)}


@pytest.mark.parametrize(("stream", "status", "body"), OTHERS.values(), ids=OTHERS)
def test_other_answers_are_whole_too(stream: bytes, status: int, body: bytes) -> None:
    """What they mean is for their reader."""
    expected = Verdict(seen=whole(status, body, may_stay=True), is_usable=True)

    assert everywhere(stream, closes=False) == {expected}
    assert theirs(stream, closes=False) == expected


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "open"])
@rows(ONLY_THEIRS, NOBODYS)
def test_what_two_programs_may_read_differently_proves_nothing(stream: bytes, closes: bool) -> None:
    """It is unknown, wherever it is cut, and its line is over."""
    found = everywhere(stream, closes)

    assert not any(each.seen.is_answer or each.is_usable for each in found)
    assert {each.seen.trouble for each in found} <= {BrokenReply, Unknown}


@rows(ONLY_THEIRS)
def test_the_oracle_takes_more_for_an_answer(stream: bytes) -> None:
    """Each of these rows is a disagreement; one that is not belongs to the others."""
    assert theirs(stream, closes=True).seen.is_answer


@rows(NOBODYS)
def test_the_oracle_refuses_these_too(stream: bytes) -> None:
    """They are no disagreement."""
    assert not theirs(stream, closes=True).seen.is_answer


def test_http_1_0_stays_only_if_it_says_so() -> None:
    """The oracle keeps such a line for a header that only tells for how long."""
    stream = with_header(b"Keep-Alive: timeout=5", COUNTED.replace(b"1.1", b"1.0"))

    assert theirs(stream, closes=False).is_usable
    assert not ours(stream, closes=False).is_usable


def test_a_broken_chunk_does_not_prove_that_the_gateway_closed() -> None:
    """The oracle calls that an incomplete read, as if the connection had ended: a slot would be free too early."""
    stream = CHUNKED + b"zz\r\n"

    assert theirs(stream, closes=False).seen.peer_closed
    assert ours(stream, closes=False).seen == Seen(trouble=BrokenReply)


def test_a_connection_that_ends_in_the_head_was_closed() -> None:
    """The oracle reads half a head as a whole one and does not say so."""
    assert not theirs(COUNTED[:30], closes=True).seen.peer_closed
    assert ours(COUNTED[:30], closes=True).seen.peer_closed


@pytest.mark.parametrize("step", [1000, 70_000], ids=["in parts", "at once"])
@pytest.mark.parametrize("before", [b"", CONTINUE], ids=["alone", "with a 100"])
def test_a_head_has_a_cap(before: bytes, step: int) -> None:
    """The last byte that fits and the one after it, heads of 100s included."""
    empty = with_header(b"X: ", before + COUNTED) if not before else CONTINUE + with_header(b"X: ")
    room = MAX_HEAD - (len(empty) - len(BODY))
    for more, is_answer in ((0, True), (1, False)):
        stream = empty.replace(b"X: ", b"X: " + b"x" * (room + more))

        assert ours(stream, closes=False, cuts=range(step, len(stream), step)).seen.is_answer == is_answer


def test_a_head_without_an_end_is_given_up() -> None:
    """Before it ends, and before the deadline."""
    for start in (LINE + b"X: ", LINE + b"X", b"HTTP/1.1 200 "):
        assert ours(start + b"x" * MAX_HEAD, closes=False).seen.trouble is BrokenReply
    assert ours(CONTINUE * (MAX_HEAD // len(CONTINUE) + 1), closes=False).seen.trouble is BrokenReply


@pytest.mark.parametrize("start", [b"22", b"HTTP/2.0 ", b"\r"], ids=["no HTTP", "HTTP/2", "an empty line"])
def test_what_is_no_http_is_seen_at_once(start: bytes) -> None:
    """Nobody waits for the rest of it."""
    assert ours(start, closes=False).seen.trouble is BrokenReply


def test_headers_are_counted() -> None:
    """Trailers among them."""
    for more, is_answer in ((0, True), (1, False)):
        many = b"\r\n".join([b"X: y"] * (MAX_HEADERS - 1 + more))
        trailers = b"X: y\r\n" * (MAX_HEADERS - 1 + more)

        assert ours(with_header(many), closes=False).seen.is_answer == is_answer
        assert ours(CHUNKED + CHUNKS[:-2] + trailers + b"\r\n", closes=False).seen.is_answer == is_answer


@pytest.mark.parametrize(
    "start",
    [b"5;" + b"x" * 80_000, CHUNKS[:-2] + b"X: " + b"x" * 80_000, b"0" * 80_000],
    ids=["an extension", "a trailer", "zeros"],
)
def test_what_stands_around_chunks_has_a_cap(start: bytes) -> None:
    """It is not of the body, so the cap of the body does not hold it."""
    assert ours(CHUNKED + start, closes=False, cuts=range(0, 90_000, 1000)).seen.trouble is BrokenReply


def test_tiny_chunks_are_an_answer_like_any_other() -> None:
    """A server that flushes byte by byte sends six bytes for one."""
    stream = CHUNKED + b"1\r\n \r\n" * MAX_BODY + b"0\r\n\r\n"

    assert ours(stream, closes=False).seen == whole(200, b" " * MAX_BODY, may_stay=True)


WELL = [*KEPT.values(), *LEFT.values(), *TO_THE_END.values(), *(row[0] for row in OTHERS.values())]
PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\n\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"0",
        b"1",
        b"a",
        b"-",
        b"+",
        b"_",
    ),
    *(
        b"0x",
        b"\xff",
        b"chunked",
        b"1xx",
        b" folded\r\n",
        b"X:\r\n",
        b"HTTP/1.0 ",
        b"RTSP/1.0 ",
        b"HTTP/2 ",
        LINE,
        CONTINUE,
    ),
    *(b"Content-Length: 5\r\n", b"content-length:18\r\n", b"Content-Encoding: gzip\r\n", b"Trailer: a\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"TRANSFER-ENCODING:\tChunked \r\n"),
    *(
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Proxy-Connection: keep-alive\r\n",
        b"Upgrade: h2c\r\n",
    ),
]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A good answer that something befell: pieces come in, go, change, are doubled, or a stranger's bytes follow."""
    stream = draw(st.sampled_from(WELL))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(stream)))
        lines = stream.split(b"\r\n")
        nth = draw(st.integers(0, len(lines) - 1))
        stream = draw(
            st.sampled_from(
                [
                    stream[:at] + draw(st.sampled_from(PIECES)) + stream[at:],
                    stream[:at] + stream[at + draw(st.integers(1, 5)) :],
                    stream[:at] + draw(st.binary(min_size=1, max_size=1)) + stream[at + 1 :],
                    stream[:at],
                    stream + draw(st.sampled_from([*PIECES, *WELL])),
                    b"\r\n".join([*lines[:nth], lines[nth], *lines[nth:]]),
                    b"\r\n".join([*lines[:nth], draw(st.sampled_from(PIECES)).rstrip(b"\r\n"), *lines[nth:]]),
                    b"\r\n".join([*lines[:nth], *lines[nth + 1 :]]),
                ]
            )
        )
    return stream[:MAX_BODY]


@settings(max_examples=400, deadline=None)
@given(stream=spoilt(), closes=st.booleans(), cuts=st.lists(st.integers(1, 300), max_size=8))
def test_we_never_believe_more_than_the_oracle(stream: bytes, closes: bool, cuts: list[int]) -> None:
    """What we take for an answer it takes for the same; a line that we keep it keeps; and cuts change nothing."""
    found, independent = ours(stream, closes=closes, cuts=cuts), theirs(stream, closes=closes)

    if found.seen.is_answer:
        assert (independent.seen.status, independent.seen.body) == (found.seen.status, found.seen.body)
    assert independent.is_usable or not found.is_usable
    assert closes or not found.seen.peer_closed
    for other in (ours(stream, closes=closes), ours(stream, closes=closes, cuts=range(1, len(stream)))):
        assert (other.seen.status, other.seen.body, other.seen.trouble, other.is_usable) == (
            found.seen.status,
            found.seen.body,
            found.seen.trouble,
            found.is_usable,
        )
