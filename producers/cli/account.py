"""Whose money is about to be spent: account, sender, and whether the gateway is real."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.worker.domain.batch import Options
    from smsq.worker.settings import Settings


def whose_line(smsq: Smsq, options: Options) -> str:
    """Account, brand and gateway as this process has them, and the sender, in one line for people."""
    from smsq.producers.report import printable
    from smsq.worker.domain.batch import PLAIN_CHANNEL

    account = smsq.account()
    brand, _, login = account.partition("/")
    sender = f"sender {options.sender}" if options.sender else "the account's default sender"
    who = f"account {login} of {brand}" if account else f"an account of {smsq.settings.brand}"
    way = "" if options.channel == PLAIN_CHANNEL else f" by {options.channel}"
    return printable(f"from {who}, {sender},{way} through {gateway(smsq.settings)}")


def gateway(settings: Settings) -> str:
    """Which gateway the mirrors are: the brand's real one, one on this machine, or another.

    >>> from smsq.worker.settings import Settings
    >>> gateway(Settings.load({"SMSQ_MIRRORS": "http://127.0.0.1:9101"}))
    'a sandbox on this machine, http://127.0.0.1:9101'
    """
    if not settings.mirrors:
        return f"the real gateway, {settings.brand}"
    if settings.is_sandboxed:
        return f"a sandbox on this machine, {settings.mirrors[0]}"
    hosts = [urlsplit(base).hostname or "" for base in settings.mirrors]
    if all(host == settings.brand or host.endswith(f".{settings.brand}") for host in hosts):
        return f"the real gateway, {hosts[0]}"
    return f"the gateway that SMSQ_MIRRORS names, {', '.join(hosts)}"
