"""What the gateway tells of one message: its standing now, as a given mirror sees it.

A message is not there at all (-3) until it becomes visible; a mirror that lags sees everything later. Of
messages that share id and phone, the last one that is visible is told of (gateway manual, message id).
"""

from __future__ import annotations

from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server.lists import HistoryRequest
from smsq.worker.gateway.http.server.statuses import Told
from smsq.worker.sandbox.handset import DELIVERED, HANDED_OVER, NOT_FOUND, WAITING, Handsets, Standing
from smsq.worker.sandbox.lookups import PROBES, Lookups
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.sends import REFUSED_STATUS
from smsq.worker.sandbox.state import Account, Record, money

STOPPED = -2
MAIL = 8  # format number of history
_DELIVERY_ERROR = dict(REFUSED_STATUS.values())


class MessageStatuses:
    """What the gateway shows of messages; changes nothing."""

    def __init__(self, profile: Profile, handsets: Handsets, lookups: Lookups) -> None:
        self.lags: dict[int, float] = {}  # mirror -> seconds by which its view is behind
        self._profile = profile
        self._handsets = handsets
        self._lookups = lookups

    def told(self, account: Account, message_id: int | str, phone: str, now: float, mirror: int) -> Told:
        """The message of this id and phone; status -3 if there is none to be seen."""
        for record, place in account.find(message_id, phone):
            standing = self._standing(record, phone, now, mirror)
            if standing.code != NOT_FOUND:
                return self._tell(record, place, standing)
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
            if record.deleted and place in record.deleted:
                continue
            if request.recipients and phone not in request.recipients:
                continue
            if request.is_mail is not None and request.is_mail != (record.channel == "mail"):
                continue
            standing = self._standing(record, phone, now, mirror)
            if standing.code != NOT_FOUND:
                rows.append(self._tell(record, place, standing))
                if len(rows) >= most:
                    break
        return rows

    def _standing(self, record: Record, phone: str, now: float, mirror: int) -> Standing:
        now -= self.lags.get(mirror, 0.0)
        if now - record.at < self._profile.visible_after_s + record.hidden_s:
            return Standing(NOT_FOUND, 0, 0.0)
        return self.standing(record, phone, now)

    def standing(self, record: Record, phone: str, now: float) -> Standing:
        """The standing of a message, shown or not."""
        if record.code:
            return Standing(record.code, _DELIVERY_ERROR.get(record.code, 0), 0.0)
        if record.is_stopped:
            return Standing(STOPPED, 0, 0.0)
        standing = self._handsets.standing(phone, now - record.at - record.starts_s, record.channel)
        if record.starts_s and standing.code != WAITING:
            standing = standing._replace(after_s=standing.after_s + record.starts_s)
        if standing.code in (WAITING, HANDED_OVER) or record.channel not in PROBES:
            return standing
        code, err = self.verdict(record, phone, standing.code, standing.err)
        return standing._replace(code=code, err=err)

    def verdict(self, record: Record, phone: str, code: int, err: int) -> tuple[int, int]:
        """How a message ends, given how its handset would: a changed number answers a probe as it was told to."""
        return self._lookups.verdict(phone, code, err) if record.channel in PROBES else (code, err)

    def _tell(self, record: Record, place: int, standing: Standing) -> Told:
        recipient, text = record.messages[place]
        is_phone = recipient.isdigit()
        whose = self._lookups.operator(recipient) if is_phone else None
        return Told(
            gateway_id=record.id,
            phone=recipient,
            code=standing.code,
            err=standing.err,
            at=int(record.at + standing.after_s),
            sent_at=int(record.at),
            cost=money(record.cost_at(place)),
            parts=record.parts_at(place),
            sender=record.sender,
            text=text,
            comment=record.comments.get(place, ""),
            int_id=record.first_int_id + place,
            type=CHANNELS[record.channel].type,
            result=self.result(record, place, standing),
            mccmnc=whose.mcc + whose.mnc if whose else "",
            country=whose.country if whose else "",
            operator=whose.operator if whose else "",
            region=whose.region if whose else "",
            format=MAIL if record.channel == "mail" else 0,
        )

    def result(self, record: Record, place: int, standing: Standing) -> dict[str, str] | None:
        """What a look-up or a ping found, once it is over; None for other messages, and before."""
        if record.channel not in PROBES or record.code or standing.code in (WAITING, HANDED_OVER, STOPPED):
            return None
        return self._lookups.result(record.messages[place][0], standing.code == DELIVERED)
