"""Logging in to see a page of ours: a log-in like any other, whose application is CareKey itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from carekey.login.model import Issue, Login
from carekey.login.ports import Application
from carekey.sessions.model import Session
from carekey.web.kit import Request, Response, see_other

TxT_contra = TypeVar("TxT_contra", contravariant=True)

_PREFIX = b"page:"
_addresses = msgspec.json.Decoder(tuple[str, str])


def request_for(page: str, *, otherwise: str) -> bytes:
    """For `Login.request`. `otherwise`: where one goes who does not log in. Both are addresses that we made ourselves."""
    return _PREFIX + msgspec.json.encode((page, otherwise))


@dataclass(frozen=True, slots=True)
class OwnPage:
    """Where one goes when such a log-in has ended."""

    address: str


class WithOwnPages(Generic[TxT_contra]):
    """A `login.ports.Application`: ours for log-ins to our own pages, the given one for all others."""

    def __init__(self, other: Application[TxT_contra]) -> None:
        self._other = other

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Any:
        if login.request.startswith(_PREFIX):
            return OwnPage(_of(login)[0])
        return self._other.issue(tx, login, session, verdict, now=now)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Any:
        if login.request.startswith(_PREFIX):
            return OwnPage(_of(login)[1])
        return self._other.refuse(tx, login, why, now=now)

    def stopped(self, tx: TxT_contra, login: Login) -> bool:
        return not login.request.startswith(_PREFIX) and self._other.stopped(tx, login)


def _of(login: Login) -> tuple[str, str]:
    return _addresses.decode(login.request.removeprefix(_PREFIX))


Respond = Callable[[Request, Any], Awaitable[Response]]


def responding(other: Respond) -> Respond:
    async def respond(request: Request, answer: Any) -> Response:
        return see_other(answer.address) if isinstance(answer, OwnPage) else await other(request, answer)

    return respond
