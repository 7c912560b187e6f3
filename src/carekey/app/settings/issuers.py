"""Settings of the issuers and of the APIs that their tokens are for."""

import re
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from carekey.app.settings.section import Section, SettingsError, duration, is_loopback


class Resource(Section, frozen=True):
    scopes: list[str] = []
    """Scopes that applications can ask for at this API, besides those about people."""
    jwt: bool = False
    """Access tokens for it are JWTs (RFC 9068), which it verifies by itself. Otherwise it introspects them."""
    token_lifetime: str = "10m"  # noqa: S105 (a duration)
    """How long they are good, but for no longer than an hour."""


class Registration(Section, frozen=True):
    who: Literal["nobody", "token", "anybody"] = "nobody"
    """Who may register applications over the network (RFC 7591): `nobody`, who has an initial access token (`token`,
    made by `carekey clients initial-access`), or `anybody`, in sandboxes alone."""
    statements: dict[str, str] = {}
    """Whose software statements are believed: from `iss` to a file with a JWK Set."""
    by_address: int = 60
    """Where anybody may register: how many tries one address has in an hour."""
    in_all: int = 1000
    """The same for everybody together."""


class Issuer(Section, frozen=True):
    url: str
    """Compared and emitted exactly as written here, `:443` and path included."""
    sandbox: bool = False
    """No real people: ways to log in that are for sandboxes alone are allowed. Never in production."""
    ways: list[str] = msgspec.field(default_factory=lambda: ["passkey", "security-key"])
    """Ways to log in, in the order of the page."""
    realm: str = "/NHSIdentity/Healthcare"
    """The value of the `realm` claim among the product extras."""
    form_post: bool = True
    """Whether `response_mode=form_post` is honoured; CIS2 stopped with release 11.01."""
    product_extras: bool = False
    """Whether tokens carry the extras of CIS2's product (`realm`, `tokenName`, `subname` …)."""
    announce_iss: bool = False
    """Whether discovery announces the `iss` response parameter. Announcing breaks clients that drop it."""
    profile: str = "cis2"
    """The security profile that every application of this issuer keeps to at least: `cis2`, `oidc-basic`, `fapi2`,
    `fapi2-message-signing` or `fapi-ciba` (docs/specs/profiles.md).
    An application may be registered under a stricter one."""
    registration: Registration = msgspec.field(default_factory=Registration)
    encrypted_requests: bool = False
    """Whether keys are published that applications can encrypt their request objects to."""
    remember_way: bool = True
    """Whether the browser keeps the name of the way last used, for 90 days."""
    session_management: bool = False
    """Whether applications get `session_state` and the frame that tells them if the session is still the same (OpenID
    Connect Session Management). Browsers that keep cookies from frames of other sites say “changed” always."""
    consent_lifetime: str | None = None
    """How long a person's agreement to share with a third party counts, such as `90d`. By default it counts for one
    log-in. What is wanted beyond it, and `prompt=consent`, is asked about in any case."""
    account_chooser: Literal["never", "asked", "always"] = "never"
    """Whether somebody who is logged in is asked if it is they who go on: where the application wants an account
    chosen (`asked`), or at each application that allows pages (`always`). By default they have to log in again where
    the application wants an account chosen, and nowhere else."""
    decoupled_lifetime: str = "10m"
    """How long a device's code, or a request by CIBA, waits for somebody to decide it."""
    scripted_approval: bool = False
    """Whether scripts decide CIBA requests in people's names, at `/bc-authorize/approve`: for the conformance suite, at
    issuers with `sandbox = true`. Never in production."""
    refresh_lifetime: str = "12h"
    """Applications with refresh tokens can use them for this long after the log-in, unless the session is ended."""
    offline_lifetime: str = "30d"
    """The same for applications that have `offline_access`, whether or not the session is ended."""
    offline_idle: str = "7d"
    """Access of that kind that is not refreshed for so long ends."""
    client_attesters: str | None = None
    """JSON file with the public keys (a JWK Set) of those who are trusted to vouch for the keys of applications
    (`attest_jwt_client_auth`). Without it there is no such authentication."""
    dpop_nonce: str = "off"
    """`required`: DPoP proofs must have a nonce that we choose (RFC 9449 section 8), which costs a client that has
    none one more request. `off`: they need none."""
    resources: dict[str, Resource] = {}
    """APIs that access tokens can be for (RFC 8707), by their address."""


def check(name: str, issuer: Issuer) -> None:
    """Raises: SettingsError."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise SettingsError(f"The issuer name {name!r} must be small letters, digits and hyphens.")
    try:
        parts = urlsplit(issuer.url)
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"issuers.{name}.url is not an address: {error}.") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"issuers.{name}.url must be an https address without query or fragment.")
    if issuer.url.endswith("/"):
        raise SettingsError(f"issuers.{name}.url must not end in a slash: endpoints are appended to it.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SettingsError(f"issuers.{name}.url must be https: plain http is for loopback alone.")
    if issuer.dpop_nonce not in {"off", "required"}:
        raise SettingsError(f"issuers.{name}.dpop_nonce is {issuer.dpop_nonce!r}; there are off, required.")
    if issuer.registration.who == "anybody" and not issuer.sandbox:
        raise SettingsError(f"issuers.{name}.registration.who is 'anybody', which needs sandbox = true.")
    if issuer.consent_lifetime is not None:
        duration(f"issuers.{name}.consent_lifetime", issuer.consent_lifetime)
    if issuer.scripted_approval and not issuer.sandbox:
        raise SettingsError(f"issuers.{name}.scripted_approval is for issuers with sandbox = true.")
    for field in ("decoupled_lifetime", "refresh_lifetime", "offline_lifetime", "offline_idle"):
        duration(f"issuers.{name}.{field}", getattr(issuer, field))
    for uri, resource in issuer.resources.items():
        where = f"issuers.{name}.resources"
        if not urlsplit(uri).scheme or "#" in uri or not uri.isascii() or " " in uri:
            raise SettingsError(f"{where} has {uri!r}, which is not an absolute address without fragment.")
        duration(f"{where}.token_lifetime", resource.token_lifetime)
        if wrong := [scope for scope in resource.scopes if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}", scope)]:
            raise SettingsError(f"{where} has the scope {wrong[0]!r}: a scope has no spaces, quotes or backslashes.")
