"""Security headers, on every answer."""

import re
from collections.abc import Iterable
from functools import lru_cache

_COMMON = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    # For what is no page. Pages say more (see `content_security_policy`).
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
]
# No Cross-Origin-Opener-Policy: it would cut an application that logs in through a pop-up window off from that
# window, even by way of a redirect (HTML section 7.1.3).
# `no-referrer` would make browsers send `Origin: null` with our own forms.
_REFERRER = (b"referrer-policy", b"same-origin")
_PERMISSIONS = (
    b"permissions-policy",
    b"publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NO_STORE = (b"cache-control", b"no-store")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*:(//[a-z0-9._-]+(:\d+)?)?", re.IGNORECASE)
_IPV6_ORIGIN = re.compile(r"(https?:)//\[[0-9a-f:.]+\](:\d+)?", re.IGNORECASE)


def content_security_policy(form_action: Iterable[str] = (), frame_src: Iterable[str] = ()) -> bytes:
    """No inline script or style, nothing from elsewhere.

    Browsers hold the whole redirect chain after a form to `form-action`, so a page whose form ends at an
    application names that application's origin, or its scheme if that is one of its own (`com.example.app:`).
    `frame_src`: origins that the page may show in a frame.

    Raises: ValueError, for what is no origin and could add to the policy.
    """
    return _policy(tuple(form_action), tuple(frame_src))


@lru_cache(maxsize=1024)
def _policy(form_action: tuple[str, ...], frame_src: tuple[str, ...]) -> bytes:
    """Raises: ValueError."""
    targets = " ".join(["'self'", *sorted({_source(target) for target in form_action if target})])
    frames = " ".join(sorted({_source(frame) for frame in frame_src}))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {targets}" + (f"; frame-src {frames}" if frames else "")
    ).encode("latin-1")


def _source(origin: str) -> str:
    if _ORIGIN.fullmatch(origin):
        return origin
    if found := _IPV6_ORIGIN.fullmatch(origin):  # CSP has no notation for IPv6 addresses (CSP3 section 2.3.1)
        return found[1]
    raise ValueError("not an origin")


def common(*, secure: bool) -> list[tuple[bytes, bytes]]:
    return [*_COMMON, _REFERRER, _PERMISSIONS, *([_HSTS] if secure else [])]
