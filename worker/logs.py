"""Log lines: events in the past tense with fields, one formatter for ours and everyone else's.

    logs.get("send").info("batch settled", batch="4711", accepted=98, refused=2, took_s=0.41)

Nothing secret passes: phones are masked, texts are a length, passwords are dropped, whatever library
logs them. Ten digits that begin with 1 or 2 are gateway ids and stay readable.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from smsq.worker.domain.phone import masked

Style = Literal["json", "console"]

_SECRET_FIELDS = frozenset({"psw", "password", "apikey", "secret", "secret_key", "callback_secret", "authorization"})
_TEXT_FIELDS = frozenset({"text", "texts", "mes", "list", "body", "message", "code_text"})
_PHONE_FIELDS = frozenset({"phone", "phones", "to"})
_SAID = re.compile(r"(?i)\b(psw|password|apikey|mes|list|text|message|sha1|md5|secret)=[^&\s\"']*")
_IN_URL = re.compile(r"(://)[^/@\s]+@")
_NUMBER = re.compile(r"(?<![\w.])\+?(\d{11,15}|[3-9]\d{9})(?![\w])")
_QUIET = {"urllib3": logging.WARNING, "uvicorn.access": logging.WARNING, "asyncio": logging.WARNING}


class _Tolerant(logging.Handler):
    """A line that cannot be written, on a full disk or a terminal that is gone, is lost without a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging names it so
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler


class _Stream(_Tolerant, _StreamHandler):
    """Lines go to a stream, as in `LogFile`."""


class LogFile(_Tolerant, logging.FileHandler):
    """Lines go to a file; those that cannot be written are lost, and what comes later is written again."""


def configure(level: str = "info", style: Style = "console", stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard error) from `level` up, in one style."""
    stream = stream or sys.stderr
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    handler = _Stream(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                scrub,
                _renderer(style, stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "dramatiq"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one part, such as `send`; works before `configure` too."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"smsq.{name}")
    return logger


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask phones, shorten texts to their length, drop secrets: the last look at a line before it is written."""
    for name, value in event.items():
        event[name] = _scrubbed(name, value)
    return event


def redact(line: str) -> str:
    """A sentence or traceback without the secrets, texts and phones that somebody put into it."""
    line = _IN_URL.sub(r"\1***@", _SAID.sub(r"\1=***", line))
    return _NUMBER.sub(lambda found: masked(found[1]), line)


def _scrubbed(name: str, value: object) -> object:
    lowered = name.lower()
    if lowered in _SECRET_FIELDS:
        return "***"
    if lowered in _TEXT_FIELDS:
        return f"{len(value)} long" if isinstance(value, str | bytes | list | tuple) else "***"
    if isinstance(value, dict):
        return {key: _scrubbed(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(name, each) for each in value]
    if lowered in _PHONE_FIELDS and (isinstance(value, str) or (isinstance(value, int) and value > 999_999)):
        return masked(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    return redact(value if isinstance(value, str) else str(value))


def _renderer(style: Style, has_colors: bool) -> structlog.types.Processor:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=has_colors, exception_formatter=structlog.dev.plain_traceback)
