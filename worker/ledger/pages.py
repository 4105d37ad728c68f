"""Pages to the people on call: how many left lately, over all processes that take alerts."""

from __future__ import annotations

from smsq.worker.ledger.store import Store


class Pages(Store):
    """The verb that counts them."""

    def admit_page(self, page: str, most: int, within_s: float) -> tuple[bool, str]:
        """Whether this page may leave, if at most `most` do within `within_s`; and, if not, a name of that time.

        The same page is counted once. Raises LedgerTrouble.
        """
        answer = self.call("admit_page", [self.key("pages")], page, most, int(within_s * 1000))
        return answer[0] == b"taken", str(int(answer[1])) if len(answer) > 1 else ""
