"""Redirect addresses: which may be registered, and which one a request means.

The comparison is character by character (RFC 9700 section 2.1). A native application's loopback address is the one
exception: its port is chosen anew each time (RFC 8252 section 7.3).
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

ApplicationType = Literal["web", "native"]

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,2000}")
_CUSTOM_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""Reverse domain notation (RFC 8252 section 7.1), so that two applications do not take the same."""
_AUTHORITY = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", re.IGNORECASE)
"""What pages can name in their content security policy (web/headers.py), which rules out what few resolvers take anyway."""
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:\d{1,5})?(/.*)?")


def flaw(uri: str, *, kind: ApplicationType, loopback_http: bool) -> str | None:
    """What is wrong with an address that a client wants to register, as the end of a sentence; None if nothing.

    `loopback_http`: a sandbox, where web applications under development are on plain http on loopback.
    """
    if _PRINTABLE.fullmatch(uri) is None:
        return "must be an absolute address in plain characters, without spaces"
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return "is not a valid address"
    if "#" in uri:
        return "must not have a fragment"
    if "*" in uri or "\\" in uri:
        return "must not have a wildcard or a backslash"
    if "@" in parts.netloc:
        return "must not have a user name"
    if parts.scheme in {"http", "https"}:
        return _web_flaw(parts, plain=loopback_http or kind == "native")
    if kind == "native" and _CUSTOM_SCHEME.fullmatch(parts.scheme):
        return None
    return "must be https" if kind == "web" else "must be https, or a scheme in reverse domain notation"


def has_plain_authority(uri: str) -> bool:
    """Whether host and port are written as pages can name them in their content security policy."""
    return _AUTHORITY.fullmatch(urlsplit(uri).netloc) is not None


def _web_flaw(parts: SplitResult, *, plain: bool) -> str | None:
    if not parts.hostname or _AUTHORITY.fullmatch(parts.netloc) is None:
        return "must have a host of letters, digits, dots and hyphens, and no port or a whole one"
    if parts.scheme == "https":
        return None
    if not _is_loopback(parts.hostname):
        return "must be https"
    return None if plain else "must be https: plain http on loopback is for sandboxes and native applications"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def matches(uri: str, registered: Iterable[str], *, kind: ApplicationType = "web") -> bool:
    """Whether a request's address is a registered one."""
    registered = tuple(registered)
    if uri in registered:
        return True
    if kind != "native":
        return False
    portless = _without_port(uri)
    return portless is not None and any(_without_port(one) == portless for one in registered)


def _without_port(uri: str) -> str | None:
    """A loopback address without its port; None if it is none, or not even printable."""
    match = _LOOPBACK.fullmatch(uri) if _PRINTABLE.fullmatch(uri) else None
    if match is None:
        return None
    host, port, rest = match.groups()
    if port is not None and int(port[1:]) > 65535:
        return None
    return f"{host}{rest or ''}"
