"""Write `docs/metrics.md`: python -m smsq.worker.metrics > docs/metrics.md."""

import sys

from smsq.worker.metrics import write_page

write_page(sys.stdout)
