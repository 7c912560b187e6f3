"""A small world for an authenticator's pages: attempts, a clock that stands still, a browser."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import httpx2

from carekey.authenticators.base import Attempt, Verified
from carekey.authenticators.http import Authenticator
from carekey.authenticators.ports import AuthenticatorTx
from carekey.kernel.assurance import AAL
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import IssuerName, LoginId, PersonId
from carekey.kernel.secret import Secret
from carekey.kernel.unit_of_work import Store
from carekey.web import csrf
from carekey.web.cookies import Cookies
from carekey.web.dispatcher import Dispatcher
from carekey.web.kit import Route, Site
from carekey.web.templating import Pages
from carekey.web.zones import Zones

ORIGIN = "http://localhost:8000"
CSRF_KEY = b"k" * 32
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

TxT = TypeVar("TxT", bound=AuthenticatorTx)


@dataclass(slots=True)
class FixedClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, time: timedelta) -> None:
        self.moment += time


@dataclass(slots=True)
class OpenAttempts(Generic[TxT]):
    """An `authenticators.ports.Attempts` that keeps what was concluded."""

    open: dict[LoginId, Attempt] = field(default_factory=dict)
    concluded: list[tuple[LoginId, Verified]] = field(default_factory=list)
    ways: frozenset[str] | None = None
    """Those that are allowed; None for any."""

    def begin(
        self,
        id: str = "login-1",
        *,
        person: PersonId | None = None,
        levels: Iterable[AAL] = frozenset(AAL),
    ) -> LoginId:
        login = LoginId(id)
        self.open[login] = Attempt(
            id=login,
            issuer=IssuerName("healthcare"),
            application="Ward List",
            reference="ABCD2345",
            person=person,
            levels=frozenset(levels),
            csrf=csrf.token(CSRF_KEY, secret_of(login)),
        )
        return login

    def find(
        self, tx: TxT, id: LoginId, *, browser: Secret | None, way: str, zone: str, now: datetime
    ) -> Attempt | None:
        attempt = self.open.get(id)
        allowed = self.ways is None or way in self.ways
        return attempt if allowed and browser is not None and browser.reveal() == secret_of(id) else None

    def conclude(self, tx: TxT, attempt: Attempt, proof: Verified) -> None:
        self.concluded.append((attempt.id, proof))

    def end(self, id: LoginId) -> None:
        del self.open[id]


def secret_of(id: LoginId) -> str:
    return f"secret-of-{id}"


def site(clock: FixedClock, templates: Mapping[str, Any], *, origin: str = ORIGIN) -> Site:
    return Site(
        origins=frozenset({origin}),
        secure=False,
        csrf_key=CSRF_KEY,
        cookies=Cookies(secure=False, port=8000),
        zones=Zones({}),
        pages=Pages(templates, service="CareKey", banner="Sandbox: no real people or records"),
        clock=clock,
        entropy=SystemEntropy(),
    )


class World(Generic[TxT]):
    """One authenticator behind its routes, with a browser that holds the cookie of every log-in it began."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        store: Store[TxT],
        attempts: OpenAttempts[TxT],
        clock: FixedClock,
        templates: Mapping[str, Any] | None = None,
        routes: Sequence[Route] = (),
        origin: str = ORIGIN,
    ) -> None:
        self.authenticator = authenticator
        self.store = store
        self.attempts = attempts
        self.clock = clock
        self.origin = origin
        self.site = site(clock, {**authenticator.templates, **(templates or {})}, origin=origin)
        self.app = Dispatcher([*authenticator.routes(), *routes], self.site)
        self.browser = self.new_browser()

    def new_browser(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app)
        return httpx2.AsyncClient(transport=transport, base_url=self.origin, headers={"origin": self.origin})

    def begin(self, id: str = "login-1", **how: Any) -> LoginId:
        login = self.attempts.begin(id, **how)
        self.browser.cookies.set(self.site.cookies.login(login), secret_of(login))
        return login

    def csrf(self, login: LoginId) -> str:
        return csrf.token(CSRF_KEY, secret_of(login))

    def ask_for(self, login: LoginId, person: PersonId) -> None:
        """From now on only this person may prove themself there."""
        self.attempts.open[login] = replace(self.attempts.open[login], person=person)

    async def refusals(self) -> list[str]:
        """Reasons of the refusals on record."""
        rows = await self.store.read(lambda tx: list(tx.audit.search(limit=1000)))  # type: ignore[attr-defined] # AuditTx
        return [str(row.data["reason"]) for row in rows if row.refusal and "reason" in row.data]
