"""AppID and facets: which forms of the relying party's app may use its keys (section 10)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from carekey.authenticators.uaf.messages import UAF_1_1, Version

LIST_CONTENT_TYPE = "application/fido.trusted-apps+json"

_ANDROID = re.compile(r"android:apk-key-hash:[A-Za-z0-9+/]{27}")
_IOS = re.compile(r"ios:bundle-id:[A-Za-z0-9.-]{1,255}")
_VISIBLE = re.compile(r"[!-~]+")
_PORTS = {"https": 443, "http": 80}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_APP_ID = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFacets:
    """The facets of one AppID. Made by `trusted_facets`; the same data is published and checked against."""

    app_id: str
    ids: frozenset[str]

    def trusts(self, facet_id: str) -> bool:
        """Exactly, after web origins have been written in one way."""
        return facet_id in self.ids or origin(facet_id) in self.ids

    def document(self, versions: Iterable[Version] = (UAF_1_1,)) -> bytes:
        """The trusted facet list, to be served at the AppID to everybody alike, one entry for each version."""
        ids = sorted(self.ids)
        return msgspec.json.encode({"trustedFacets": [{"version": version, "ids": ids} for version in versions]})


def trusted_facets(app_id: str, ids: Iterable[str], *, domain: str = "", loopback: bool = False) -> TrustedFacets:
    """The operator's list, checked as a strict client checks it.

    `domain` is the registrable domain of the AppID's host, under which all web origins must be; without one it is
    that host itself. `loopback` admits http on this machine, for development.
    Raises: ValueError naming the facet.
    """
    host = urlsplit(app_id).hostname or ""
    domain = (domain or host).lower()
    if not origin(app_id, with_path=True, loopback=loopback) or len(app_id) > _MAX_APP_ID or not _under(host, domain):
        raise ValueError(f"the AppID is not an https address under {domain}")
    return TrustedFacets(app_id=app_id, ids=frozenset(_checked(id, domain, loopback=loopback) for id in ids))


def origin(text: str, *, with_path: bool = False, loopback: bool = True) -> str:
    """A web origin in lower case, without default port and final slash; empty if the text is not one."""
    # urlsplit leaves blanks and line ends out without a word.
    if not _VISIBLE.fullmatch(text):
        return ""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    plain_http = parts.scheme == "http" and loopback and host in _LOOPBACK
    if not (parts.scheme == "https" or plain_http) or not host or "@" in parts.netloc:
        return ""
    if not with_path and (parts.path not in {"", "/"} or "?" in text or "#" in text):
        return ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + ("" if port in {None, _PORTS[parts.scheme]} else f":{port}")


def _checked(id: str, domain: str, *, loopback: bool) -> str:
    if _ANDROID.fullmatch(id) or _IOS.fullmatch(id):
        return id
    normal = origin(id, loopback=loopback)
    if not normal or not _under(urlsplit(normal).hostname or "", domain):
        raise ValueError(f"{id} is neither an app nor an https origin under {domain}")
    return normal


def _under(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)
