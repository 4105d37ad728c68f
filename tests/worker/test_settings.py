"""Settings: read once, checked, and silent about secrets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smsq.worker.domain import limits
from smsq.worker.domain.brands import BRANDS
from smsq.worker.domain.errors import BadSettings
from smsq.worker.settings import FIELDS, Secret, Settings, with_values
from smsq.worker.settings.page import page


def test_defaults() -> None:
    """An empty environment is a whole configuration."""
    settings = Settings.load({})

    assert (settings.home, settings.brand, settings.batch_size) == (Path(".smsq"), "smsc.ru", 100)
    assert (settings.mirrors, settings.rate, settings.redis_url) == ((), None, None)
    assert (settings.lease_s, settings.doubt_settle_s) == (45.0, 300.0)
    assert (settings.keep_texts_s, settings.keep_days) == (86400.0, 30)
    assert settings.ask_every_s == (5.0, 15.0, 60.0, 300.0, 900.0)


def test_every_field_has_its_row() -> None:
    """The struct and the table name the same settings."""
    assert tuple(field.name for field in FIELDS) == Settings.__struct_fields__


def test_every_setting_is_read_by_something() -> None:
    """A setting that changes nothing is no setting, whatever the page promises."""
    root = Path(__file__).parents[2]
    sources = [path for top in ("worker", "producers") for path in (root / top).rglob("*.py")]
    read = " ".join(path.read_text(encoding="utf-8") for path in sources if path.name != "settings.py")
    of_shield = {f"shield_{name}" for name in limits.READINGS} | {"shield"}  # read together, as `shield_limits`

    assert [f.name for f in FIELDS if not re.search(rf"\.{f.name}\b", read) and f.name not in of_shield] == []
    assert ".shield_limits" in read


def test_brands_are_those_of_the_gateway() -> None:
    """The names that settings accept are the rows of the table; the first one is meant unless another is said."""
    assert {Settings.load({"SMSQ_BRAND": name}).brand for name in BRANDS} == set(BRANDS)
    assert Settings.load({}).brand == "smsc.ru" == next(iter(BRANDS))
    with pytest.raises(BadSettings, match="SMSQ_BRAND"):
        Settings.load({"SMSQ_BRAND": "smsc.example"})


def test_the_page_is_up_to_date() -> None:
    """docs/settings.md is what `python -m smsq.worker.settings` writes."""
    written = Path(__file__).parents[2] / "docs" / "settings.md"

    assert written.read_text(encoding="utf-8") == page()


def test_values_are_read() -> None:
    """Strings of the environment become values."""
    settings = Settings.load(
        {
            "SMSQ_MIRRORS": "http://127.0.0.1:9101/sys, http://127.0.0.1:9102",
            "SMSQ_KEEP_TEXTS": "90 min",
            "SMSQ_KEEP_DAYS": "7 d",
            "SMSQ_RATE": "12.5",
            "SMSQ_ACCEPT_LOSS": "yes",
            "SMSQ_READ_TIMEOUT_S": "20",
            "SMSQ_BATCH_SIZE": "",
            "SMSQ_TEST_CODES": "+7 999 000-00-01:482107, 8 (999) 000-00-02:0042",
            "PATH": "/bin",
        }
    )

    assert settings.mirrors == ("http://127.0.0.1:9101/sys", "http://127.0.0.1:9102")
    assert (settings.keep_texts_s, settings.keep_days, settings.rate) == (5400.0, 7, 12.5)
    assert (settings.accept_loss, settings.lease_s, settings.batch_size) == (True, 35.0, 100)
    assert settings.test_codes == {79990000001: "482107", 79990000002: "0042"}
    assert settings.shown()["SMSQ_TEST_CODES"] == "2 numbers"


OVER_SMPP = {
    "SMSQ_TRANSPORT": "smpp",
    "SMSQ_SMPP_URL": "smpps://me@one.example:3443,smpp://two.example",
    "SMSQ_SMPP_PASSWORD": "secret",
}
REFUSED = {
    "unknown with a neighbour": (
        {"SMSQ_BATCHSIZE": "5"},
        "SMSQ_BATCHSIZE is not a setting; did you mean SMSQ_BATCH_SIZE",
    ),
    "unknown alone": ({"SMSQ_QQQQQQQQQQQQQQQQQQQQ": "5"}, "is not a setting$"),
    "batch too large": (
        {"SMSQ_BATCH_SIZE": "501"},
        "SMSQ_BATCH_SIZE: '501' is not valid; give a whole number from 1 to 500",
    ),
    "not a number": ({"SMSQ_RATE": "fast"}, "SMSQ_RATE: 'fast'"),
    "nan": ({"SMSQ_RATE": "nan"}, "SMSQ_RATE: 'nan'"),
    "negative days": ({"SMSQ_KEEP_DAYS": "-1"}, "SMSQ_KEEP_DAYS"),
    "odd duration": ({"SMSQ_KEEP_TEXTS": "24 parsecs"}, "such as 24 h"),
    "brand": ({"SMSQ_BRAND": "smsc.com"}, "smsc.ru or smscentre.com or smsc.kz"),
    "mirror without scheme": ({"SMSQ_MIRRORS": "smsc.ru"}, "SMSQ_MIRRORS"),
    "mirror named twice": ({"SMSQ_MIRRORS": "https://smsc.ru,https://SMSC.ru/"}, "each address once"),
    "redis over http": ({"SMSQ_REDIS_URL": "http://x"}, "redis://"),
    "waits that shrink": ({"SMSQ_ASK_EVERY_S": "5,3"}, "grow"),
    "address": ({"SMSQ_WEB_ADDR": "8080"}, "host:port"),
    "short window": ({"SMSQ_DOUBT_SETTLE_S": "255"}, "must exceed SMSQ_PEER_CLOSE_S .* 255 seconds"),
    "short lease": ({"SMSQ_LEASE_S": "30"}, "at least 31"),
    "long lease": ({"SMSQ_LEASE_S": "300"}, "must exceed SMSQ_LEASE_S"),
    "all slots urgent": ({"SMSQ_URGENT_SLOTS": "10"}, "SMSQ_URGENT_SLOTS"),
    "two secrets": ({"SMSQ_LOGIN": "a", "SMSQ_PASSWORD": "b", "SMSQ_APIKEY": "c"}, "keep one"),
    "password alone": ({"SMSQ_PASSWORD": "b"}, "without SMSQ_LOGIN"),
    "unknown transport": ({"SMSQ_TRANSPORT": "mail"}, "SMSQ_TRANSPORT: 'mail'"),
    "mail server over http": ({"SMSQ_SMTP_URL": "http://x"}, "SMSQ_SMTP_URL: .* such as smtp://host:25"),
    "mail server with its password": ({"SMSQ_SMTP_URL": "smtp://a:b@x"}, "the password is SMSQ_SMTP_PASSWORD"),
    "mail log-in without a password": ({"SMSQ_SMTP_URL": "smtp://a@x"}, "set both"),
    "mail password without a log-in": (
        {"SMSQ_SMTP_URL": "smtp://x", "SMSQ_SMTP_PASSWORD": "b"},
        "SMSQ_SMTP_PASSWORD goes with a log-in",
    ),
    "no mail address": ({"SMSQ_SMTP_FROM": "sms"}, "SMSQ_SMTP_FROM"),
    "SMPP without an address": ({"SMSQ_TRANSPORT": "smpp"}, "set SMSQ_SMPP_URL and SMSQ_SMPP_PASSWORD"),
    "SMPP without a log-in": (
        {"SMSQ_TRANSPORT": "smpp", "SMSQ_SMPP_URL": "smpp://x", "SMSQ_SMPP_PASSWORD": "b"},
        "give the log-in in SMSQ_SMPP_URL",
    ),
    "SMPP host over http": ({"SMSQ_SMPP_URL": "http://x"}, "SMSQ_SMPP_URL"),
    "SMPP host with its password": ({"SMSQ_SMPP_URL": "smpp://a:b@x"}, "the password is SMSQ_SMPP_PASSWORD"),
    "long SMPP password": ({"SMSQ_SMPP_PASSWORD": "123456789"}, "SMSQ_SMPP_PASSWORD: what it holds .* up to 8"),
    "short window for SMPP": ({**OVER_SMPP, "SMSQ_DOUBT_SETTLE_S": "360"}, r"\+ SMSQ_SMPP_PARTS_S, which are 360"),
}


@pytest.mark.parametrize(("environ", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_will_not_do_is_refused_with_a_sentence(environ: dict[str, str], sentence: str) -> None:
    """The variable, what was given, what would do."""
    with pytest.raises(BadSettings, match=sentence):
        Settings.load(environ)


@pytest.mark.parametrize(
    ("told", "is_here"),
    [
        ({}, True),
        ({"SMSQ_SMTP_URL": "smtp://mail.example"}, True),
        ({"SMSQ_TRANSPORT": "smtp"}, False),
        ({"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtp://mail.example"}, False),
        ({"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtp://127.0.0.1:2525"}, True),
        (OVER_SMPP, False),
        ({**OVER_SMPP, "SMSQ_SMPP_URL": "smpp://a@127.0.0.1:3700,smpp://b@localhost"}, True),
    ],
)
def test_a_sandbox_is_where_no_message_leaves_this_machine(told: dict[str, str], is_here: bool) -> None:
    """By whichever wire."""
    assert Settings.load({"SMSQ_MIRRORS": "http://127.0.0.1:9101", **told}).is_sandboxed == is_here


@pytest.mark.parametrize(
    ("told", "is_clear"),
    [
        ({"SMSQ_TRANSPORT": "smtp"}, True),
        ({"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtp://mail.example"}, True),
        ({"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtp://localhost"}, False),
        ({"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": "smtps://mail.example"}, False),
        ({"SMSQ_SMTP_URL": "smtp://mail.example"}, False),
    ],
)
def test_letters_that_may_be_read_on_the_way_are_known(told: dict[str, str], is_clear: bool) -> None:
    """A worker says so at its start."""
    assert Settings.load(told).is_mail_clear == is_clear


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A file holds what all share, the environment what this process needs."""
    file = tmp_path / "smsq.toml"
    file.write_text('batch_size = 50\nmirrors = ["http://a", "http://b"]\naccept_loss = true\nrate = 3.5\n')

    settings = Settings.load({"SMSQ_BATCH_SIZE": "60"}, file)

    assert (settings.batch_size, settings.mirrors) == (60, ("http://a", "http://b"))
    assert (settings.accept_loss, settings.rate) == (True, 3.5)


@pytest.mark.parametrize("content", ["batch_size = ", "batchsize = 3", "\xff"])
def test_a_bad_file_is_refused(tmp_path: Path, content: str) -> None:
    """A file is held to the same rules."""
    file = tmp_path / "smsq.toml"
    file.write_bytes(content.encode("latin-1"))

    with pytest.raises(BadSettings):
        Settings.load({}, file)


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """A secret may lie in a file, without its last newline."""
    file = tmp_path / "password"
    file.write_text("s3cr3t\n")
    settings = Settings.load({"SMSQ_LOGIN": "me", "SMSQ_PASSWORD_FILE": str(file)})

    assert settings.password is not None
    assert settings.password.reveal() == "s3cr3t"
    with pytest.raises(BadSettings, match="both set"):
        Settings.load({"SMSQ_LOGIN": "me", "SMSQ_PASSWORD_FILE": str(file), "SMSQ_PASSWORD": "x"})
    with pytest.raises(BadSettings, match="cannot be read"):
        Settings.load({"SMSQ_PASSWORD_FILE": str(tmp_path / "none")})


def test_an_address_with_a_password_comes_from_a_file(tmp_path: Path) -> None:
    """The environment wins over `smsq.toml`, whichever of the two names a file; `with_values` takes a file's place."""
    url, file = tmp_path / "url", tmp_path / "smsq.toml"
    url.write_text("redis://worker:pass@ledger:6379/0\n")
    file.write_text('redis_url = "redis://old:6379"\nbroker_url_file = "gone"\n')
    environ = {"SMSQ_REDIS_URL_FILE": str(url), "SMSQ_BROKER_URL": "redis://queues:6379"}
    settings = Settings.load(environ, file)
    replaced = Settings.load(with_values(environ, {"SMSQ_REDIS_URL": "redis://other:6379"}))

    assert (settings.redis_url, settings.broker_url) == ("redis://worker:pass@ledger:6379/0", "redis://queues:6379")
    assert "pass" not in settings.shown()["SMSQ_REDIS_URL"]
    assert replaced.redis_url == "redis://other:6379"


@pytest.mark.parametrize("secret", ["x", "тайна", "fifteen letters"])
def test_a_secret_that_signs_is_not_short(secret: str) -> None:
    """A digest of few letters can be tried out at leisure; the sentence says what would do, and not what was given."""
    with pytest.raises(BadSettings, match=r"at least 16 characters.*openssl rand") as caught:
        Settings.load({"SMSQ_CALLBACK_SECRET": secret})

    assert secret not in caught.value.sentence.replace("characters", "").replace("settings", "") or secret == "x"
    assert Settings.load({"SMSQ_CALLBACK_SECRET": "sixteen letters."}).callback_secret is not None


def test_nothing_secret_is_printed() -> None:
    """Neither a secret nor the password of an address appears in any form."""
    settings = Settings.load(
        {
            "SMSQ_LOGIN": "me",
            "SMSQ_PASSWORD": "hunter2",
            "SMSQ_REDIS_URL": "redis://user:hunter2@db/0",
        }
    )
    secret = Secret("hunter2")

    assert "hunter2" not in f"{settings!r} {settings} {settings.shown()} {secret} {secret!r} {secret:>9}" + str(secret)
    with pytest.raises(BadSettings) as caught:
        Settings.load({"SMSQ_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "redis:/:s3cret@host",
        "s3cret@host",
        "http://:s3cret@host/0",
        "redis://me:s3cret@a@host/0",
        "redis://host/0?password=s3cret",
        "unix:///run/redis.sock?username=s3cret&db=1",
    ],
)
def test_the_password_of_an_address_is_not_printed(address: str) -> None:
    """Right or wrong, in its sentence or among all settings; what else it says helps to find the mistake."""
    try:
        printed = Settings.load({"SMSQ_REDIS_URL": address, "SMSQ_LOGIN": "me@x.ru"}).shown()
    except BadSettings as error:
        printed = {"SMSQ_REDIS_URL": str(error), "SMSQ_LOGIN": "me@x.ru"}

    assert "s3cret" not in str(printed)
    assert any(word in printed["SMSQ_REDIS_URL"] for word in ("host", "redis.sock"))
    assert printed["SMSQ_LOGIN"] == "me@x.ru"


@pytest.mark.parametrize("variable", ["SMSQ_REDIS_URL", "SMSQ_BROKER_URL"])
@pytest.mark.parametrize(
    "password",
    ["ab#s3cret", "ab?s3cret", "ab/s3cret", "s3[cret", "s3]cret", "s3cret℀", "#s3cret@", "s3cret?x=y", "s/3cret@x"],
)
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_password_that_ends_the_host_s_name_is_a_sentence(scheme: str, password: str, variable: str) -> None:
    """Not a traceback with a part of it; the sentence says how to write such letters."""
    with pytest.raises(BadSettings) as caught:
        Settings.load({variable: f"{scheme}://user:{password}@host:6379/0"})

    assert caught.value.sentence.startswith(f"{variable}: ")
    assert "%23 %3F %2F" in caught.value.sentence
    assert not [part for part in ("s3", "cret", "ab", "℀") if part in caught.value.sentence]


@pytest.mark.parametrize(
    "address",
    [
        *("redis://:s3cret", "redis://me:s3cret/0", "redis://s3cret:9:9", "redis://host/s3cret@x"),
        *(
            "redis+sentinel://:s3cret@a,b",
            "redis+sentinel://:s3#cret@a/name",
            "redis+sentinel://a/name?password=s3cret",
        ),
        *("redis+sentinel://:s3cret@a,/name"),
    ],
)
def test_an_address_without_its_host_keeps_its_password(address: str) -> None:
    """Somebody forgot what stands behind the @."""
    with pytest.raises(BadSettings) as caught:
        Settings.load({"SMSQ_REDIS_URL": address})

    assert "s3cret" not in caught.value.sentence


@pytest.mark.parametrize(
    "address",
    [
        *(
            "redis://host",
            "redis://host:6379/3",
            "redis://me:p%23%2F%3F@host",
            "redis://[::1]:6379",
            "redis://:p@a@host/1",
        ),
        "redis+sentinel://me:p%2C@a:26379,b:26379,[::1]/name/1?sentinel_password=x",
        *("unix:///run/redis.sock?db=1", "unix://me:p@/run/redis.sock", "rediss://host/0?ssl_cert_reqs=required"),
    ],
)
def test_an_address_that_will_do_is_kept(address: str) -> None:
    """As it was written."""
    assert Settings.load({"SMSQ_REDIS_URL": address}).redis_url == address


@pytest.mark.parametrize("mirror", ["https://smsc.ru:abc", "https://:443", "https://[x", "https://a:99999"])
def test_a_mirror_that_cannot_be_an_address_is_refused(mirror: str) -> None:
    """At the start, not with a traceback at the first request."""
    with pytest.raises(BadSettings, match="SMSQ_MIRRORS"):
        Settings.load({"SMSQ_MIRRORS": mirror})


def test_account() -> None:
    """A ledger belongs to a log-in, or to a key that is not shown."""
    by_key = Settings.load({"SMSQ_APIKEY": "abc", "SMSQ_BRAND": "smsc.kz"}).account

    assert Settings.load({"SMSQ_LOGIN": "me"}).account == "smsc.ru/me"
    assert by_key == "smsc.kz/key:ba7816bf"


def test_nobody_has_no_account() -> None:
    """Without log-in and key there is no name under which a ledger could be established."""
    with pytest.raises(BadSettings, match="set SMSQ_LOGIN and SMSQ_PASSWORD, or SMSQ_APIKEY"):
        _ = Settings.load({}).account


def test_marks_that_editors_leave_are_read_past(tmp_path: Path) -> None:
    """A byte order mark in front of the settings, of a secret in a file."""
    secret, file = tmp_path / "password", tmp_path / "smsq.toml"
    secret.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    file.write_bytes(b'\xef\xbb\xbflogin = "me"\r\n')
    settings = Settings.load({"SMSQ_PASSWORD_FILE": str(secret)}, file)

    assert (settings.login, str(settings.password.reveal() if settings.password else "")) == ("me", "s3cret")


@pytest.mark.parametrize("written", ["+79167654321", "+79167654321:1", "+79167654321:12345a", "123:4821", ":9182"])
def test_test_codes_that_will_not_do_are_not_repeated(written: str) -> None:
    """A whole number and its code are nothing for a log."""
    with pytest.raises(BadSettings, match="SMSQ_TEST_CODES: what it holds is not valid") as raised:
        Settings.load({"SMSQ_TEST_CODES": written})

    assert written not in raised.value.sentence


@pytest.mark.parametrize(
    ("mirrors", "is_sandboxed"),
    [
        ("http://127.0.0.1:9101,http://localhost:9102,http://[::1]:9103", True),
        ("http://127.0.0.1:9101,https://smsc.ru", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://10.0.0.1", False),
        ("", False),
    ],
)
def test_a_sandbox_is_known_by_its_mirrors(mirrors: str, is_sandboxed: bool) -> None:
    """All of them on this machine; without any they are the brand's."""
    assert Settings.load({"SMSQ_MIRRORS": mirrors}).is_sandboxed == is_sandboxed


def test_over_smpp_silence_lasts_longer() -> None:
    """The gateway cuts a silent link after two minutes, and waits a minute for parts: the window covers both."""
    settings = Settings.load(OVER_SMPP)

    assert (settings.peer_close_s, settings.doubt_settle_s, settings.late_s) == (120.0, 420.0, 300.0)
    assert Settings.load({**OVER_SMPP, "SMSQ_PEER_CLOSE_S": "90"}).peer_close_s == 90.0
    assert Settings.load({}).late_s == 195.0


def test_smpp_hosts_are_named_without_their_log_in() -> None:
    """Journals and reports name them; the log-in is the account's, if no other is given."""
    settings = Settings.load(OVER_SMPP)

    assert settings.smpp_mirrors == ("smpps://one.example:3443", "smpp://two.example")
    assert (settings.smpp_login, settings.clear_smpp) == ("me", ["smpp://two.example"])
    other = {**OVER_SMPP, "SMSQ_SMPP_URL": "smpps://one.example", "SMSQ_LOGIN": "account"}
    assert Settings.load(other).smpp_login == "account"
    assert "secret" not in repr(settings)
