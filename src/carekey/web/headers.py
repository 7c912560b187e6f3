"""Security headers, on every answer."""

from collections.abc import Iterable

_COMMON = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
# `no-referrer` would make browsers send `Origin: null` with our own forms.
_REFERRER = (b"referrer-policy", b"same-origin")
_PERMISSIONS = (
    b"permissions-policy",
    b"publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NO_STORE = (b"cache-control", b"no-store")


def content_security_policy(form_action: Iterable[str] = ()) -> bytes:
    """No inline script or style, nothing from elsewhere.

    Browsers hold the whole redirect chain after a form to `form-action`, so a page whose form ends at an
    application names that application's origin.
    """
    targets = " ".join(["'self'", *sorted({target for target in form_action if target})])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {targets}"
    ).encode("latin-1")


def common(*, secure: bool) -> list[tuple[bytes, bytes]]:
    return [*_COMMON, _REFERRER, _PERMISSIONS, *([_HSTS] if secure else [])]
