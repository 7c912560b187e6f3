"""Logging in to one's own account: a log-in like any other, whose application is CareKey itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from carekey.kernel.assurance import AAL
from carekey.kernel.ids import ClientId
from carekey.login.model import Asked, Issue, Login
from carekey.login.ports import Application
from carekey.sessions.model import Session
from carekey.web.kit import Request, Response, see_other

TxT_contra = TypeVar("TxT_contra", contravariant=True)

ACCOUNT = ClientId("CareKey – account")
"""No client can have this id: theirs are ASCII."""
FRESH = 300
"""Seconds for which a log-in is good for changing one's ways to log in."""
_ACR = {AAL.AAL3: ("AAL3_ANY",), AAL.AAL2: ("AAL2_OR_AAL3_ANY",)}


@dataclass(frozen=True, slots=True)
class Back:
    """Where one goes in the account when the log-in has ended. Always an address that we made ourselves."""

    address: str


def asked(level: AAL, *, fresh: bool) -> Asked:
    return Asked(
        client=ACCOUNT, application="your account", acr=_ACR[max(level, AAL.AAL2)], max_age=FRESH if fresh else None
    )


class WithAccount(Generic[TxT_contra]):
    """A `login.ports.Application`: ours for our own log-ins, the given one for all others."""

    def __init__(self, other: Application[TxT_contra]) -> None:
        self._other = other

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Any:
        if login.asked.client == ACCOUNT:
            return Back(login.request.decode())
        return self._other.issue(tx, login, session, verdict, now=now)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Any:
        return Back("/") if login.asked.client == ACCOUNT else self._other.refuse(tx, login, why, now=now)


def back_to_account(
    other: Callable[[Request, Any], Awaitable[Response]],
) -> Callable[[Request, Any], Awaitable[Response]]:
    async def respond(request: Request, answer: Any) -> Response:
        return see_other(answer.address) if isinstance(answer, Back) else await other(request, answer)

    return respond
