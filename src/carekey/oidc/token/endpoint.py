"""The token endpoint: the phases that every grant goes through.

Authenticate the client, find the grant, and then everything in one transaction: use the assertion up, let the grant
redeem, store the token, record it. The ID token is signed after that transaction has committed: an RSA signature
takes longer than the whole of it, and would hold up every other write. Should signing fail, the code is spent and
the client has to ask the person again; no token is ever out that is not on record.
"""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from carekey.kernel.actor import UNKNOWN
from carekey.kernel.actor import client as client_actor
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.unit_of_work import Store
from carekey.oidc.claims.registry import requested_by_name, tell
from carekey.oidc.client_auth.assertion import plain
from carekey.oidc.client_auth.authenticate import PARAMETERS, Authenticated, ClientAuthentication, presented
from carekey.oidc.errors import (
    InvalidClient,
    InvalidRequest,
    OAuthError,
    Reason,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from carekey.oidc.events import ClientRefused, TokensIssued, TokensRefused
from carekey.oidc.model import Issuer
from carekey.oidc.parameters import check_once
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.token.base import Bought, Denied, GrantType, TokenRequest
from carekey.oidc.tokens import id_token
from carekey.oidc.tokens.signing import Signs
from carekey.web.fields import Fields

_ALWAYS_READ: Final = PARAMETERS | {"grant_type"}


@dataclass(frozen=True, slots=True)
class _Issued:
    bought: Bought
    requested: Mapping[str, Any]


class TokenEndpoint:
    def __init__(
        self,
        *,
        issuer: Issuer,
        store: Store[OidcTx],
        clients: ClientAuthentication,
        grants: Mapping[str, GrantType],
        signer: Signs,
        entropy: Entropy,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clients = clients
        self._grants = grants
        self._signer = signer
        self._entropy = entropy

    async def answer(
        self, fields: Fields, authorization: str | None, *, now: datetime, reference: str
    ) -> dict[str, Any]:
        """The members of a successful response (RFC 6749 section 5.1). Raises: OAuthError, after recording it."""
        authenticated = await self._authenticate(fields, authorization, now, reference)
        try:
            grant_type = self._grant_type(fields, authenticated)
            request = TokenRequest(
                issuer=self._issuer,
                client=authenticated.client,
                fields=fields,
                access_token=token(self._entropy),
                now=now,
                reference=reference,
            )
            # A key that is not to be had is found out before anything is spent.
            await self._signer.refresh(now, alg=request.client.id_token_alg)
            issued = await self._store.write(lambda tx: self._issue(tx, grant_type, request, authenticated))
        except OAuthError as error:
            await self._record_refused(error, authenticated, fields, now, reference)
            raise
        if isinstance(issued, Denied):
            raise issued.error
        return self._response(issued, request)

    async def _authenticate(
        self, fields: Fields, authorization: str | None, now: datetime, reference: str
    ) -> Authenticated:
        claimed = fields.as_dict().get("client_id", "")
        try:
            check_once(fields, _ALWAYS_READ)
            by = presented(fields, authorization)
            claimed = by.client
            return await self._clients.authenticate(by, now=now)
        except OAuthError as error:
            await self.record_stranger(error, claimed=claimed, now=now, reference=reference)
            raise

    def _grant_type(self, fields: Fields, authenticated: Authenticated) -> GrantType:
        name = fields.get("grant_type")
        if name is None:
            raise InvalidRequest("grant_type is missing", reason=Reason.MISSING_PARAMETER)
        grant_type = self._grants.get(name)
        if grant_type is None:
            raise UnsupportedGrantType(reason=Reason.UNKNOWN_GRANT_TYPE)
        lacking = demands(self._issuer, authenticated.client).lacking
        if lacking is not None:
            raise UnauthorizedClient(f"The client's profile needs {lacking}", reason=Reason.PROFILE_LACKS)
        if name not in authenticated.client.grant_types:
            raise UnauthorizedClient(reason=Reason.GRANT_TYPE_NOT_REGISTERED)
        check_once(fields, grant_type.parameters)
        return grant_type

    def _issue(
        self, tx: OidcTx, grant_type: GrantType, request: TokenRequest, authenticated: Authenticated
    ) -> _Issued | Denied:
        authenticated.use_up(tx.assertions)
        bought = grant_type.redeem(tx, request)
        if isinstance(bought, Denied):
            return bought
        tx.access_tokens.put(bought.token)
        grant = bought.grant
        tx.audit.record(
            TokensIssued(
                at=request.now,
                actor=client_actor(request.client.id),
                reference=request.reference,
                issuer=self._issuer.name,
                client=request.client.id,
                grant_type=grant_type.name,
                person=grant.person if grant else "",
                session=grant.session if grant else "",
                scopes=bought.token.scopes,
            )
        )
        return _Issued(bought, self._requested_claims(tx, bought, request))

    def _requested_claims(self, tx: OidcTx, bought: Bought, request: TokenRequest) -> Mapping[str, Any]:
        """What the `claims` parameter wants in the ID token."""
        grant = bought.grant
        if grant is None or not grant.requested_claims:
            return {}
        named = requested_by_name(grant.requested_claims, "id_token", allowed=request.client.scopes)
        person = tx.people.find(grant.person) if named else None
        if person is None:
            return {}
        return tell(tx, person, scopes=(), named=named, role=grant.role, now=request.now)

    def _response(self, issued: _Issued, request: TokenRequest) -> dict[str, Any]:
        access_token, grant = issued.bought.token, issued.bought.grant
        answer: dict[str, Any] = {
            "access_token": request.access_token,
            "token_type": "Bearer",
            # Rounded down, so that no client believes in a token for longer than we do.
            "expires_in": int((access_token.expires_at - request.now).total_seconds()),
            "scope": " ".join(access_token.scopes),
        }
        if grant is None:
            return answer
        alg = request.client.id_token_alg
        claims = id_token.claims(
            grant,
            issuer=self._issuer,
            alg=alg,
            code=issued.bought.code,
            access_token=request.access_token,
            issued_at=request.issued_at,
            requested=issued.requested,
            extras=self._extras(),
        )
        answer["id_token"] = self._signer.sign(claims, alg=alg)
        if grant.authorization_details:
            answer["authorization_details"] = grant.authorization_details
        if self._issuer.product_extras and grant.nonce is not None:
            answer["nonce"] = grant.nonce
        return answer

    def _extras(self) -> id_token.ProductExtras | None:
        if not self._issuer.product_extras:
            return None
        random = self._entropy.bytes(18)
        tracking = uuid.UUID(bytes=random[:16], version=4)
        return id_token.ProductExtras(
            tracking_id=f"{tracking}-{int.from_bytes(random[16:], 'big')}",
            session_operations=token(self._entropy, size=20),
        )

    async def record_stranger(self, error: OAuthError, *, claimed: str, now: datetime, reference: str) -> None:
        """Put on record that somebody who has not proven to be a client was refused."""
        event = ClientRefused(
            at=now,
            actor=UNKNOWN,
            reference=reference,
            issuer=self._issuer.name,
            claimed=claimed if plain(claimed) else "",
            error=error.code,
            reason=error.reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))

    async def _record_refused(
        self, error: OAuthError, authenticated: Authenticated, fields: Fields, now: datetime, reference: str
    ) -> None:
        """Whatever the request had done was undone; that its assertion was used stands."""
        grant_type = fields.as_dict().get("grant_type", "")
        event = TokensRefused(
            at=now,
            actor=client_actor(authenticated.client.id),
            reference=reference,
            issuer=self._issuer.name,
            client=authenticated.client.id,
            grant_type=grant_type if grant_type in self._grants else "",
            error=error.code,
            reason=error.reason,
        )

        def work(tx: OidcTx) -> None:
            with suppress(InvalidClient):
                authenticated.use_up(tx.assertions)
            tx.audit.record(event)

        await self._store.write(work)
