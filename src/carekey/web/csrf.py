"""Cross-site request forgery: a token bound to the browser's own secret, and the browser's word on the origin."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def token(key: bytes, bound_to: str) -> str:
    """The token for forms shown to the browser that holds `bound_to` (a log-in's or session's cookie secret)."""
    mac = hmac.digest(key, b"csrf:" + bound_to.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac[:18]).decode()


def matches(key: bytes, bound_to: str, given: str | None) -> bool:
    return given is not None and hmac.compare_digest(token(key, bound_to).encode(), given.encode())


def same_origin(headers: Mapping[str, str], *, origins: frozenset[str]) -> bool:
    """Whether the browser says that one of our own pages sent this.

    Browsers send Sec-Fetch-Site, or at least Origin, with every POST; a client that sends neither is no
    browser, has no cookie to be abused, and is left to the token.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin in origins
