"""Tries a log-in once, before there is a ledger: for `smsq init`. It asks for the balance, which costs nothing.

Everything else asks by permits that are kept in the ledger; this is one question of a person, and it is never repeated:
the gateway blocks an address after many refused log-ins.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadCredentials, Refused, SmsqError, Unknown, Unreachable
from smsq.worker.gateway.http import BALANCE_PATH, client_forms
from smsq.worker.gateway.http.client_replies import BalanceAnswer, read_balance
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.numbers import BAD_LOGIN
from smsq.worker.transports.http import HttpTransport


def try_login(
    mirrors: Sequence[str], login: Login, *, connect_timeout_s: float, read_timeout_s: float
) -> BalanceAnswer:
    """The balance, from the first mirror that takes a connection.

    Raises BadCredentials for a refused log-in, Refused for another error, Unreachable if no mirror takes connections,
    and SmsqError for an answer that did not come or cannot be read.
    """
    transport = HttpTransport(connect_timeout_s, login=login, silence_s=read_timeout_s, clock=Clock())
    try:
        for mirror in mirrors:
            try:
                line = transport.open(mirror)
            except Unreachable:
                continue
            try:
                reply = line.say(BALANCE_PATH, client_forms.balance(login), read_timeout_s)
            except (Unknown, Unreachable) as error:
                raise SmsqError(f"{mirror} gave no complete answer: {error.sentence}") from None
            finally:
                line.done(keep=False)
            return _read(mirror, read_balance(reply.status, reply.body))
    finally:
        transport.close()
    raise Unreachable(f"none of {', '.join(mirrors)} takes connections: check the network, the proxy and the firewall")


def _read(mirror: str, answer: BalanceAnswer) -> BalanceAnswer:
    if answer.error == BAD_LOGIN:
        raise BadCredentials(
            "the gateway refuses this log-in: the log-in, the password or the key is wrong, or the account does not "
            "allow this machine's address",
            code=BAD_LOGIN,
        )
    if answer.error is not None:
        raise Refused(f"the gateway answers with error {answer.error}: {answer.sentence}", code=answer.error)
    if answer.balance is None:
        raise SmsqError(f"the gateway at {mirror} gave no answer that can be read: {answer.sentence}")
    return answer
