"""GET and POST {issuer}/userinfo (OpenID Connect Core section 5.3; RFC 6750; cis2-profile section 3). It reads only;
a refusal is put on record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from carekey.directory.model import PersonStatus
from carekey.jose.algorithms import SIGNING
from carekey.kernel.actor import UNKNOWN
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.oidc import endpoints, subject
from carekey.oidc.claims.registry import requested_by_name, tell
from carekey.oidc.errors import InsufficientScope, InvalidRequest, InvalidToken, OAuthError, Reason
from carekey.oidc.events import UserinfoRefused
from carekey.oidc.http import RawHeader, answer, for_clients, json_answer, read_form, sent
from carekey.oidc.model import Client, Issuer
from carekey.oidc.parameters import check_once
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import PROFILES, demands
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import BEARER, DPOP, SenderConstraints, Shown, check_token
from carekey.oidc.tokens.signing import Signs
from carekey.web.headers import NO_STORE
from carekey.web.kit import Request, Route


@dataclass(frozen=True, slots=True)
class _Told:
    claims: dict[str, Any]
    client: Client


class UserinfoHttp:
    def __init__(
        self, *, issuer: Issuer, store: Store[OidcTx], signer: Signs, constraints: SenderConstraints, sealer: Sealer
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._signer = signer
        self._constraints = constraints
        self._sealer = sealer
        self._algs = PROFILES[issuer.profile].algs

    def routes(self) -> list[Route]:
        handler = for_clients(self._userinfo, self._challenge)
        return [Route(endpoints.path(self._issuer, endpoints.USERINFO), {"GET": handler, "POST": handler})]

    def _challenge(self, request: Request, error: OAuthError) -> Iterable[RawHeader]:
        """RFC 6750 section 3; RFC 9449 section 7.1. Who sent no token is told no error code."""
        if error.status >= 500:
            return
        dpop = f'DPoP realm="carekey", algs="{" ".join(name for name in SIGNING if name in self._algs)}"'
        bearer = 'Bearer realm="carekey"'
        if error.reason is Reason.NO_TOKEN:
            both: tuple[str, ...] = (bearer, dpop)
        else:
            tried = request.headers.get("authorization", "").partition(" ")[0].lower()
            what = f', error="{error.code}", error_description="{error.description}"'
            scope = ', scope="openid"' if isinstance(error, InsufficientScope) else ""
            # A token that is bound to a key and comes as a bearer token is told how it should have come.
            other = (dpop,) if error.reason is Reason.NOT_THE_SENDER else ()
            both = (dpop + what + scope,) if tried == DPOP.lower() else (bearer + what + scope, *other)
        for value in both:
            yield b"www-authenticate", value.encode("latin-1", "replace")

    async def _userinfo(self, request: Request) -> Response:
        now = request.site.clock.now()
        try:
            scheme, token = await _presented(request)
            shown = self._shown(request, scheme, token, now)
            key = digest(token)
            # Nothing is written where no proof is to be used up.
            do = self._store.write if shown.using_up else self._store.read
            told = await do(lambda tx: self._tell(tx, key, shown, now))
        except OAuthError as error:
            await self._record(error, now, request.reference)
            raise
        alg, wanted = told.client.userinfo_alg, told.client.userinfo_encryption
        if alg is None and wanted is None:
            return json_answer(told.claims)
        if alg is None:  # encrypted alone (OpenID Connect Core section 5.3.2)
            text = msgspec.json.encode(told.claims).decode()
        else:
            await self._signer.refresh(now, alg=alg)
            # CIS2's signed form has no `aud` (cis2-profile section 2.13).
            text = self._signer.sign({"iss": self._issuer.url, **told.claims}, alg=alg)
        text = (await self._sealer.to(told.client, wanted, now=now))(text, signed=alg is not None)
        return answer(text.encode("ascii"), content_type=_JWT, headers=(NO_STORE,))

    def _shown(self, request: Request, scheme: str, token: str, now: datetime) -> Shown:
        """Raises: OAuthError."""
        here = sent(request, endpoints.address(self._issuer, endpoints.USERINFO), scheme=scheme, access_token=token)
        return self._constraints.shown(here, algs=self._algs, now=now)

    def _tell(self, tx: OidcTx, key: bytes, shown: Shown, now: datetime) -> _Told:
        shown.use_up(tx)
        token = tx.access_tokens.find(key)
        if token is None:
            raise InvalidToken(reason=Reason.UNKNOWN_TOKEN)
        if token.issuer != self._issuer.name:
            raise InvalidToken(reason=Reason.TOKEN_OF_ANOTHER_ISSUER)
        if token.expires_at <= now:
            raise InvalidToken(reason=Reason.TOKEN_EXPIRED)
        check_token(token.confirmation, shown)
        if token.audience is not None:
            raise InvalidToken(reason=Reason.TOKEN_FOR_ANOTHER_AUDIENCE)
        if token.person is None or "openid" not in token.scopes:
            raise InsufficientScope(reason=Reason.NO_OPENID_SCOPE)
        client = tx.clients.find(token.issuer, token.client)
        if client is None or not client.honours(token.issued_at):
            raise InvalidToken(reason=Reason.DISABLED_CLIENT)
        if not shown.algs <= demands(self._issuer, client).algs:
            raise InvalidToken(reason=Reason.DPOP_ALG)
        person = tx.people.find(token.person)
        if person is None or person.status is not PersonStatus.ACTIVE:
            raise InvalidToken(reason=Reason.PERSON_NOT_ACTIVE)
        named = requested_by_name(token.requested_claims, "userinfo", allowed=client.scopes)
        claims = tell(tx, person, scopes=token.scopes, named=named, role=token.role, now=now)
        return _Told({"sub": subject.of(person.id, client, self._issuer), **claims}, client)

    async def _record(self, error: OAuthError, now: datetime, reference: str) -> None:
        event = UserinfoRefused(
            at=now,
            actor=UNKNOWN,
            reference=reference,
            issuer=self._issuer.name,
            error=error.code,
            reason=error.reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))


_JWT: RawHeader = (b"content-type", b"application/jwt")


async def _presented(request: Request) -> tuple[str, str]:
    """Scheme and token from the Authorization header (RFC 6750 section 2.1; RFC 9449 section 7.1), or a bearer token
    from a form (RFC 6750 section 2.2); never from the address.

    Raises: InvalidToken, InvalidRequest.
    """
    header = request.headers.get("authorization")
    scheme, _, token = (header or "").partition(" ")
    in_header = token.strip() if scheme.lower() in {"bearer", "dpop"} else None
    in_form = None
    if request.method == "POST" and _is_form(request.headers):
        fields = await read_form(request)
        check_once(fields, ("access_token",))
        in_form = fields.get("access_token")
    if in_header and in_form:
        raise InvalidRequest("More than one access token", reason=Reason.SEVERAL_TOKENS)
    found = in_header or in_form
    if not found:
        raise InvalidToken(reason=Reason.NO_TOKEN)
    return (scheme if in_header else BEARER), found


def _is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")
