"""Where the endpoints of an issuer are: CIS2's own names, appended to the issuer (cis2-profile section 2.2)."""

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
END_SESSION = "/connect/endSession"
CHECK_SESSION = "/connect/checkSession"


def address(issuer: Issuer, endpoint: str) -> str:
    """What we publish. The issuer is an opaque text: its `:443` stays."""
    return issuer.url + endpoint


def path(issuer: Issuer, endpoint: str) -> str:
    """What the server is asked for."""
    return urlsplit(issuer.url).path + endpoint
