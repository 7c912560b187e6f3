"""`id_token_hint`: an ID token of ours that comes back to say of whom, or of which session, a request speaks.

It may have expired (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2). It proves nothing about
who sends it, so it never stands for a log-in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from carekey.jose.jwt import InvalidJwt
from carekey.kernel.ids import ClientId, SessionId
from carekey.oidc.model import Issuer


class Verifier(Protocol):
    """One issuer's keys. `jose.signer.Signer` is one."""

    async def refresh(self, now: datetime) -> None: ...

    def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that the issuer signed. Raises: InvalidJwt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    sub: str
    """What the client calls the person: `oidc/subject.py` knows who that is."""
    client: ClientId
    session: SessionId | None


def claims_of(text: str, verifier: Verifier, issuer: Issuer) -> Mapping[str, Any] | None:
    """The claims of an ID token of this issuer, expired or not. Logout tokens (which have `events`) and signed
    userinfo (which has no `auth_time`) are signed with the same keys and are none."""
    try:
        claims = verifier.verify(text)
    except InvalidJwt:
        return None
    if claims.get("iss") != issuer.url or "events" in claims or "auth_time" not in claims:
        return None
    return claims


def read(hint: str, verifier: Verifier, issuer: Issuer) -> Hint | None:
    """None if it is no ID token of this issuer."""
    match claims_of(hint, verifier, issuer):
        case {"sub": str(sub), "aud": str(aud), **claims}:
            sid = claims.get("sid")
            return Hint(sub=sub, client=ClientId(aud), session=SessionId(sid) if isinstance(sid, str) else None)
        case _:
            return None
