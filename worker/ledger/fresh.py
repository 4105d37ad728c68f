"""For tests that share an installation: calls of one test must not count as repeats in the next."""

from __future__ import annotations

from smsq.worker.ledger.store import Store, translated

FORGOTTEN = ("idem:*", "codekey:*", "digest:*", "shield*")  # enrolment keys, keys of codes, files, the shield's counts
AT_ONCE = 1000


def forget_callers(ledger: Store) -> None:
    """Forget every key that makes a repeat harmless, every file that was enrolled, and all that the shield counted.

    Messages, codes and campaigns stay. It scans all keys: only for a small ledger of a test. Raises LedgerTrouble.
    """
    with translated():
        for pattern in FORGOTTEN:
            found = list(ledger.redis.scan_iter(match=ledger.key(pattern), count=AT_ONCE))
            for place in range(0, len(found), AT_ONCE):
                ledger.redis.delete(*found[place : place + AT_ONCE])
