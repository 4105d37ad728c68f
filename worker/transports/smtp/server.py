"""Where the mail server is, how the connection is encrypted, and our log-in there."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from smsq.worker.settings import MAIL_PORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server; `base` names it as a mirror, without the log-in.

    `tls` is `always` (from the first byte), `required` (STARTTLS, or nothing is sent) or `offered` (STARTTLS if the
    server has it; its certificate is not checked, since somebody who can forge one can hide the offer as well).
    """

    base: str
    host: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def at(cls, url: str, password: str = "") -> MailServer:
        """Read an address that the settings have checked."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or MAIL_PORTS[parts.scheme]
        written = f"[{host}]" if ":" in host else host
        return cls(
            base=f"{parts.scheme}://{written}:{port}",
            host=host,
            port=port,
            tls={"smtps": "always", "smtp+starttls": "required"}.get(parts.scheme, "offered"),
            user=unquote(parts.username or ""),
            password=password,
        )
