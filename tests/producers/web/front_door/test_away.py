"""The front door while Redis is away: every page answers, in the shape that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.worker.host.master import Master
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.conftest import QUICK
from tests.producers.web.front_door.opened import KEYS, PHONE, opened

PAGES = ("send", "status", "jobs", "get")
SHAPES = {
    0: "ERROR = 9 (too many concurrent requests)",
    1: "0,-9",
    2: "<result><error>too many concurrent requests</error><error_code>9</error_code></result>",
    3: '{"error": "too many concurrent requests", "error_code": 9}',
}


def test_every_page_answers_without_redis(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Error 9 in the words for "again, later"; readiness says that it is away."""
    home = tmp_path / "home"
    with EmbeddedRedis(home, dies_with_parent=True) as server:
        environ = {**QUICK, "SMSQ_HOME": str(home), "SMSQ_REDIS_URL": server.url, "SMSQ_API_KEYS": KEYS}
        runtime = Runtime.build(Settings.load({**environ, "SMSQ_MIRRORS": "http://127.0.0.1:9"}))
        master = Master(runtime.ledger, runtime.journal)
        master.establish(runtime.settings.account)
        assert master.tick() or master.tick()
        with opened(runtime) as door:
            before = door.get("/sys/send.php", f"phones={PHONE}&mes=Hi&id=5&fmt=1").text
            server.stop()
            query = f"phones={PHONE}&mes=Lost&id=6&phone={PHONE}&name=x&add=1&get_messages=1"
            answers = {
                (page, fmt): door.get(f"/sys/{page}.php", f"{query}&fmt={fmt}").text for page in PAGES for fmt in SHAPES
            }
            ready = door.get("/readyz").status

    assert before == "5,1"
    assert answers == {(page, fmt): SHAPES[fmt] for page in PAGES for fmt in SHAPES}
    assert ready == "HTTP/1.1 503 Service Unavailable"
    assert "Traceback" not in caplog.text
