"""Bytes as the libraries send them, and as nobody should: each is answered, and none costs more than it may."""

from __future__ import annotations

import contextlib
import resource
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEY, PHONE, Line, Opened

WHO = b"login=shop&psw=" + KEY.encode()
SEND = b"/sys/send.php?"


def test_letters_of_any_charset_and_blanks_in_the_first_line(door: Opened) -> None:
    """PHP with Cyrillic in `query` over GET sends raw bytes; without `charset` they are windows-1251."""
    text = "Привет, мир".encode("cp1251")
    with door.line() as line:
        line.write(
            b"GET %b%b&phones=%b&mes=%b&subj=%b&id=5&fmt=1& HTTP/1.1\r\nHost: x\r\n\r\n"
            % (SEND, WHO, PHONE.encode(), text, "Тема".encode("cp1251"))
        )
        answer = line.read()
        line.write(
            b"GET /sys/status.php?%b&phone=%b&id=5&fmt=1&all=1 HTTP/1.1\r\nHost: x\r\n\r\n" % (WHO, PHONE.encode())
        )
        status = line.read()

    assert answer.text == "5,1"
    assert status.headers["content-type"].endswith("charset=windows-1251")
    assert status.text.split(",", 8)[8] == "Привет, мир"


def test_one_byte_at_a_time(door: Opened) -> None:
    """A request need not come in one piece, nor alone: two in a row are answered in order."""
    body = WHO + b"&phones=%b&mes=Hi&id=5&fmt=1" % PHONE.encode()
    whole = b"POST /sys/send.php HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    with door.line() as line:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(whole)):
            line.write(whole[at : at + 1])
        first = line.read()
        line.write(whole + whole.replace(b"status", b"send"))
        rest = [line.read().text, line.read().text]

    assert (first.text, rest) == ("5,1", ["0,-9", "0,-9"])


def test_chunks_are_read_and_none_are_sent(door: Opened) -> None:
    """A body in chunks, with an extension and a trailer; the answer has a length."""
    body = WHO + b"&phones=%b&mes=Hi&id=5&fmt=1" % PHONE.encode()
    cut = [body[:7], body[7:30], body[30:]]
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in cut) + b"0\r\nX: y\r\n\r\n"
    with door.line() as line:
        line.write(b"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        answer = line.read()

    assert (answer.text, "transfer-encoding" in answer.headers) == ("5,1", False)


def test_old_clients_are_closed_after_their_answer(door: Opened) -> None:
    """HTTP/1.0 without a length: the body ends with the connection; and a GET whose line has no version at all."""
    with door.line() as line:
        line.write(b"POST /sys/send.php HTTP/1.0\r\n\r\n" + WHO + b"&phones=%b&mes=Hi&id=5&fmt=1" % PHONE.encode())
        line.socket.shutdown(socket.SHUT_WR)
        posted = line.read().text
    with door.line() as line:
        line.write(b"GET %b%b&phones=%b&mes=Hi2&id=6&fmt=1\n\n" % (SEND, WHO, PHONE.encode()))
        got = line.read()

        assert (posted, got.text, line.is_over()) == ("5,1", "6,1", True)


def test_nobody_is_told_to_continue(door: Opened) -> None:
    """A client that expects it sends its body all the same; the first bytes that come back are the answer."""
    body = WHO + b"&phones=%b&mes=Hi&id=5&fmt=1" % PHONE.encode()
    with door.line() as line:
        line.write(
            b"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        line.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.socket.recv(1)
        line.socket.settimeout(10)
        line.write(body)

        assert line.read().status == "HTTP/1.1 200 OK"


def multipart(size: int, *, who: bytes = WHO, tail: bytes = b"") -> tuple[bytes, bytes]:
    """A head and a body as C# sends them: the file first, then the fields."""
    fields = {b"login": who.partition(b"login=")[2].partition(b"&")[0], b"psw": who.rpartition(b"psw=")[2]}
    fields |= {b"phones": PHONE.encode(), b"mes": b"Hi", b"id": b"5", b"fmt": b"1"}
    parts = [
        b'--XyZ\r\nContent-Disposition: form-data; name="File1"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + b"\xff" * size + b"\r\n"
    ]
    parts += [b'--XyZ\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in fields.items()]
    body = b"".join(parts) + b"--XyZ--\r\n" + tail
    head = (
        b"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=XyZ\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    return head, body


def test_files_come_before_the_log_in(door: Opened) -> None:
    """C# and Delphi send them so."""
    head, body = multipart(200_000)
    with door.line() as line:
        line.write(head + body)

        assert line.read().text == "5,1"


def test_two_hundred_uploads_of_strangers_cost_bounded_memory(door: Opened) -> None:
    """All at once, five megabytes each, without a key: each is answered with error 2, in what room there is."""
    head, body = multipart(5 * 1024 * 1024, who=b"login=nobody&psw=nothing")
    assert door.server is not None
    before, held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []

    def upload(_: int) -> str:
        with contextlib.closing(socket.create_connection(("127.0.0.1", door.port), 60)) as sock:
            line = Line.__new__(Line)
            line.socket, line._data = sock, b""
            sock.sendall(head)
            sock.sendall(body)
            held.append(door.server.room.held if door.server else 0)
            return line.read().text

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(upload, range(200)))
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    assert set(answers) == {"0,-2"}
    assert max(held) <= 64 * 1024 * 1024
    assert door.server.room.held == 0
    assert grown_mb < 300, "a thousand megabytes were sent"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"get /sys/send.php HTTP/1.1\r\n\r\n",
        b"CONNECT smsc.ru:443 HTTP/1.1\r\nHost: smsc.ru\r\n\r\n",
        b"POST /sys/send.php HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sys/send.php HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /sys/send.php HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /sys/send.php HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST /sys/send.php HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /sys/send.php HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET /" + b"a" * 70_000,
    ],
)
def test_what_is_no_request_is_answered_and_closed(door: Opened, nonsense: bytes) -> None:
    """With a body, since for an empty answer a library would send again."""
    with door.line() as line:
        with contextlib.suppress(OSError):
            line.write(nonsense)
        answer = line.read()

        assert (answer.body, line.is_over()) == (b"ERROR = 1 (parameters error)", True)


def test_an_answer_is_never_compressed_and_says_its_length(door: Opened) -> None:
    """Whatever the client would take."""
    with door.line() as line:
        line.write(b"GET /sys/balance.php?fmt=1 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, deflate\r\n\r\n")
        answer = line.read()

    assert (answer.text, answer.headers["content-length"], "content-encoding" in answer.headers) == ("0,-2", "4", False)


def test_places_go_to_who_says_something(door: Opened, door_plant: Plant) -> None:
    """If all are taken, the connection that has been silent for longest is closed."""
    assert door.server is not None
    door.server._most = 3
    silent = [door.line() for _ in range(3)]
    answer = door.get("/sys/balance.php", "fmt=1", key="wrong")
    over = [line for line in silent if _closed(line)]
    for line in silent:
        line.socket.close()

    assert (answer.text, len(over)) == ("0,-2", 1)


def _closed(line: Line) -> bool:
    line.socket.settimeout(0.2)
    try:
        return line.socket.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_a_stop_answers_what_is_under_way(door_plant: Plant) -> None:
    """Redis is slow while the process is told to stop: no request is cut off, and the next one finds nobody."""
    door = Opened(door_plant.runtime)
    with contextlib.ExitStack() as held:
        lines = [held.enter_context(door.line()) for _ in range(20)]
        door.get("/sys/balance.php", "fmt=1", key="wrong")  # they are accepted by now
        door_plant.ledger.redis.execute_command("CLIENT", "PAUSE", "700", "ALL")
        for n, line in enumerate(lines):
            line.ask("/sys/send.php", f"phones={PHONE}&mes={n}&id={n + 1}&fmt=1")
        while door.server is not None and len(door.server._tasks) < 20:
            door_plant.runtime.clock.wait(0.01)
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(door.close)
            answers = [line.read().text for line in lines]
            over = [line.is_over() for line in lines]
            stopping.result()

    assert answers == [f"{n + 1},1" for n in range(20)]
    assert all(over)
    with pytest.raises(OSError, match="refused"):
        Line(door.port)
