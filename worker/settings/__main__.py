"""`python -m smsq.worker.settings > docs/settings.md`, and with the word `env` for `deploy/env.example`."""

import sys

from smsq.worker.settings.page import env_example, page

print(env_example() if sys.argv[1:] == ["env"] else page(), end="")
