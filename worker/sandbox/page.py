"""The sandbox's page: what it received, what goes wrong at present, and every call there is. Works without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any, Final

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;"
    "vertical-align:top}td.text{white-space:pre-wrap;overflow-wrap:anywhere}code{font-size:14px}"
)
_CODE: Final = re.compile("`([^`]+)`")
_HEAD = ("at", "phone", "text", "channel", "sender", "status")


def page(
    messages: Iterable[Mapping[str, Any]],
    misfortunes: Iterable[str],
    calls: Iterable[tuple[str, str]],
    phone: str = "",
) -> bytes:
    """HTML: messages as `messages.newest` gives them, misfortunes in words, calls with what they are for."""
    rows = "".join(f"<tr>{''.join(_cell(name, each[name]) for name in _HEAD)}</tr>" for each in messages)
    wrong = "; ".join(map(_prose, misfortunes)) or "none"
    known = "".join(f"<tr><td><code>{escape(call)}</code></td><td>{_prose(what)}</td></tr>" for call, what in calls)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>smsq sandbox</title>'
        f"<style>{_STYLE}</style></head><body><h1>What the sandbox received</h1>"
        "<p>This gateway runs on this machine: nothing here reached anybody. Reload the page to see what is new.</p>"
        f'<form action="/"><label>Phone <input name="phone" value="{escape(phone)}"></label> '
        "<button>Show</button></form>"
        f"<table><tr>{''.join(f'<th>{name}</th>' for name in _HEAD)}</tr>{rows}</table>"
        f"<h2>Misfortunes in force</h2><p>{wrong}</p>"
        f"<h2>All calls</h2><table>{known}</table></body></html>"
    ).encode()


def _prose(words: str) -> str:
    """Words as HTML; what stands between back-ticks is code.

    >>> _prose("answer after `seconds` < 5")
    'answer after <code>seconds</code> &lt; 5'
    """
    return _CODE.sub(r"<code>\1</code>", escape(words))


def _cell(name: str, value: Any) -> str:
    if name == "at":
        value = datetime.fromtimestamp(value).astimezone().strftime("%H:%M:%S")
    return f'<td class="{name}">{escape(str(value))}</td>'
