"""{issuer}/connect/endSession, /logout and /logout/done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from carekey.kernel import actor
from carekey.kernel.ids import IssuerName
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.oidc import endpoints, id_token_hint
from carekey.oidc.authorize.errors import Reason, Unreturnable
from carekey.oidc.authorize.modes import query
from carekey.oidc.authorize.request import origin
from carekey.oidc.authorize.response import Answer
from carekey.oidc.id_token_hint import Verifier
from carekey.oidc.logout.events import LogoutRefused
from carekey.oidc.logout.request import LogoutRequest, read
from carekey.oidc.model import Issuer, ResponseMode
from carekey.oidc.ports import OidcTx
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded
from carekey.sessions.model import Session
from carekey.web import csrf
from carekey.web.fields import Fields, MalformedFields
from carekey.web.kit import Handler, Request, Response, Route, get, page, see_other
from carekey.web.problem import Problem

TxT = TypeVar("TxT", bound=OidcTx)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    wanted: LogoutRequest
    current: Session | None
    """That of this browser."""
    named: Session | None
    """That of the hint."""

    @property
    def unasked(self) -> bool:
        """Whether to end it without asking: an ID token of this very person says that the application, and not
        some other page, sent them."""
        hint = self.wanted.hint
        return hint is not None and (self.current is None or self.current.person == hint.person)


class LogOut(Generic[TxT]):
    def __init__(self, *, issuers: Iterable[tuple[Issuer, Verifier]], store: Store[TxT]) -> None:
        self._issuers = {issuer.name: (issuer, verifier) for issuer, verifier in issuers}
        self._store = store

    def routes(self) -> list[Route]:
        return [
            *(
                Route(endpoints.path(issuer, endpoints.END_SESSION), self._end_session(issuer))
                for issuer, _ in self._issuers.values()
            ),
            Route("/logout", {"GET": self.ask, "POST": self.log_out}),
            get("/logout/done", self.done),
        ]

    def _end_session(self, issuer: Issuer) -> Mapping[str, Handler]:
        async def by_get(request: Request) -> Response:
            try:
                fields = request.query()
            except MalformedFields:
                raise await self._unreturnable(request, issuer, Unreturnable(Reason.MALFORMED)) from None
            found = await self._find(request, issuer, fields)
            if found.unasked:
                return await self._end(request, [found.named, found.current], found.wanted)
            if found.current is not None:
                return await self._confirm(request, [found.current], found.wanted)
            return _leave(found.wanted)

        async def by_post(request: Request) -> Response:
            """Our cookies do not come with another site's form: without a hint, look again by GET."""
            try:
                fields = await request.form()
            except MalformedFields:
                raise await self._unreturnable(request, issuer, Unreturnable(Reason.MALFORMED)) from None
            found = await self._find(request, issuer, fields)
            if found.unasked:
                return await self._end(request, [found.named, found.current], found.wanted)
            kept = ("client_id", "post_logout_redirect_uri", "state")
            again = urlencode({name: value for name in kept if (value := fields.get(name))})
            return see_other(f"{endpoints.path(issuer, endpoints.END_SESSION)}?{again}")

        return {"GET": by_get, "POST": by_post}

    async def ask(self, request: Request) -> Response:
        sessions = await self._store.read(lambda tx: self._live(tx, request))
        return await self._confirm(request, sessions, LogoutRequest()) if sessions else see_other("/logout/done")

    async def log_out(self, request: Request) -> Response:
        bound_to = self._secrets(request)
        if not bound_to:
            return see_other("/logout/done")
        fields = await request.own_form(bound_to)
        name = IssuerName(fields.as_dict().get("issuer", ""))
        if name not in self._issuers:
            return await self._end(request, await self._store.read(lambda tx: self._live(tx, request)), LogoutRequest())
        found = await self._find(request, self._issuers[name][0], fields)
        return await self._end(request, [found.current], found.wanted)

    async def done(self, request: Request) -> Response:
        return page(request, "logout/done.html")

    async def _find(self, request: Request, issuer: Issuer, fields: Fields) -> _Found:
        """Raises: Problem."""
        verifier = self._issuers[issuer.name][1]
        if "id_token_hint" in fields:
            await verifier.refresh(request.site.clock.now())

        def find(tx: TxT) -> _Found:
            wanted = read(fields, issuer, tx.clients.find, lambda hint: id_token_hint.read(hint, verifier, issuer))
            hint = wanted.hint
            named = tx.sessions.get(hint.session) if hint and hint.session else None
            if named is not None and (named.issuer != issuer.name or not hint or named.person != hint.person):
                named = None
            return _Found(wanted=wanted, current=self._current(tx, request, issuer.name), named=named)

        try:
            return await self._store.read(find)
        except Unreturnable as error:
            raise await self._unreturnable(request, issuer, error) from None

    async def _unreturnable(self, request: Request, issuer: Issuer, error: Unreturnable) -> Problem:
        event = LogoutRefused(
            at=request.site.clock.now(),
            actor=actor.UNKNOWN,
            reference=request.reference,
            issuer=issuer.name,
            client=error.client,
            reason=error.reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))
        return Problem(
            status=400,
            heading="There is a problem with the application that sent you here",
            what_to_do=(
                "You are not logged out yet.",
                "Tell the support of the application what stands under “Technical information”.",
            ),
            detail=(("Error", error.reason), *((("Application", error.client),) if error.client else ())),
            back=("/logout", "Log out"),
        )

    async def _confirm(self, request: Request, sessions: list[Session], wanted: LogoutRequest) -> Response:
        def names(tx: TxT) -> list[str]:
            clients = [
                tx.clients.find(session.issuer, id) for session in sessions for id in tx.sessions.clients_of(session.id)
            ]
            return sorted({client.name for client in clients if client is not None})

        kept = {
            "issuer": sessions[0].issuer if len(sessions) == 1 else None,
            "client_id": wanted.client.id if wanted.client else None,
            "post_logout_redirect_uri": wanted.return_to,
            "state": wanted.state,
        }
        return page(
            request,
            "logout/ask.html",
            form_action=(origin(wanted.return_to),) if wanted.return_to else (),
            applications=await self._store.read(names),
            kept={name: value for name, value in kept.items() if value},
            csrf=csrf.token(request.site.csrf_key, self._secrets(request)),
        )

    async def _end(self, request: Request, sessions: Iterable[Session | None], wanted: LogoutRequest) -> Response:
        now, ended = request.site.clock.now(), {session.id: session for session in sessions if session is not None}

        def end(tx: TxT) -> None:
            for session in ended.values():
                ending.end(tx, session, WhyEnded.LOGGED_OUT, now=now, reference=request.reference)

        await self._store.write(end)
        response = _leave(wanted)
        cookies = request.site.cookies
        for session in ended.values():
            secret = request.cookies.get(cookies.session(session.issuer))
            if secret is not None and digest(secret) == session.digest:
                cookies.drop(response, cookies.session(session.issuer))
        return response

    def _current(self, tx: TxT, request: Request, issuer: IssuerName) -> Session | None:
        secret = request.cookies.get(request.site.cookies.session(issuer))
        session = tx.sessions.find(digest(secret)) if secret else None
        return session if session and session.issuer == issuer and session.ended_at is None else None

    def _live(self, tx: TxT, request: Request) -> list[Session]:
        found = (self._current(tx, request, name) for name in self._issuers)
        return [session for session in found if session is not None]

    def _secrets(self, request: Request) -> str:
        """What a form is bound to: every session of this browser."""
        names = (request.site.cookies.session(name) for name in self._issuers)
        return ".".join(secret for name in names if (secret := request.cookies.get(name)))


def _leave(wanted: LogoutRequest) -> Response:
    if wanted.return_to is None:
        return see_other("/logout/done")
    state = (("state", wanted.state),) if wanted.state else ()
    return query.respond(Answer(mode=ResponseMode.QUERY, redirect_uri=wanted.return_to, parameters=state))
