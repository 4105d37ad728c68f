from __future__ import annotations

from pathlib import Path
from typing import Any

import prometheus_client
import pytest

from smsq.worker.domain.errors import BadSettings, LedgerWeak
from smsq.worker.runtime import Runtime, explain
from smsq.worker.settings import Settings


def settings(home: Path, **values: str) -> Settings:
    return Settings.load({"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://127.0.0.1:1/0", **values})


def test_it_connects_to_nothing_by_being_built(home: Path) -> None:
    """Only first use does."""
    runtime = Runtime.build(settings(home, SMSQ_LOGIN="demo", SMSQ_PASSWORD="x"))
    assert runtime.broker_url == "redis://127.0.0.1:1/1"
    assert runtime.views.ledger is runtime.ledger


def test_without_a_redis_there_is_a_sentence_with_the_ways_out(home: Path) -> None:
    """Not a traceback."""
    with pytest.raises(BadSettings, match="SMSQ_REDIS_URL"):
        Runtime.build(Settings.load({"SMSQ_HOME": str(home)}))


def test_a_login_is_needed_only_to_speak_to_the_gateway(home: Path) -> None:
    """And is never shown."""
    bare = Runtime.build(settings(home))
    with pytest.raises(BadSettings, match="SMSQ_PASSWORD"):
        _ = bare.login
    key = Runtime.build(settings(home, SMSQ_APIKEY="canary-key"))
    assert key.login.is_key
    assert "canary-key" not in repr(key) + repr(key.settings) + key.credentials


def fingerprint(home: Path, password: str, **values: str) -> str:
    return Runtime.build(settings(home, SMSQ_LOGIN="demo", SMSQ_PASSWORD=password, **values)).credentials


def test_all_hosts_know_credentials_by_one_fingerprint(home: Path) -> None:
    """Else hosts with homes of their own would take turns at a refused password."""
    assert fingerprint(home, "a") == fingerprint(home / "other", "a")
    assert fingerprint(home, "a") != fingerprint(home, "b")


def test_a_secret_key_peppers_the_fingerprint(home: Path) -> None:
    """Whoever reads the ledger and has not the key cannot try passwords."""
    keys = [{}, {"SMSQ_SECRET_KEY": "one" * 11}, {"SMSQ_SECRET_KEY": "two" * 11}]
    assert len({fingerprint(home, "a", **key) for key in keys}) == 3


def test_a_home_gets_its_secret_key_when_something_is_sealed(home: Path) -> None:
    """Not by an exporter or a receiver of callbacks, whose home may be read-only."""
    runtime = Runtime.build(settings(home))
    _ = runtime.ledger, runtime.views
    assert not (home / "secret.key").exists()

    assert runtime.ledger.sealing().names == runtime.sealer.names
    assert (home / "secret.key").exists()


def test_a_weak_ledger_is_refused_with_its_cure(redis: Any, redis_server: Any, home: Path) -> None:
    """Unless loss is accepted."""
    weak = {"SMSQ_REDIS_URL": redis_server.url}
    with pytest.raises(LedgerWeak, match="CONFIG SET appendfsync always"):
        Runtime.build(settings(home, **weak)).check_ledger()
    Runtime.build(settings(home, **weak, SMSQ_ACCEPT_LOSS="1")).check_ledger()


def test_codes_are_put_into_words() -> None:
    """By the table of the door they came from."""
    assert explain(6, True) != explain(6, False)


def test_a_mirror_shows_as_it_was_last_seen(home: Path) -> None:
    """Not before it was tried; 0 if nothing can be reached, whichever process starts meanwhile."""
    told = settings(home, SMSQ_MIRRORS="https://one.test,https://two.test,https://never.test")
    first = Runtime.build(told).mirrors
    for mirror in ("https://one.test", "https://two.test"):
        first.unreachable(mirror)
    second = Runtime.build(told).mirrors

    assert [_shown(mirror) for mirror in ("one.test", "two.test", "never.test")] == [0.0, 0.0, None]
    second.reached("https://two.test")
    assert _shown("two.test") == 1.0
    first.unreachable("https://two.test")
    assert _shown("two.test") == 0.0


def _shown(mirror: str) -> float | None:
    return prometheus_client.REGISTRY.get_sample_value("smsq_mirror_up", {"mirror": mirror})
