"""Sockets to the gateway."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from smsq.worker.transports.sockets import tls_context


def test_keys_of_connections_are_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSLKEYLOGFILE, left in an environment, would let anybody read the password on its way."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    assert tls_context(certifi.where()).keylog_filename is None
