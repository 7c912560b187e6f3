"""Each log-in ends where its request came from: in a code, or in the decision that a client waits for."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from carekey.login.model import Issue, Login
from carekey.login.own_pages import Respond
from carekey.login.ports import Application
from carekey.oidc.decoupled.deciding import Decided, Decisions, is_encoded
from carekey.oidc.ports import OidcTx
from carekey.sessions.model import Session
from carekey.web.kit import Request, Response, see_other

TxT_contra = TypeVar("TxT_contra", bound=OidcTx, contravariant=True)


class Ends(Generic[TxT_contra]):
    """A `login.ports.Application` made of two."""

    def __init__(self, codes: Application[TxT_contra], decisions: Decisions[TxT_contra]) -> None:
        self._codes = codes
        self._decisions = decisions

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Any:
        return self._of(login).issue(tx, login, session, verdict, now=now)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Any:
        return self._of(login).refuse(tx, login, why, now=now)

    def stopped(self, tx: TxT_contra, login: Login) -> bool:
        return self._of(login).stopped(tx, login)

    def _of(self, login: Login) -> Application[TxT_contra]:
        return self._decisions if is_encoded(login.request) else self._codes


def responding(codes: Respond) -> Respond:
    """The answers of both ends, as responses."""

    async def respond(request: Request, answer: Any) -> Response:
        return see_other(answer.page) if isinstance(answer, Decided) else await codes(request, answer)

    return respond
