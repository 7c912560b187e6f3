"""Which access tokens are good here, judged by a library that the provider does not use for them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from httpx2 import AsyncBaseTransport, AsyncClient, HTTPError
from joserfc.jwk import KeySet

KEYS_FRESH = 300
"""Seconds for which the provider's keys are not fetched again."""
REFETCH_AFTER = 30
"""The same when a token names a key that is not among them: whoever makes such tokens must not have us hammer it."""


class ProviderOutOfReach(Exception):
    """Its keys are not to be had."""


class Validator(JWTBearerTokenValidator):
    def __init__(self, issuer: str, name: str, keys: KeySet) -> None:
        super().__init__(issuer, name)
        self._keys = keys

    def get_jwks(self) -> KeySet:
        return self._keys


class Tokens:
    def __init__(
        self,
        issuer: str,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: AsyncBaseTransport | None,
    ) -> None:
        self._issuer, self._name, self._clock, self._transport = issuer, name, clock, transport
        self._keys = KeySet([])
        self._fetched = float("-inf")

    async def claims(self, token: str, *, scope: str) -> Mapping[str, Any]:
        """What a good token says. Raises: OAuth2Error, ProviderOutOfReach."""
        await self._fetch(KEYS_FRESH)
        try:
            return self._judge(token, scope)
        except InvalidTokenError:
            await self._fetch(REFETCH_AFTER)  # its key may be a new one
            return self._judge(token, scope)

    def _judge(self, token: str, scope: str) -> Mapping[str, Any]:
        validator = Validator(self._issuer, self._name, self._keys)
        try:
            claims = validator.authenticate_token(token)
        except ValueError:
            raise InvalidTokenError from None
        validator.validate_token(claims, [scope], None)
        # Bound to a key (RFC 9449, RFC 8705), and whether the caller holds it is not looked at here.
        if "cnf" in claims:
            raise InvalidTokenError
        said: Mapping[str, Any] = dict(claims)
        return said

    async def _fetch(self, age: float) -> None:
        """Have keys that are no older, in seconds. Raises: ProviderOutOfReach."""
        now = self._clock()
        if now - self._fetched <= age:
            return
        try:
            async with AsyncClient(transport=self._transport, timeout=5) as http:
                discovered = await http.get(f"{self._issuer}/.well-known/openid-configuration")
                found = await http.get(discovered.raise_for_status().json()["jwks_uri"])
                self._keys = KeySet.import_key_set(found.raise_for_status().json())
        except (HTTPError, ValueError, KeyError) as error:
            raise ProviderOutOfReach from error
        self._fetched = now
