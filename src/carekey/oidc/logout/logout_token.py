"""The claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4; cis2-profile section 5.5)."""

from datetime import datetime, timedelta
from typing import Any

from carekey.oidc.model import Issuer
from carekey.sessions.model import LogoutDelivery

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = timedelta(seconds=120)


def claims(delivery: LogoutDelivery, *, sub: str, issuer: Issuer, jti: str, issued_at: datetime) -> dict[str, Any]:
    """`sub`: what the client calls the person. `aud` is a text and whole seconds are cut off, never rounded up: there are clients that compare `aud` for
    equality, and clients that allow no `iat` ahead of their clock. There is never a `nonce`."""
    iat = int(issued_at.timestamp())
    return {
        "iss": issuer.url,
        "aud": delivery.client,
        "sub": sub,
        "sid": delivery.session,
        "iat": iat,
        "exp": iat + int(LIFETIME.total_seconds()),
        "jti": jti,
        "events": {EVENT: {}},
    }
