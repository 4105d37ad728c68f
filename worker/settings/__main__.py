"""`python -m smsq.worker.settings > docs/settings.md`."""

from smsq.worker.settings.page import page

print(page(), end="")
