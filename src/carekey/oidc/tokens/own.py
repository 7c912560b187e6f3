"""Reading tokens of ours that come back. Whether they are still good is the store's to say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from carekey.jose import base64url
from carekey.jose.jwt import InvalidJwt
from carekey.kernel.secret import digest
from carekey.oidc import id_token_hint
from carekey.oidc.model import Issuer
from carekey.oidc.tokens import access_token, refresh_token
from carekey.oidc.tokens.refresh_token import Handle


class Verifies(Protocol):
    """The part of `jose.signer.Signer` that is needed here."""

    async def refresh(self, now: datetime) -> None: ...

    def verify(self, token: str, *, typ: str = "JWT") -> Mapping[str, Any]:
        """The claims of a token of this type that the issuer signed, expired or not. Raises: InvalidJwt."""
        ...


class OwnTokens:
    def __init__(self, *, issuer: Issuer, verifier: Verifies, refresh_key: bytes) -> None:
        """`refresh_key` marks refresh tokens; who has it and a family's name can make them."""
        self._issuer = issuer
        self._verifier = verifier
        self._refresh_key = refresh_key

    async def prepare(self, now: datetime) -> None:
        """Know the keys, before reading tokens that are signed."""
        await self._verifier.refresh(now)

    def access(self, text: str) -> bytes | None:
        """Under which digest an access token is kept, opaque or JWT; None for a JWT that is no access token of this
        issuer."""
        if "." not in text:
            return digest(text)
        try:
            claims = self._verifier.verify(text, typ=access_token.TYPE)
            return (
                base64url.decode(str(claims["jti"]).encode("ascii")) if claims.get("iss") == self._issuer.url else None
            )
        except (InvalidJwt, KeyError, ValueError):
            return None

    def id_token(self, text: str) -> Mapping[str, Any] | None:
        """The claims of an ID token of this issuer, expired or not."""
        return id_token_hint.claims_of(text, self._verifier, self._issuer)

    def refresh(self, text: str) -> Handle | None:
        return refresh_token.read(text, self._refresh_key)

    def write_refresh(self, handle: Handle) -> str:
        return refresh_token.write(handle, self._refresh_key)
