"""GET and POST {issuer}/authorize."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from carekey.kernel import actor
from carekey.kernel.unit_of_work import Store
from carekey.login.begin_http import begin
from carekey.login.held_session import SessionGone
from carekey.login.http import switched_off, visitor
from carekey.login.journey import Journey
from carekey.login.model import Asked, Issue
from carekey.login.policy import SoFar, Step, next_step, without_pages
from carekey.login.ports import LoginTx
from carekey.oidc import endpoints, id_token_hint
from carekey.oidc.authorize import pushed
from carekey.oidc.authorize import request as requests
from carekey.oidc.authorize.arrival import RequestObjects
from carekey.oidc.authorize.authorization_details import DetailTypes
from carekey.oidc.authorize.errors import Reason, Unreturnable
from carekey.oidc.authorize.events import AuthorizationRefused
from carekey.oidc.authorize.issue import CodeIssuer, encode, refused
from carekey.oidc.authorize.parameters import SIGNED, Arrival
from carekey.oidc.authorize.request import Sender
from carekey.oidc.authorize.response import Answer, failure
from carekey.oidc.errors import InvalidRequest, OAuthError
from carekey.oidc.id_token_hint import Verifier
from carekey.oidc.model import AuthorizationRequest, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.tokens.sealing import Sealer
from carekey.web.fields import Fields, MalformedFields
from carekey.web.kit import Request, Response, Route
from carekey.web.problem import Problem


class AuthorizeTx(OidcTx, LoginTx, Protocol):
    """What the authorization endpoint sees of a transaction."""


TxT = TypeVar("TxT", bound=AuthorizeTx)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    to: Sender
    error: OAuthError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    to: Sender
    request: AuthorizationRequest
    asked: Asked
    so_far: SoFar
    step: Step


class Authorize(Generic[TxT]):
    """The authorization endpoint of one issuer."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        store: Store[TxT],
        journey: Journey[TxT],
        codes: CodeIssuer[TxT],
        scopes: Collection[str],
        details: DetailTypes,
        verifier: Verifier,
        objects: RequestObjects,
        sealer: Sealer,
        respond: Callable[[Request, Answer], Awaitable[Response]],
    ) -> None:
        """`scopes` and `details`: those that there are. `verifier`: the issuer's keys, for `id_token_hint`."""
        self._issuer = issuer
        self._store = store
        self._journey = journey
        self._codes = codes
        self._scopes = frozenset(scopes)
        self._details = details
        self._verifier = verifier
        self._objects = objects
        self._sealer = sealer
        self._respond = respond

    def routes(self) -> list[Route]:
        return [Route(endpoints.path(self._issuer, endpoints.AUTHORIZE), {"GET": self.get, "POST": self.post})]

    async def get(self, request: Request) -> Response:
        """With a session that suffices, straight to the answer: one read, one write, no log-in."""
        if len(request.scope["query_string"]) > requests.QUERY_LIMIT:
            raise await self._unreturnable(request, Unreturnable(Reason.TOO_LARGE))
        try:
            fields = request.query()
        except MalformedFields:
            raise await self._unreturnable(request, Unreturnable(Reason.MALFORMED)) from None
        arrival = await self._arrive(request, fields)
        if isinstance(arrival, _Refused):
            return await self._refuse(request, arrival.to, arrival.error)
        return await self._go_on(request, arrival)

    async def _go_on(self, request: Request, arrival: Arrival) -> Response:
        found = await self._look(request, arrival)
        if isinstance(found, _Refused):
            return await self._refuse(request, found.to, found.error)
        if isinstance(found.step, Issue):
            return await self._reuse(request, arrival, found, found.step)
        if found.asked.silent and (why := without_pages(found.step)):
            return await self._refuse(request, found.to, refused(why))
        return await self._begin(request, found, step=found.step)

    async def post(self, request: Request) -> Response:
        """Our cookies do not come with another site's form, so what session there is shows only at /login/{id}."""
        try:
            fields = await request.form()
        except MalformedFields:
            raise await self._unreturnable(request, Unreturnable(Reason.MALFORMED)) from None
        except Problem as problem:  # the kit's own: it was sent too much, or too slowly
            reason = Reason.TOO_SLOW if problem.status == 408 else Reason.TOO_LARGE
            await self._record(request, client="", error="invalid_request", reason=reason)
            raise
        arrival = await self._arrive(request, fields)
        if isinstance(arrival, _Refused):
            return await self._refuse(request, arrival.to, arrival.error)
        found = await self._look(request, arrival)
        if isinstance(found, _Refused):
            return await self._refuse(request, found.to, found.error)
        return await self._begin(request, found)

    async def _arrive(self, request: Request, fields: Fields) -> Arrival | _Refused:
        """The parameters, from wherever they are. Raises: Problem."""
        if "request" not in fields and "request_uri" not in fields:
            return Arrival(fields=fields)
        try:
            return await self._referred(request, fields)
        except Unreturnable as error:
            raise await self._unreturnable(request, error) from None

    async def _referred(self, request: Request, fields: Fields) -> Arrival | _Refused:
        """Raises: Unreturnable."""
        issuer, now = self._issuer, request.site.clock.now()
        id, uri, text = (requests.proving(fields, name) for name in ("client_id", "request_uri", "request"))
        if uri is None and text is None:
            return Arrival(fields=fields)
        if uri is not None and text is None and pushed.is_pushed(uri):
            taken = await self._store.write(lambda tx: pushed.take(tx, uri, issuer, client=id, now=now))
            return Arrival(fields=Fields.of(taken.parameters), pushed=True, signed=taken.signed)
        client = await self._store.read(lambda tx: requests.registered(id, issuer, tx.clients.find))
        try:
            if text is None:
                return await self._objects.fetch(uri or "", client, now=now)
            if uri is not None:
                raise InvalidRequest("request and request_uri exclude each other", reason=Reason.OBJECT_AND_URI)
            return await self._objects.open(text, client, now=now)
        except OAuthError as error:
            refusal = error
        return await self._store.read(lambda tx: self._unbelieved(tx, fields, refusal))

    def _unbelieved(self, tx: TxT, fields: Fields, error: OAuthError) -> _Refused:
        """Nothing in the object counts, so the way back can only be what stands beside it. Raises: Unreturnable."""
        try:
            return _Refused(to=requests.sender(fields, self._issuer, tx.clients.find), error=error)
        except Unreturnable as nowhere:
            raise Unreturnable(error.reason, client=nowhere.client) from None

    async def _look(self, request: Request, arrival: Arrival) -> _Refused | _Wanted:
        """Raises: Problem."""
        issuer, now, by, fields = self._issuer, request.site.clock.now(), visitor(request), arrival.fields
        if "id_token_hint" in fields:
            await self._verifier.refresh(now)

        def look(tx: TxT) -> _Refused | _Wanted:
            to = requests.sender(fields, issuer, tx.clients.find)
            try:
                wanted, asked = requests.read(
                    arrival,
                    to,
                    issuer,
                    supported=self._scopes,
                    details=self._details,
                    hinted=lambda hint: id_token_hint.read(hint, self._verifier, issuer),
                )
            except OAuthError as error:
                return _Refused(to=to, error=error)
            so_far = self._journey.facts(tx, issuer.name, asked, by, now=now)
            step = next_step(asked, so_far, now=now)
            return _Wanted(to=to, request=wanted, asked=asked, so_far=so_far, step=step)

        try:
            found = await self._store.read(look)
            return found if isinstance(found, _Refused) else await self._tellable(found, now)
        except Unreturnable as error:
            raise await self._unreturnable(request, error) from None

    async def _tellable(self, found: _Wanted, now: datetime) -> _Refused | _Wanted:
        """Before anybody logs in: what the client wants encrypted, and has no key for, it could not be told afterwards.

        Raises: Unreturnable, if that is the answer itself, which is not sent in the clear (JARM section 2.2)."""
        client, request = found.to.client, found.request
        try:
            if request.response_mode in SIGNED:
                await self._sealer.to(client, client.response_encryption, now=now)
        except InvalidRequest as error:
            raise Unreturnable(error.reason, client=client.id) from None
        try:
            await self._sealer.check(client, request.scopes, now=now)
        except InvalidRequest as error:
            return _Refused(to=found.to, error=error)
        return found

    async def _reuse(self, request: Request, arrival: Arrival, found: _Wanted, verdict: Issue) -> Response:
        now = request.site.clock.now()

        def reuse(tx: TxT) -> Answer:
            session = self._journey.sessions.reuse(
                tx, self._issuer.name, found.asked, found.so_far, verdict, reference=request.reference, now=now
            )
            return self._codes.grant(tx, self._issuer.name, found.request, session, verdict, now=now)

        try:
            answer = await self._store.write(reuse)
        except SessionGone:  # a log out was faster; the next look sees that
            return await self._go_on(request, arrival)
        return await self._respond(request, answer)

    async def _begin(self, request: Request, found: _Wanted, *, step: Step | None = None) -> Response:
        issuer, protocol = self._issuer.name, encode(found.request)
        return await begin(request, self._store, self._journey, issuer, found.asked, protocol, step=step)

    async def _refuse(self, request: Request, to: Sender, error: OAuthError) -> Response:
        await self._record(request, client=to.client.id, error=error.code, reason=error.reason)
        return await self._respond(request, failure(to, self._issuer, error))

    async def _unreturnable(self, request: Request, error: Unreturnable) -> Problem:
        await self._record(request, client=error.client, error="invalid_request", reason=error.reason)
        now = request.site.clock.now()
        detail = (
            ("Error", error.reason),
            *((("Application", error.client),) if error.client else ()),
            ("Time", now.isoformat(timespec="seconds")),
        )
        if error.switched_off:
            return switched_off(error.switched_off, detail=detail, status=400)
        return Problem(
            status=400,
            heading="There is a problem with the application that sent you here",
            what_to_do=(
                "Nothing is wrong with your account, and you were not logged in.",
                "Tell the support of the application what stands under “Technical information”, and your reference code.",
            ),
            detail=detail,
        )

    async def _record(self, request: Request, *, client: str, error: str, reason: str) -> None:
        event = AuthorizationRefused(
            at=request.site.clock.now(),
            actor=actor.UNKNOWN,  # the browser's word alone: anybody can send it in a client's name
            reference=request.reference,
            issuer=self._issuer.name,
            client=client,
            error=error,
            reason=reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))
