"""Which files the ledger needs: how many messages and campaigns need each digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.store import Store, translated


class Fileless(NamedTuple):
    """A claim whose files were not on the host that had it."""

    at: float  # Unix seconds
    place: str  # the host, for people
    ref: Ref
    why: str


class NeededFiles(Store):
    """The verbs around files; enrolment counts those that need a file."""

    def detach(self, refs: Sequence[Ref]) -> None:
        """Note that these single messages need their files no more; most have none."""
        if not refs:
            return
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for ref in refs:
                pipe.hexists(self.keys.shard(ref.number), f"{ref.number}f")
            having = [ref for ref, has in zip(refs, pipe.execute(), strict=True) if has]
        for ref in having:
            self.call("detach", [self.keys.shard(ref.number), self.key("files")], f"{ref.number}f")

    def detach_of_campaign(self, campaign_id: str) -> None:
        """Note that a campaign needs its files no more."""
        self.call("detach", [self.keys.campaign(campaign_id), self.key("files")], "files")

    def needed_files(self, digests: Sequence[str]) -> set[str]:
        """Those of these digests that a message or a campaign needs."""
        if not digests:
            return set()
        with translated():
            found = self.redis.hmget(self.key("files"), list(digests))
        return {digest for digest, many in zip(digests, found, strict=True) if many is not None}

    def note_fileless(self, place: str, ref: Ref, why: str) -> None:
        """Note that a host has not the files of a claim; the last such note is kept."""
        said = "\t".join((str(int(self.time())), place.replace("\t", " "), str(ref), why))
        self.call("note", [self.key("ctl")], "fileless", said)

    def fileless(self) -> Fileless | None:
        """The last claim whose files were not on the host that had it; None if that never happened."""
        with translated():
            said = self.redis.hget(self.key("ctl"), "fileless")
        if said is None:
            return None
        at, place, ref, why = said.decode().split("\t", 3)
        return Fileless(float(at), place, Ref.parse(ref), why)
