"""A hint as bytes: what one that came over the wire must look like."""

from __future__ import annotations

from typing import Any

import dramatiq
import msgspec

RING = "is_ring"  # the option of a hint that a ring became: it was never in the queue
MAX_BYTES = 4096  # of one message; a hint of a hundred ids has about 2,500


class _Wire(msgspec.Struct):
    """The form that a message's bytes must have."""

    queue_name: str
    actor_name: str
    args: list[str | int | float | bool | list[str] | None]
    kwargs: dict[str, str | int | float | bool | list[str] | None]
    options: dict[str, Any]
    message_id: str
    message_timestamp: int


_decode = msgspec.json.Decoder(_Wire).decode


def read(data: bytes) -> dramatiq.Message[Any] | None:
    """The message in `data`, None if it is not one of ours."""
    if len(data) > MAX_BYTES:
        return None
    try:
        wire = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not isinstance(wire.options.get("redis_message_id"), str):
        return None
    return dramatiq.Message(
        queue_name=wire.queue_name,
        actor_name=wire.actor_name,
        args=tuple(wire.args),
        kwargs=wire.kwargs,
        options=wire.options,
        message_id=wire.message_id,
        message_timestamp=wire.message_timestamp,
    )
