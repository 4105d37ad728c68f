"""The sandbox that runs, of this home or at an address: what is asked of it and told to it."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from smsq.producers.adoption import running
from smsq.producers.moments import when
from smsq.worker.domain.errors import BadInput, Unreachable
from smsq.worker.domain.status import FINAL_STATUSES
from smsq.worker.settings import Settings

if TYPE_CHECKING:
    from smsq.worker.ledger.views import CampaignView

TIMEOUT_S = 10.0


def of_this_home() -> str:
    """The control endpoint's URL of the running `smsq up --sandbox`; raises Unreachable if there is none."""
    home = Settings.load(sends=False).home
    up = running(home)
    if up is None or not up.control:
        what = "`smsq up` runs without a sandbox" if up is not None else "no `smsq up --sandbox` runs"
        raise Unreachable(
            f"{what} in {home.expanduser().absolute()}: start one; or set SMSQ_HOME to the .smsq folder of the one "
            "that runs; or give --control URL of a sandbox that was started alone"
        )
    return up.control


def forgot(sent_at: float) -> str:
    """That the sandbox of this home began after `sent_at` (Unix seconds), and what this means; '' if it did not.

    '' also if nothing was sent (0), without a sandbox, and for one that does not answer.
    """
    settings = Settings.load(sends=False)
    up = running(settings.home)
    if not sent_at or up is None or not up.control or settings.redis_url not in (None, up.redis_url):
        return ""
    try:
        began = float(ask(up.control, "tally")["began"])
    except (Unreachable, BadInput, KeyError):
        return ""
    if sent_at > began:
        return ""
    return f"the sandbox was restarted at {when(began)} and forgot what was sent to it before: no status will come"


def forgotten(view: CampaignView) -> str:
    """`forgot` for a campaign of which messages are under way."""
    is_under_way = any(many and name not in {*FINAL_STATUSES, "queued"} for name, many in view.statuses.items())
    return forgot(view.first_sent_at) if is_under_way else ""


def received(base: str, **asked: str) -> dict[str, Any]:
    """What it received, as `GET /_sandbox/messages` tells it."""
    return ask(base, f"messages?{urlencode(asked)}")


def ask(base: str, what: str, told: object = None, *, method: str | None = None) -> dict[str, Any]:
    """One call of the control endpoint; raises Unreachable, or BadInput with its sentence."""
    body = json.dumps(told).encode() if told is not None else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
    try:
        request = urllib.request.Request(f"{base.rstrip('/')}/_sandbox/{what}", body, method=method)
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        with error:
            raise BadInput(_sentence(error.read())) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreachable(f"no sandbox answers at {base} ({type(error).__name__})") from None


def _sentence(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return "this is not a sandbox's control address"
