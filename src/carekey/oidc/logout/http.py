"""{issuer}/connect/endSession, /logout and /logout/done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
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
from carekey.oidc.logout import applications
from carekey.oidc.logout.applications import Application, News
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

SHOWN_FOR = timedelta(minutes=10)
"""How long after the end of a session the page says who has been told of it."""
_KEPT = ("client_id", "post_logout_redirect_uri", "state")


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
        return hint is not None and (self.current is None or self.current.person == self.wanted.person)


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
                return await self._end(request, [found.named, found.current], found.wanted, issuer)
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
                return await self._end(request, [found.named, found.current], found.wanted, issuer)
            again = urlencode({name: value for name in _KEPT if (value := fields.get(name))})
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
        return await self._end(request, [found.current], found.wanted, self._issuers[name][0])

    async def done(self, request: Request) -> Response:
        """With parameters it is on the way back to the application: they are checked as they were before."""
        fields, wanted = request.query(), LogoutRequest()
        name = IssuerName(fields.as_dict().get("issuer", ""))
        if name in self._issuers:
            wanted = (await self._find(request, self._issuers[name][0], fields)).wanted
        told = await self._store.read(lambda tx: applications.of(tx, self._just_ended(tx, request), self._by_name()))
        frames = list(dict.fromkeys(one.frame for one in told if one.frame))
        return page(
            request,
            "logout/done.html",
            frame_src=[origin(frame) for frame in frames],
            frames=frames,
            told=_names(told, News.TOLD),
            being_told=_names(told, News.BEING_TOLD),
            unreached=_names(told, News.UNREACHED),
            untold=_names(told, News.UNTOLD),
            back=query.location(_answer(wanted, wanted.return_to)) if wanted.return_to else None,
            application=wanted.client.name if wanted.client else None,
        )

    async def _find(self, request: Request, issuer: Issuer, fields: Fields) -> _Found:
        """Raises: Problem."""
        verifier = self._issuers[issuer.name][1]
        if "id_token_hint" in fields:
            await verifier.refresh(request.site.clock.now())

        def find(tx: TxT) -> _Found:
            wanted = read(fields, issuer, tx.clients.find, lambda hint: id_token_hint.read(hint, verifier, issuer))
            hint = wanted.hint
            named = tx.sessions.get(hint.session) if hint and hint.session else None
            if named is not None and (named.issuer != issuer.name or named.person != wanted.person):
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
        def told(tx: TxT) -> tuple[list[str], list[str]]:
            """Those who learn of it, and those who do not."""
            clients = [
                client
                for session in sessions
                for id in tx.sessions.clients_of(session.id)
                if (client := tx.clients.find(session.issuer, id))
            ]
            told = {one.name for one in clients if one.backchannel_logout_uri or one.frontchannel_logout_uri}
            return sorted(told), sorted({one.name for one in clients} - told)

        will_be_told, untold = await self._store.read(told)
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
            told=will_be_told,
            untold=untold,
            kept={name: value for name, value in kept.items() if value},
            csrf=csrf.token(request.site.csrf_key, self._secrets(request)),
        )

    async def _end(
        self,
        request: Request,
        sessions: Iterable[Session | None],
        wanted: LogoutRequest,
        issuer: Issuer | None = None,
    ) -> Response:
        now, ended = request.site.clock.now(), {session.id: session for session in sessions if session is not None}

        def end(tx: TxT) -> bool:
            """Whether an application is told by way of the browser, which takes a page."""
            for session in ended.values():
                ending.end(tx, session, WhyEnded.LOGGED_OUT, now=now, reference=request.reference)
            return any(one.frame for one in applications.of(tx, ended.values(), self._by_name()))

        in_frames = await self._store.write(end)
        response = _leave(wanted, by_page_of=issuer if in_frames else None)
        cookies, secrets = request.site.cookies, []
        for session in ended.values():
            secret = request.cookies.get(cookies.session(session.issuer))
            if secret is not None and digest(secret) == session.digest:
                cookies.drop(response, cookies.session(session.issuer))
                if cookies.browser_state(session.issuer) in request.cookies:
                    cookies.drop(response, cookies.browser_state(session.issuer))
                secrets.append(secret)
        if secrets:
            # In another tab they may have proven themself, and be about to choose a role.
            for name in cookies.logins(request.cookies):
                cookies.drop(response, name)
            cookies.put(response, cookies.logged_out(), ".".join(secrets), max_age=int(SHOWN_FOR.total_seconds()))
        return response

    def _just_ended(self, tx: TxT, request: Request) -> list[Session]:
        """Of this browser. A form from another site brought no cookie to drop, so the old one may still be there."""
        cookies, now = request.site.cookies, request.site.clock.now()
        secrets = request.cookies.get(cookies.logged_out(), "").split(".", maxsplit=len(self._issuers))
        secrets += [request.cookies.get(cookies.session(name), "") for name in self._issuers]
        found = (tx.sessions.find(digest(secret)) for secret in dict.fromkeys(secrets) if secret)
        return [one for one in found if one and one.ended_at is not None and now - one.ended_at < SHOWN_FOR]

    def _by_name(self) -> dict[IssuerName, Issuer]:
        return {name: issuer for name, (issuer, _) in self._issuers.items()}

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


def _leave(wanted: LogoutRequest, *, by_page_of: Issuer | None = None) -> Response:
    """`by_page_of`: not straight back to the application, since frames have to load first."""
    if wanted.return_to is None:
        return see_other("/logout/done")
    if by_page_of is None:
        return query.respond(_answer(wanted, wanted.return_to))
    values = (wanted.client.id if wanted.client else None, wanted.return_to, wanted.state)
    kept = {name: value for name, value in zip(_KEPT, values, strict=True) if value}
    return see_other(f"/logout/done?{urlencode({'issuer': by_page_of.name, **kept})}")


def _answer(wanted: LogoutRequest, return_to: str) -> Answer:
    state = (("state", wanted.state),) if wanted.state else ()
    return Answer(mode=ResponseMode.QUERY, redirect_uri=return_to, parameters=state)


def _names(told: Iterable[Application], news: News) -> list[str]:
    return list(dict.fromkeys(one.name for one in told if one.news is news))
