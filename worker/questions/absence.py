"""Questions that may prove absence: they need a control, a message known to be accepted, on the same mirror."""

from __future__ import annotations

from collections.abc import Sequence

from smsq.worker.gateway.outcomes import StatusAnswer
from smsq.worker.questions import Means, Pair
from smsq.worker.questions.asker import Asker

CONTROL_FRESH_S = 60.0  # for so long a control found on a mirror serves every doubt; at most the gateway's minute
SINGLE_PATIENCE_S = 2.0  # the wait for a permit to ask about one message; after that the batch is put off
SINGLES_MOST = 2  # phones of a batch that are asked about one by one


class AbsenceAsker:
    """Asks on the mirrors whose absence counts."""

    def __init__(self, means: Means, asker: Asker) -> None:
        self._means = means
        self._asker = asker

    def ask_both(
        self, carrier: str, pairs: Sequence[Pair], conclusive_at: float
    ) -> dict[str, tuple[StatusAnswer | None, float]]:
        """Ask the mirror that carried the attempt and another that is up.

        Returns each mirror's answer and when its control was accepted (0 for none).
        """
        asked = {}
        for mirror in self.mirrors_for(carrier):
            control = self._control_on(mirror, conclusive_at)
            asked[mirror] = (self._ask_all(pairs, mirror, conclusive_at) if control else None, control)
        return asked

    def mirrors_for(self, carrier: str) -> list[str]:
        """The mirrors to ask: the one that carried the newest attempt, and another that is up."""
        mirrors = [carrier] if carrier in self._means.mirrors.bases else []
        other = self._means.mirrors.next_to_ask({carrier})
        if other is not None and other not in self._means.mirrors.tripped():
            mirrors.append(other)
        return mirrors

    def _ask_all(self, pairs: Sequence[Pair], mirror: str, conclusive_at: float) -> StatusAnswer | None:
        """Ask about every pair on one mirror: singly for a few, by questions of the allowed size for many.

        The permit for a question for many may take a minute, so the control is checked again before each.
        """
        size = 1 if len(pairs) <= SINGLES_MOST else self._means.settings.mass_ask_size
        together = StatusAnswer()
        answered = False
        for start in range(0, len(pairs), size):
            group = pairs[start : start + size]
            answer = self._asker.ask(
                group,
                mirror,
                patience_s=self._means.settings.mass_ask_every_s + 1.0 if size > 1 else SINGLE_PATIENCE_S,
                first=lambda: self._may_still_ask(mirror, conclusive_at, is_for_many=size > 1),
            )
            if answer is None or answer.error is not None:
                continue
            answered = True
            self._asker.learn(answer)
            together.absent.extend(answer.absent)
            together.no_money.extend(answer.no_money)
        return together if answered else None

    def _may_still_ask(self, mirror: str, conclusive_at: float, *, is_for_many: bool) -> bool:
        """Whether the control is still shown and no question about a code is due, which would go first."""
        if is_for_many and self._means.ledger.has_urgent_doubt():
            return False
        return self._control_on(mirror, conclusive_at) > 0.0

    def _control_on(self, mirror: str, conclusive_at: float) -> float:
        """When the control that this mirror shows was accepted; 0 if it shows none.

        A control that another doubt found is used again, unless only a younger message would be conclusive.
        """
        fresh_s = min(CONTROL_FRESH_S, self._means.settings.mass_ask_every_s)
        seen = self._means.ledger.control_of(mirror, fresh_s)
        control = self._means.ledger.control_message(self._means.settings.visible_s)
        if control is None or (seen and (seen > conclusive_at or control.accepted_at <= seen)):
            return seen
        asked_at = self._means.ledger.time()
        answer = self._asker.ask([(control.gateway_id, control.phone)], mirror)
        if answer is None or not answer.facts:
            return 0.0
        self._asker.learn(answer)
        self._means.ledger.control_seen(mirror, asked_at, control)
        return control.accepted_at
