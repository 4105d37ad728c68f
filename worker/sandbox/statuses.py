"""What the gateway tells of one message: its standing now, as a given mirror sees it.

A message is not there at all (-3) until it becomes visible; a mirror that lags sees everything later. Of
messages that share id and phone, the last one that is visible is told of (gateway manual, message id).
"""

from __future__ import annotations

from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server.lists import HistoryRequest
from smsq.worker.gateway.http.server.statuses import Told
from smsq.worker.sandbox.handset import NOT_FOUND, Handsets, Standing
from smsq.worker.sandbox.parts import parts_of
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.state import Account, Record, money

# What a refused id shows later, and with which delivery error (gateway manual, statuses; assumed, P.L.3).
REFUSED_STATUS = {3: (24, 0), 6: (23, 253), 7: (22, 249), 8: (25, 248)}
_DELIVERY_ERROR = dict(REFUSED_STATUS.values())


class MessageStatuses:
    """What the gateway shows of messages; changes nothing."""

    def __init__(self, profile: Profile, handsets: Handsets) -> None:
        self.lags: dict[int, float] = {}  # mirror -> seconds by which its view is behind
        self._profile = profile
        self._handsets = handsets

    def told(self, account: Account, message_id: int | str, phone: str, now: float, mirror: int) -> Told:
        """The message of this id and phone; status -3 if there is none to be seen."""
        for record, place in account.find(message_id, phone):
            standing = self._standing(record, phone, now, mirror)
            if standing.code != NOT_FOUND:
                return _tell(account, record, place, standing)
        return Told(gateway_id=message_id, phone=phone, code=NOT_FOUND)

    def page(
        self, account: Account, request: HistoryRequest, since: float, until: float, now: float, mirror: int
    ) -> list[Told]:
        """A page of history: the next messages that show, behind the global id, accepted from `since` to `until`.

        History may lag behind the statuses of the same mirror.
        """
        rows: list[Told] = []
        most = min(request.count, self._profile.history_page)
        now -= self._profile.history_after_s
        for record, place in account.behind(request.prev_id, self._profile.history_newest_first, since, until):
            phone = record.messages[place][0]
            if request.recipients and phone not in request.recipients:
                continue
            standing = self._standing(record, phone, now, mirror)
            if standing.code != NOT_FOUND:
                rows.append(_tell(account, record, place, standing))
                if len(rows) >= most:
                    break
        return rows

    def _standing(self, record: Record, phone: str, now: float, mirror: int) -> Standing:
        age_s = now - record.at - self.lags.get(mirror, 0.0)
        if age_s < self._profile.visible_after_s + record.hidden_s:
            return Standing(NOT_FOUND, 0, 0.0)
        if record.code:
            return Standing(record.code, _DELIVERY_ERROR.get(record.code, 0), 0.0)
        return self._handsets.standing(phone, age_s, record.channel)


def _tell(account: Account, record: Record, place: int, standing: Standing) -> Told:
    phone, text = record.messages[place]
    parts = parts_of(text, record.channel)
    return Told(
        gateway_id=record.id,
        phone=phone,
        code=standing.code,
        err=standing.err,
        at=int(record.at + standing.after_s),
        sent_at=int(record.at),
        cost=money(0 if record.code else parts * account.prices.part(phone, record.channel)),
        parts=parts,
        sender=record.sender,
        text=text,
        int_id=record.first_int_id + place,
        type=CHANNELS[record.channel].type,
    )
