"""Each log-in ends where its request came from: in a code, in the decision that a client waits for, or at a page of ours."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

from carekey.login.model import Issue, Login
from carekey.login.ports import Application
from carekey.oidc.decoupled.deciding import Decided, Decisions, is_encoded
from carekey.oidc.ports import OidcTx
from carekey.sessions.model import Session
from carekey.web.kit import Request, Response, see_other

TxT_contra = TypeVar("TxT_contra", bound=OidcTx, contravariant=True)

Respond = Callable[[Request, Any], Awaitable[Response]]


_PAGE = b"page:"


def page_request(path: str) -> bytes:
    """For `Login.request`: somebody logs in to see a page of ours, and no application learns of it."""
    return _PAGE + path.encode()


class _Page(Generic[TxT_contra]):
    """A `login.ports.Application`: the session is there, and that was all."""

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Decided:  # noqa: ARG002 (the port's)
        return _page_of(login)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Decided:  # noqa: ARG002 (the port's)
        return _page_of(login)


def _page_of(login: Login) -> Decided:
    return Decided(page=login.request.removeprefix(_PAGE).decode())


class Ends(Generic[TxT_contra]):
    """A `login.ports.Application` made of three."""

    def __init__(self, codes: Application[TxT_contra], decisions: Decisions[TxT_contra]) -> None:
        self._codes = codes
        self._decisions = decisions
        self._pages: _Page[TxT_contra] = _Page()

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Any:
        return self._of(login).issue(tx, login, session, verdict, now=now)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Any:
        return self._of(login).refuse(tx, login, why, now=now)

    def _of(self, login: Login) -> Application[TxT_contra]:
        if login.request.startswith(_PAGE):
            return self._pages
        return self._decisions if is_encoded(login.request) else self._codes


def responding(codes: Respond) -> Respond:
    """The answers of both ends, as responses."""

    async def respond(request: Request, answer: Any) -> Response:
        return see_other(answer.page) if isinstance(answer, Decided) else await codes(request, answer)

    return respond
