"""What a sandbox is told to be: its accounts, limits, handsets and misfortunes, in one frozen value.

Durations are in seconds. The limits' defaults are the gateway's own (gateway manual: send answer, status
answer, balance answer); what the manual leaves open is a guess that a test may change. `scaled` shortens
every duration that belongs to a limit, so that a demo need not wait out real minutes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from smsq.worker.domain.errors import BadSettings

_CHANNEL_PRICES: Mapping[str, Decimal] = {
    "hlr": Decimal("0.2"),
    "mms": Decimal("7.5"),
    "mail": Decimal("0.15"),
    "call": Decimal("1.6"),
    "viber": Decimal("1.9"),
    "soc": Decimal("1.1"),
    "whatsapp": Decimal("4.2"),
    "tg": Decimal("0.9"),
    "bot": Decimal("0.1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything a sandbox can be told at its start; the control endpoint changes some of it later."""

    # The account.
    login: str = "demo"
    password: str = field(default="demo", repr=False)
    apikey: str = field(default="", repr=False)
    balance: Decimal = Decimal(100_000_000)  # so that no benchmark runs out of it
    currency: str = "RUR"
    prices: Mapping[str, Decimal] = field(default_factory=lambda: {"": Decimal("2.5"), "7": Decimal("3.8")})
    # Of a part by another channel: `viber` for all phones, `viber:77` for those that begin so; else as of an SMS.
    channel_prices: Mapping[str, Decimal] = field(default_factory=lambda: dict(_CHANNEL_PRICES))
    senders: tuple[str, ...] = ()  # empty: any sender name is accepted
    denied_text: str = ""  # a text that holds this is error 6
    dead_prefixes: tuple[str, ...] = ()  # phones that cannot be reached at all: error 8
    is_strict: bool = False  # one bad number refuses the whole request

    # The limits.
    parallel_sends: int = 15  # that many at once is one too many
    parallel_asks: int = 5
    minute_s: float = 60.0  # what the limits below call a minute
    duplicate_window_s: float = 60.0
    asks_per_minute: int = 5
    mass_ask_every_s: float = 60.0
    prices_per_minute: int = 5
    balances_per_minute: int = 10
    bad_logins: int = 5
    bad_login_window_s: float = 1800.0
    error_budget: int = 100  # error answers in a minute before the address is blocked
    ban_s: float = 600.0
    slack: float = 0.05  # of a waiting time: what the wire delayed is not held against the client

    # Time.
    think_s: float = 0.0
    visible_after_s: float = 0.0  # -3 for so long after acceptance
    peer_close_s: float = 75.0  # how long a silent connection lives
    arrival_s: float = 2.0  # the longest that a late acceptance takes
    hang_s: float = 3600.0  # how long a hung answer is kept, at most (peer close ends it first)

    # Handsets.
    handover_after_s: float = 0.1
    deliver_after_s: tuple[float, float] = (0.5, 3.0)
    undeliverable: float = 0.0
    expire: float = 0.0
    expire_after_s: float = 5.0
    # `channel:ending of the phone` -> how every such message ends, a row of `handset.SCRIPTED`: `sms:77`, `tg:`.
    scripted: Mapping[str, str] = field(default_factory=dict)

    # Callbacks.
    callback_url: str = ""
    callback_secret: str = field(default="", repr=False)
    callback_style: str = "form"  # form, get, json or xml
    callback_digest: str = "md5"  # or sha1
    callback_lines: int = 4
    callback_tries: int = 8
    callback_retry_s: float = 1.0
    callback_timeout_s: float = 10.0
    callback_twice: float = 0.0
    callback_early: float = 0.0
    callback_disorder: float = 0.0
    callback_lost: float = 0.0

    # History.
    history_newest_first: bool = False
    history_page: int = 1000  # most rows of one page
    history_after_s: float = 0.0  # by which it lags behind the statuses

    # Misfortunes from the start: `kind` (every mirror) or `2:kind` (the second) -> share of requests; and mirrors
    # that are down, by number.
    misfortunes: Mapping[str, float] = field(default_factory=dict)
    down: tuple[int, ...] = ()
    seed: int = 1

    @classmethod
    def quick(cls, **changes: Any) -> Profile:
        """A gateway whose minutes take six seconds, for the demo and for tests of whole stories.

        The client's settings have to be shortened alike: window, peer close, arrival, visibility, asks.
        """
        return replace(cls(**_QUICK).scaled(QUICK_SCALE), mass_ask_every_s=1.0, **changes)

    def scaled(self, factor: float) -> Profile:
        """The same with every limit's waiting time multiplied by `factor`."""
        return replace(self, **{name: getattr(self, name) * factor for name in _SCALED})

    def with_file(self, path: Path) -> Profile:
        """The same with what a TOML file says; raises BadSettings for an unknown name or a wrong value."""
        try:
            told = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as trouble:
            raise BadSettings(f"the sandbox's file {path} cannot be read: {trouble}") from None
        return self.with_values(told)

    def with_values(self, told: Mapping[str, Any]) -> Profile:
        """The same with some fields changed, each read by the type of its default; raises BadSettings."""
        known = {entry.name for entry in fields(self)}
        values = {}
        for name, value in told.items():
            if name not in known:
                raise BadSettings(f"the sandbox has no setting called {name}")
            values[name] = _like(name, getattr(self, name), value)
        return replace(self, **values)


QUICK_SCALE = 0.1
_QUICK: dict[str, Any] = {"peer_close_s": 1.0, "arrival_s": 2.0, "visible_after_s": 0.2}
# The values of a mapping that are not numbers.
_ENTRIES: dict[str, Callable[[str], Any]] = {"prices": Decimal, "channel_prices": Decimal, "scripted": str}
_SCALED = ("minute_s", "duplicate_window_s", "mass_ask_every_s", "bad_login_window_s", "ban_s")


def _like(name: str, default: Any, value: Any) -> Any:
    """`value` in the type of `default`; raises BadSettings naming the field."""
    try:
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise ValueError("yes or no is wanted")
            return value
        if isinstance(default, Decimal):
            return Decimal(str(value))
        if isinstance(default, tuple):
            return tuple(value)
        if isinstance(default, Mapping):
            return {key: _ENTRIES.get(name, float)(str(entry)) for key, entry in dict(value).items()}
        return type(default)(value)
    except (ArithmeticError, TypeError, ValueError):
        raise BadSettings(f"the sandbox's {name} cannot be what was given") from None
