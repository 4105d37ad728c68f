"""deploy/env.example has every setting, and what it says can be set."""

from __future__ import annotations

import re

from smsq.worker.settings import FIELDS, Settings
from smsq.worker.settings.page import env_example
from tests.deploy.described import DEPLOY, IN_FILES

TEXT = (DEPLOY / "env.example").read_text(encoding="utf-8")


def test_the_example_is_current() -> None:
    """A change of the table of settings is written here: python -m smsq.worker.settings env > deploy/env.example."""
    assert env_example() == TEXT


def test_each_setting_is_there_once_with_its_default() -> None:
    """A secret by the file that holds it; and nothing is set until somebody takes the # away."""
    rows = dict(re.findall(r"^#(SMSQ_\w+)=(.*)$", TEXT, re.MULTILINE))
    secrets = {f"{row.variable}_FILE" for row in FIELDS if row.is_secret}

    assert set(rows) == {row.variable for row in FIELDS if not row.is_secret} | secrets
    assert secrets <= IN_FILES
    assert not re.findall(r"^[^#\n]", TEXT, re.MULTILINE)
    assert Settings.load(rows) == Settings.load({})
