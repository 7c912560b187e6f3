"""Proof Key for Code Exchange."""

import hashlib
import hmac
import re

from carekey.jose import base64url
from carekey.oidc.errors import InvalidGrant, Reason

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def challenge_of(verifier: str) -> str:
    """Source: RFC 7636 section 4.2."""
    return base64url.encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode("ascii")


def check(verifier: str | None, challenge: str | None) -> None:
    """Check a code verifier against the S256 challenge that was kept with the code.

    A verifier without a challenge is refused as well: somebody took the challenge out of the authorization request
    (RFC 9700 section 4.8.2).

    Source: RFC 7636 section 4.6. The plain method is refused (docs/divergences.md).
    Raises: InvalidGrant.
    """
    if challenge is None:
        if verifier is not None:
            raise InvalidGrant(reason=Reason.PKCE_UNEXPECTED)
        return
    if verifier is None:
        raise InvalidGrant(reason=Reason.PKCE_MISSING)
    if _VERIFIER.fullmatch(verifier) is None:
        raise InvalidGrant(reason=Reason.PKCE_MISMATCH)
    if not hmac.compare_digest(challenge_of(verifier).encode(), challenge.encode()):
        raise InvalidGrant(reason=Reason.PKCE_MISMATCH)
