from __future__ import annotations

import msgspec

from smsq.worker.otp.one_time_codes import OtpSpec, _Kept


def test_what_lies_sealed_has_the_names_that_ledgers_hold() -> None:
    """Codes that wait during an upgrade are opened by the older version and by this one."""
    spec = OtpSpec(phone=79990000000, purpose="login", length=6, ttl_s=300.0, channels="sms", template="{code}")
    written = msgspec.msgpack.decode(msgspec.msgpack.encode(_Kept(b"salt", spec)))

    assert set(written) == {"salt", "order"}
    assert set(written["order"]) == {
        *("phone", "purpose", "length", "ttl_s", "channels", "template"),
        *("sender", "on_doubt", "max_cost", "client", "fixed"),
    }
