"""Who has come to their account, and logging in to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from carekey.account.log_in import asked
from carekey.account.ways import Way, fresh, listed
from carekey.authenticators.http import Authenticator
from carekey.authenticators.ports import AuthenticatorTx
from carekey.authenticators.user_code.ports import UserCodeTx
from carekey.directory.model import PersonStatus
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import PersonId
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.login.begin_http import begin
from carekey.login.journey import Journey
from carekey.login.model import Rules
from carekey.login.own_pages import request_for
from carekey.login.ports import LoginTx
from carekey.sessions import lifetime
from carekey.sessions.model import Session
from carekey.web import csrf
from carekey.web.kit import Request, Response


class Tx(LoginTx, AuthenticatorTx, UserCodeTx, Protocol): ...


TxT = TypeVar("TxT", bound=Tx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Whose account it is, and how strongly they have proven it."""

    person: PersonId
    name: str
    secret: str
    session: Session
    level: AAL
    ways: list[Way]


class Visits(Generic[TxT]):
    def __init__(
        self, *, store: Store[TxT], journey: Journey[TxT], rules: Rules, authenticators: Mapping[str, Authenticator]
    ) -> None:
        """`rules`: of the issuer whose sessions count here."""
        self._store = store
        self._journey = journey
        self._rules = rules
        self._authenticators = authenticators

    async def visitor(self, request: Request) -> Visitor | None:
        """Whoever has a session of this issuer that still carries a level, and is active."""
        secret = request.cookies.get(request.site.cookies.session(self._rules.issuer))
        if not secret:
            return None
        now = request.site.clock.now()

        def look(tx: TxT) -> Visitor | None:
            session = tx.sessions.find(digest(secret))
            if session is None or session.issuer != self._rules.issuer or session.ended_at is not None:
                return None
            if session.locked_at is not None:  # the card is out: whoever sits there now may be somebody else
                return None
            level = lifetime.level(session, self._rules.sessions, now=now)
            person = tx.people.find(session.person)
            if level is None or level < AAL.AAL2 or person is None or person.status is not PersonStatus.ACTIVE:
                return None
            return Visitor(
                person=session.person,
                name=person.name,
                secret=secret,
                session=session,
                level=level,
                ways=listed(tx.credentials.held_by(session.person), self._authenticators),
            )

        return await self._store.read(look)

    async def log_in(self, request: Request, back: str, *, level: AAL = AAL.AAL2, fresh: bool = False) -> Response:
        wanted = request_for(back, otherwise="/")
        return await begin(request, self._store, self._journey, self._rules.issuer, asked(level, fresh=fresh), wanted)


def is_fresh(request: Request, visitor: Visitor, needed: AAL) -> bool:
    return fresh(visitor.session, visitor.level, needed, now=request.site.clock.now())


def csrf_token(request: Request, visitor: Visitor) -> str:
    return csrf.token(request.site.csrf_key, visitor.secret)
