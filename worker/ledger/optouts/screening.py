"""Screening: which of some recipients may not be sent to, before enrolment and again before a claim.

The list has a number that grows with it. A screening reads the number first, so that an entry that comes meanwhile has
a higher one, and it is noted with the batch or the campaign. A claim compares two numbers and costs nothing more; if
the list has grown, the worker screens the batch by `screen`, and its next claim is granted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from smsq.worker.domain.batch import Options, Ref, unpack_recipients
from smsq.worker.domain.errors import WrongKey
from smsq.worker.domain.optout import HASHED, names_for, plain_key, sender_of
from smsq.worker.domain.recipient import Recipient, key_of
from smsq.worker.domain.status import Status
from smsq.worker.ledger.layout import OF_ROWS, Meta
from smsq.worker.ledger.optouts.caps import KEPT_DAYS, Caps, cap_of
from smsq.worker.ledger.optouts.countries import Countries
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import translated
from smsq.worker.sealing import Sealer

log = logging.getLogger(__name__)

USE = "optout"  # of the installation's secret: the keyed hashes of forgotten recipients
HASH_DIGITS = 32
OTHERS_SECRET = (
    "the list of opt-outs holds forgotten recipients, and only a host with the installation's secret key can tell who "
    "they are: set SMSQ_SECRET_KEY here too"
)
NAMES_AT_ONCE = 3000  # looked up in one command
_OPTIONS = msgspec.json.Decoder(Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What a screening found: the list's number when it began, and a status for each recipient that is kept back."""

    number: int
    statuses: dict[int, Status]  # by place; places that are not here may be sent to
    met: Sequence[tuple[str, str]] = ()  # a country and its rule, for each recipient whose country has one


class Screening(Countries, Caps):
    """Looks recipients up on the list."""

    def screening_number(self) -> int:
        """The number of the list now; 0 if there never was one."""
        with translated():
            return int(self.redis.hget(self.key("ctl"), "screen") or 0)

    def screened(self, recipients: Sequence[Recipient], *, sender: str | None, topic: str) -> Screened:
        """Look up whom of these no message of this sender and topic may go to.

        Raises WrongKey if the list holds forgotten recipients whose hashes this process cannot make.
        """
        with translated():
            number, hashed, ruled = self.redis.hmget(self.key("ctl"), ["screen", "screen:hashed", "screen:countries"])
        if number is None:
            return Screened(number=0, statuses={})
        if int(hashed or 0):
            self._check_secret()
        names = list(self._names(recipients, sender_of(sender), topic, with_hashes=int(hashed or 0) > 0))
        flat = [name for each in names for name in each]
        found = self._are_listed(flat)
        listed = [sum(islice(found, len(each))) for each in names]
        statuses = {at: Status.OPTOUT for at, some in enumerate(listed) if some}
        if not int(ruled or 0):
            return Screened(number=int(number), statuses=statuses)
        regions, rules = self.by_country(recipients)
        met = [(region, rules[region]) for region in regions if region in rules]
        blocked = {at: Status.BLOCKED for at, region in enumerate(regions) if rules.get(region) == "block"}
        return Screened(number=int(number), statuses={**blocked, **statuses}, met=met)

    def _check_secret(self) -> None:
        """Raise WrongKey unless the hashes of this process are those of the installation."""
        with translated():
            secret = self.redis.hget(self.key("stamp"), "secret")
        if secret is not None and secret.decode() not in self._own_sealer().names:
            raise WrongKey(OTHERS_SECRET)

    def _own_sealer(self) -> Sealer:
        try:
            return self.sealing()
        except WrongKey:
            raise WrongKey(OTHERS_SECRET) from None

    def _names(
        self, recipients: Sequence[Recipient], sender: str, topic: str, *, with_hashes: bool
    ) -> Iterator[list[str]]:
        for recipient in recipients:
            names = list(names_for(plain_key(recipient), sender, topic))
            for key in self.forgotten_keys(recipient) if with_hashes else ():
                names += names_for(key, sender, topic)
            yield names

    def has_hashed(self) -> bool:
        """Whether there are entries of recipients that were forgotten."""
        with translated():
            return int(self.redis.hget(self.key("ctl"), "screen:hashed") or 0) > 0

    def forgotten_keys(self, recipient: Recipient) -> list[str]:
        """What stands for a recipient that was forgotten: keyed hashes, the sealing key's first."""
        return [HASHED + digest[:HASH_DIGITS] for digest in self._own_sealer().digests(USE, key_of(recipient))]

    def _are_listed(self, names: Sequence[str]) -> Iterator[bool]:
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for at in range(0, len(names), NAMES_AT_ONCE):
                pipe.hmget(self.key("optouts"), names[at : at + NAMES_AT_ONCE])
            replies = pipe.execute() if names else []
        return (value is not None for reply in replies for value in reply)

    def screen(self, ref: Ref) -> int:
        """Screen a ready batch by the list as it is now; messages that may not be sent leave it. Returns how many.

        The batch may be claimed afterwards, until the list grows again. Raises as `screened` does.
        """
        shard, n = self.keys.shard(ref.number), ref.number
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(shard, [f"{n}m", f"{n}p"])
            pipe.hmget(self.keys.campaign(ref.campaign), ["options", "topic", "cap"])
            pipe.hget(self.key("ctl"), "cap")
            (meta, packed), (options, topic, own), general = pipe.execute()
        if meta is None or packed is None:
            return 0
        sender = _sender(msgspec.msgpack.decode(meta), options)
        recipients = unpack_recipients(packed)
        found = self.screened(recipients, sender=sender, topic=(topic or b"").decode())
        marks = "".join(f"{found.statuses.get(place, 0):02d}" for place in range(len(recipients)))
        told: list[Argument] = [found.number, marks if found.statuses else ""]
        cap = cap_of(general).with_other(cap_of(own))
        days: list[str] = []
        if ref.campaign and not cap.is_none:
            days = self.counted_days()
            told += [cap.day, cap.week, KEPT_DAYS * 86_400_000, *map(plain_key, recipients)]
        reply = self.call_on("screen", ref, *told, more_keys=days)
        ended = int(reply[1]) if reply[0] == b"screened" else 0
        if ended:
            self.count_countries(pair for pair in found.met if pair[1] == "block")
            log.info("batch screened batch=%s left_out=%d", ref, ended)
        return ended


def _sender(meta: list[Any], campaign_options: bytes | None) -> str | None:
    """The sender of a batch: its own options, else those of its campaign."""
    own = meta[Meta.OPTIONS] if len(meta) > Meta.OPTIONS else ""
    written = own.removeprefix(OF_ROWS) if own else (campaign_options or b"{}")
    return _OPTIONS.decode(written).sender
