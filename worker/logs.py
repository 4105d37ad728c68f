"""Log lines: events in the past tense with fields, one formatter for ours and everyone else's.

    logs.get("send").info("batch settled", batch="4711", accepted=98, refused=2, took_s=0.41)

No secret passes, whatever library logs it: phones and mail addresses are masked, texts are replaced by their length,
passwords are dropped. Ten digits that begin with 1 or 2 are gateway ids and stay readable.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from smsq.worker.domain.recipient import masked

Style = Literal["json", "console"]

_SECRET_FIELDS = frozenset(
    {"psw", "password", "passwd", "pwd", "apikey", "api_key", "secret", "secret_key", "callback_secret"}
    | {"authorization", "sha1", "md5"}
)
_TEXT_FIELDS = frozenset({"text", "texts", "mes", "list", "body", "message", "code_text"})
_RECIPIENT_FIELDS = frozenset({"phone", "phones", "recipient", "recipients", "email", "to"})
_NAMES = "psw|password|passwd|pwd|apikey|api_key|mes|list|text|message|sha1|md5|secret|secret_key|callback_secret"
_SAID = re.compile(rf"(?i)\b({_NAMES})=[^&\s\"'>]*")
_QUOTED = re.compile(
    rf"""(?i)(["'])({_NAMES})\1(\s*:\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,\]}}]+)"""
)  # JSON, repr
_TAGGED = re.compile(rf"(?i)<({_NAMES})>[^<]*")  # XML
_BEARER = re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|digest)?\s*)[^\s\"',]+")
_IN_URL = re.compile(r"(://)[^\s\"'<>@]*@(?:[^\s\"'<>@]*@)*")  # a password may have an @ or a / of its own
# Nine digits and more; ten that begin with 1 or 2 are a gateway id. What form encoding leaves in front is no word.
_NUMBER = re.compile(r"(?:(?<![\w.])|(?<=%[0-9A-Fa-f]{2}))(?:\+|%2[Bb])?(\d{11,15}|[3-9]\d{9}|\d{9})(?!\w|\.\d)")
_SPACED = re.compile(r"(?<!\w)(?:\+|%2[Bb])(?=(?:\D{0,3}\d){9})\d[\d ().-]{8,18}\d(?!\w)")  # +7 999 123-45-67
_MAIL = re.compile(r"[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_QUIET = {"urllib3": logging.WARNING, "uvicorn.access": logging.WARNING, "asyncio": logging.WARNING}


class _Tolerant(logging.Handler):
    """Lose a line that cannot be written, as on a full disk or a closed terminal, without a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging names it so
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler


class _Stream(_Tolerant, _StreamHandler):
    """Write lines to a stream, with the tolerance of `LogFile`."""


class LogFile(_Tolerant, logging.FileHandler):
    """Write lines to a file; a line that cannot be written is lost, and later ones are tried again."""


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
    """Mask recipients, replace texts by their length, drop secrets: the last step before a line is written."""
    for name, value in event.items():
        event[name] = _scrubbed(name, value)
    return event


def redact(line: str) -> str:
    """A sentence or traceback without secrets, texts, phones, mail addresses and control characters."""
    line = _QUOTED.sub(r'\1\2\1\3"***"', _SAID.sub(r"\1=***", line))
    line = _BEARER.sub(r"\1***", _TAGGED.sub(r"<\1>***", line))
    line = _SPACED.sub(lambda found: masked(re.sub(r"\D", "", found[0].replace("%2B", "").replace("%2b", ""))), line)
    line = _NUMBER.sub(lambda found: masked(found[1]), _IN_URL.sub(r"\1***@", line))
    line = _MAIL.sub(lambda found: masked(found[0].replace("%40", "@")), line)
    return _STEERING.sub("?", line)


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
    if lowered in _RECIPIENT_FIELDS and (isinstance(value, str) or (isinstance(value, int) and value > 999_999)):
        return masked(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    return redact(value if isinstance(value, str) else str(value))


def _renderer(style: Style, has_colors: bool) -> structlog.types.Processor:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=has_colors, exception_formatter=structlog.dev.plain_traceback)
