"""The command `sandbox` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from smsq.producers.cli.sandbox import command
from smsq.worker.domain.errors import BadSettings
from smsq.worker.sandbox import Profile
from tests.worker.sandbox.smpp_client import RawClient

RUN = [sys.executable, "-c", "from smsq.producers.cli.sandbox import command; command()"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_when_told(number: signal.Signals, tmp_path: Path) -> None:
    """One JSON line, then exit code 0."""
    config = tmp_path / "sandbox.toml"
    config.write_text('balance = "12.5"\n[misfortunes]\nempty = 0.5\n')
    options = ["--ports", "0,0", "--down", "2", "--lose-answers", "5%", "--config", str(config), "--time-scale", "0.1"]
    with subprocess.Popen([*RUN, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"{ready['control']}/_sandbox/report", timeout=5) as answer:
            report = json.load(answer)
        process.send_signal(number)

        assert process.wait(10) == 0
    assert (ready["event"], len(ready["mirrors"])) == ("ready", 2)
    assert [mirror["down"] for mirror in report["mirrors"]] == [False, True]
    assert report["balance"] == {"demo": "12.5"}


def test_it_says_where_its_smpp_hosts_are() -> None:
    """As many as it was told; their password is one of the options."""
    options = ["--ports", "0", "--smpp-ports", "0,0", "--smpp-password", "other"]
    with subprocess.Popen([*RUN, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with RawClient(ready["smpp"][1]) as client:
            statuses = [client.bind(password="other").status]
        process.terminate()
        process.wait(10)

    assert (len(ready["smpp"]), statuses) == (2, [0])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        pytest.param(["--ports", "a,b"], "--ports takes numbers", id="ports that are none"),
        pytest.param(["--ports", "0", "--down", "2"], "mirrors are numbered 1 to 1", id="a mirror that is not there"),
        pytest.param(["--lose-answers", "500%"], "a share is 5%", id="more than all"),
        pytest.param(["--misfortune", "rain=1%"], "no misfortune called 'rain'", id="an unknown misfortune"),
        pytest.param(["--misfortune", "empty"], "NAME=VALUE", id="no share"),
        pytest.param(["--misfortune", "9:empty=1%"], "mirrors are numbered", id="a misfortune of no mirror"),
        pytest.param(["--misfortune", "x:empty=1%"], "should look like", id="a misfortune of nowhere"),
        pytest.param(["--deliver-after", "soon"], "seconds are a number", id="no seconds"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], part: str) -> None:
    """Exit code 2 and a sentence."""
    outcome = CliRunner().invoke(command, options)

    assert (outcome.exit_code, part in outcome.output) == (2, True)


def test_the_misfortunes_can_be_listed() -> None:
    """With what each does."""
    assert "lose_answer" in CliRunner().invoke(command, ["--misfortune", "list"]).output


@pytest.mark.parametrize("told", [{"thinks": 1}, {"think_s": "long"}, {"balance": "much"}, {"is_strict": "no"}])
def test_a_profile_refuses_what_it_does_not_know(told: dict[str, object]) -> None:
    """Names and values alike."""
    with pytest.raises(BadSettings):
        Profile().with_values(told)


def test_a_time_scale_shortens_the_limits_and_nothing_else() -> None:
    """Think time and handsets stay."""
    profile = Profile(think_s=0.5).scaled(0.1)

    assert pytest.approx((profile.minute_s, profile.duplicate_window_s, profile.mass_ask_every_s, profile.think_s)) == (
        6.0,
        6.0,
        6.0,
        0.5,
    )


def test_a_quick_gateway_has_short_minutes() -> None:
    """And everything else that a test changes."""
    profile = Profile.quick(think_s=0.02)

    assert (profile.minute_s, profile.mass_ask_every_s, profile.peer_close_s, profile.think_s) == (6.0, 1.0, 1.0, 0.02)


@pytest.mark.parametrize(("options", "is_told"), [([], True), (["--password", "hunter2"], False)])
def test_it_says_its_own_password_and_nobody_else_s(options: list[str], is_told: bool) -> None:
    """Whoever starts it alone has to know how to log in; what was chosen is known to who chose it."""
    argv = [*RUN, "--ports", "0", *options]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert ("log-in demo, password demo" in said, "hunter2" in said) == (is_told, False)
