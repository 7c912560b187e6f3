"""The token endpoint: the phases that every grant goes through.

Authenticate the client, find the grant, and then everything in one transaction: use the assertion up, let the grant
redeem, store the token, record it. The ID token is signed after that transaction has committed: an RSA signature
takes longer than the whole of it, and would hold up every other write. Should signing fail, the code is spent and
the client has to ask the person again; no token is ever out that is not on record.
"""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from carekey.kernel.actor import client as client_actor
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.unit_of_work import Store
from carekey.oidc import subject
from carekey.oidc.claims.registry import requested_by_name, tell
from carekey.oidc.client_auth.authenticate import PARAMETERS, Authenticated, ClientAuthentication, Credentials
from carekey.oidc.client_auth.keys import NO_KEYS
from carekey.oidc.errors import (
    InvalidClient,
    InvalidRequest,
    OAuthError,
    Reason,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from carekey.oidc.events import TokensIssued, TokensRefused
from carekey.oidc.model import AccessToken, Client, Issuer
from carekey.oidc.parameters import check_once
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.token.base import Bought, Denied, GrantType, TokenRequest
from carekey.oidc.tokens import id_token
from carekey.oidc.tokens.access_token import JWT_ALG, TYPE, particulars
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.sealing import Seal, Sealer
from carekey.oidc.tokens.sender_constraint import (
    NOTHING,
    SenderConstraints,
    Sent,
    Shown,
    binding,
    check_demand,
    token_type,
)
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
        own: OwnTokens,
        constraints: SenderConstraints,
        sealer: Sealer,
        entropy: Entropy,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clients = clients
        self._grants = grants
        self._signer = signer
        self._own = own
        self._constraints = constraints
        self._sealer = sealer
        self._entropy = entropy

    async def answer(
        self, fields: Fields, credentials: Credentials, sent: Sent, *, now: datetime, reference: str
    ) -> dict[str, Any]:
        """The members of a successful response (RFC 6749 section 5.1). Raises: OAuthError, after recording it."""
        authenticated = await self._clients.admit(fields, credentials, reads=_ALWAYS_READ, now=now, reference=reference)
        shown = NOTHING
        try:
            grant_type = self._grant_type(fields, authenticated)
            asked = demands(self._issuer, authenticated.client)
            shown = self._constraints.shown(sent, algs=asked.algs, now=now)
            check_demand(authenticated.client, asked, shown)
            request = TokenRequest(
                issuer=self._issuer,
                client=authenticated.client,
                fields=fields,
                access_token=token(self._entropy),
                own=self._own,
                now=now,
                reference=reference,
                keys=await self._clients.keys_of(authenticated.client, now=now)
                if grant_type.reads_client_keys
                else NO_KEYS,
                confirmation=binding(authenticated.client, asked, shown) or None,
                held=shown.confirmation,
                instance=authenticated.instance,
            )
            # A key that is not to be had is found out before anything is spent.
            await self._signer.refresh(now, alg=request.client.id_token_alg)
            seal = await self._sealer.to(request.client, request.client.id_token_encryption, now=now)
            issued = await self._store.write(lambda tx: self._issue(tx, grant_type, request, authenticated, shown))
        except OAuthError as error:
            await self._record_refused(error, authenticated, shown, fields, now, reference)
            raise
        if isinstance(issued, Denied):
            raise issued.error
        return self._response(issued, request, seal)

    async def push(self, pushed: GrantType, client: Client, *, now: datetime, reference: str) -> dict[str, Any]:
        """The members of a response that nobody asked for, to be sent (CIBA Core section 10.3.1).

        Raises: OAuthError, after recording it."""
        unasked, nobody = Fields.of({"grant_type": pushed.name}), Authenticated(client, None)
        request = TokenRequest(
            issuer=self._issuer,
            client=client,
            fields=unasked,
            access_token=token(self._entropy),
            own=self._own,
            now=now,
            reference=reference,
        )
        try:
            await self._signer.refresh(now, alg=client.id_token_alg)
            seal = await self._sealer.to(client, client.id_token_encryption, now=now)
            issued = await self._store.write(lambda tx: self._issue(tx, pushed, request, nobody, NOTHING))
        except OAuthError as error:
            await self._record_refused(error, nobody, NOTHING, unasked, now, reference)
            raise
        if isinstance(issued, Denied):
            raise issued.error
        return self._response(issued, request, seal)

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
        self, tx: OidcTx, grant_type: GrantType, request: TokenRequest, authenticated: Authenticated, shown: Shown
    ) -> _Issued | Denied:
        authenticated.use_up(tx.assertions)
        shown.use_up(tx)
        bought = grant_type.redeem(tx, request)
        if isinstance(bought, Denied):
            return bought
        # Here and nowhere else, so that no grant can forget it.
        if bought.token.confirmation != request.confirmation:
            bought = replace(bought, token=replace(bought.token, confirmation=request.confirmation))
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
                person=bought.token.person or "",
                session=grant.session if grant else bought.token.session or "",
                scopes=bought.token.scopes,
                audience=bought.token.audience or "",
                act=bought.token.act["sub"] if bought.token.act else "",
                bound_by=tuple(bought.token.confirmation or ()),
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

    def _response(self, issued: _Issued, request: TokenRequest, seal: Seal) -> dict[str, Any]:
        bought = issued.bought
        access_token, grant = bought.token, bought.grant
        answer: dict[str, Any] = {
            "access_token": self._presented(access_token, request),
            "token_type": token_type(access_token.confirmation),
            # Rounded down, so that no client believes in a token for longer than we do.
            "expires_in": int((access_token.expires_at - request.now).total_seconds()),
            "scope": " ".join(access_token.scopes),
        }
        if bought.refresh is not None:
            answer["refresh_token"] = self._own.write_refresh(bought.refresh)
        if bought.issued_token_type is not None:
            answer["issued_token_type"] = bought.issued_token_type
        if access_token.authorization_details:
            answer["authorization_details"] = access_token.authorization_details
        if grant is None or "openid" not in grant.scopes:
            return answer
        alg = request.client.id_token_alg
        claims = id_token.claims(
            grant,
            issuer=self._issuer,
            alg=alg,
            code=bought.code,
            bought_by=access_token.code or b"",
            access_token=answer["access_token"],
            issued_at=request.issued_at,
            requested=issued.requested,
            sub=subject.of(grant.person, request.client, self._issuer),
            extras=self._extras(),
        )
        if bought.auth_req_id is not None:
            claims |= id_token.pushed_claims(bought.auth_req_id, answer.get("refresh_token"), alg=alg)
        answer["id_token"] = seal(self._signer.sign(claims, alg=alg))
        if self._issuer.product_extras and grant.nonce is not None:
            answer["nonce"] = grant.nonce
        return answer

    def _presented(self, access_token: AccessToken, request: TokenRequest) -> str:
        """The token as the client gets it: its resource says whether it can read it."""
        resource = self._issuer.resources.get(access_token.audience or "")
        if resource is None or not resource.jwt:
            return request.access_token
        return self._signer.sign(particulars(access_token, self._issuer, request.client), alg=JWT_ALG, typ=TYPE)

    def _extras(self) -> id_token.ProductExtras | None:
        if not self._issuer.product_extras:
            return None
        random = self._entropy.bytes(18)
        tracking = uuid.UUID(bytes=random[:16], version=4)
        return id_token.ProductExtras(
            tracking_id=f"{tracking}-{int.from_bytes(random[16:], 'big')}",
            session_operations=token(self._entropy, size=20),
        )

    async def _record_refused(
        self,
        error: OAuthError,
        authenticated: Authenticated,
        shown: Shown,
        fields: Fields,
        now: datetime,
        reference: str,
    ) -> None:
        """Whatever the request had done was undone; that its assertion and its proof were used stands."""
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
            with suppress(OAuthError):
                shown.use_up(tx)
            tx.audit.record(event)

        await self._store.write(work)
