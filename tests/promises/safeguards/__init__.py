"""Every safeguard of sending, of settling doubt and of the roll call, with the test that notices its absence."""

from __future__ import annotations

from tests.promises.safeguards.asking import ASKING
from tests.promises.safeguards.falling import FALLING
from tests.promises.safeguards.row import Safeguard
from tests.promises.safeguards.sending import SENDING

SAFEGUARDS: tuple[Safeguard, ...] = (*SENDING, *ASKING, *FALLING)

# Rules that nothing here needs yet, and why.
NOT_BUILT = {
    "a batch that is split off inherits": "a batch is never split: its rest keeps number, ids and fence",
}
