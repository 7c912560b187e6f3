"""Where the endpoints of an issuer are: CIS2's own names, appended to the issuer (cis2-profile section 2.2)."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from carekey.oidc.model import Issuer

DISCOVERY = "/.well-known/openid-configuration"
AUTHORIZE = "/authorize"
PAR = "/par"
TOKEN = "/access_token"  # noqa: S105 (a path)
USERINFO = "/userinfo"
JWKS = "/connect/jwk_uri"
INTROSPECTION = "/introspect"
REVOCATION = "/token/revoke"
ATTESTATION_CHALLENGE = "/attestation_challenge"
END_SESSION = "/connect/endSession"
CHECK_SESSION = "/connect/checkSession"

BACK_CHANNEL: Mapping[str, str] = {
    "token_endpoint": TOKEN,
    "pushed_authorization_request_endpoint": PAR,
    "userinfo_endpoint": USERINFO,
    "introspection_endpoint": INTROSPECTION,
    "revocation_endpoint": REVOCATION,
}
"""By their names in discovery: those that clients call without a browser, and so by mutual TLS too (RFC 8705 section 5)."""


def address(issuer: Issuer, endpoint: str) -> str:
    """What we publish. The issuer is an opaque text: its `:443` stays."""
    return issuer.url + endpoint


def path(issuer: Issuer, endpoint: str) -> str:
    """What the server is asked for."""
    return urlsplit(issuer.url).path + endpoint


def mtls_address(issuer: Issuer, endpoint: str) -> str:
    """Where the same endpoint is on the API host. Raises: AssertionError, if there is none."""
    assert issuer.api_host is not None
    return issuer.api_host + path(issuer, endpoint)
