"""Signed authentication requests (CIBA Core section 7.1.1; FAPI-CIBA section 5.2.2).

Everything is inside, and what is outside is refused. Each object works once (`jti`) and lives for an hour at most, so
that nobody who finds one can have a person asked again.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carekey.oidc.authorize import request_object
from carekey.oidc.authorize.errors import InvalidRequestObject
from carekey.oidc.authorize.request_object import LONGEST, SKEW
from carekey.oidc.ciba.errors import Reason
from carekey.oidc.client_auth.keys import ClientKeys, KeysUnavailable
from carekey.oidc.errors import InvalidRequest
from carekey.oidc.errors import Reason as Wrong
from carekey.oidc.model import Client, Issuer
from carekey.oidc.ports import Assertions
from carekey.oidc.profiles import demands
from carekey.web.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    fields: Fields
    client: Client
    jti: str
    remember_until: datetime

    def use_up(self, assertions: Assertions) -> None:
        """Raises: InvalidRequest, for everybody but the first."""
        named = f"backchannel authentication: {self.jti}"  # apart from client assertions, which have jti of their own
        if not assertions.first_seen(self.client.issuer, self.client.id, named, expires_at=self.remember_until):
            raise InvalidRequest("The request object was used before", reason=Reason.OBJECT_REPLAYED)


class SignedRequests:
    """Opens those of one issuer's clients."""

    def __init__(self, *, issuer: Issuer, keys: ClientKeys) -> None:
        self._issuer = issuer
        self._keys = keys

    async def open(self, text: str, client: Client, known: Collection[str], *, now: datetime) -> Opened:
        """`known`: names of the parameters to take out. Raises: InvalidRequest."""
        try:
            return await self._open(text, client, known, now)
        except InvalidRequestObject as error:  # section 13 has no code of its own for it
            raise InvalidRequest(error.description, reason=error.reason) from None

    async def _open(self, text: str, client: Client, known: Collection[str], now: datetime) -> Opened:
        token, asked = request_object.parse(text), demands(self._issuer, client)
        claims = token.claims
        jti, ends = claims.get("jti"), claims.get("exp")
        there = all(claims.get(name) is not None for name in ("nbf", "iat", "aud"))
        if not there or type(ends) not in {int, float} or not (isinstance(jti, str) and 0 < len(jti) <= 255):
            raise InvalidRequestObject(reason=Reason.OBJECT_CLAIMS)
        # Client and audience, as at the authorization endpoint, where `client_id` says what `iss` says here; and that
        # nothing is nested in it, nor is it a client assertion.
        if claims.get("iss") != client.id or claims.get("client_id", client.id) != client.id:
            raise InvalidRequestObject(reason=Wrong.CODE_OF_ANOTHER_CLIENT)
        strict = replace(asked, require_signed_request=True)
        request_object.check(
            replace(token, claims={**claims, "client_id": client.id}),
            client,
            strict,
            audiences={self._issuer.url},
            now=now,
        )
        try:
            keys = await self._keys.of(client, now=now)
            if not keys.candidates(token.header):
                keys = await self._keys.newer(client, now=now) or keys
        except KeysUnavailable:
            raise InvalidRequestObject(reason=Wrong.KEYS_UNAVAILABLE) from None
        request_object.verify(token, keys, replace(client, request_object_alg=client.ciba_request_alg), asked)
        return Opened(
            fields=Fields.of(request_object.parameters(token, known)),
            client=client,
            jti=jti,
            remember_until=now + timedelta(seconds=LONGEST + 3 * SKEW),  # longer than any lives
        )
