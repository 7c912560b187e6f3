"""What the provider keeps: clients, requests, grants and access tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from carekey.kernel.assurance import AAL, IAL, Amr
from carekey.kernel.ids import ClientId, IssuerName, PersonId, RoleProfileId, SessionId


class ClientAuthMethod(StrEnum):
    """`token_endpoint_auth_method` (OpenID Connect Core section 9)."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 (a method's name)
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105
    NONE = "none"


class ResponseMode(StrEnum):
    """How an answer travels; the last two carry it as one signed JWT (JARM section 2.3)."""

    QUERY = "query"
    FORM_POST = "form_post"
    QUERY_JWT = "query.jwt"
    FORM_POST_JWT = "form_post.jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One issuer of the installation (CIS2 calls it a realm) and the rules of its protocol."""

    name: IssuerName
    url: str
    """Compared and emitted exactly as configured, `:443` and path included."""
    realm: str = "/NHSIdentity/Healthcare"
    form_post: bool = True
    """Whether `response_mode=form_post` is honoured; CIS2 stopped with release 11.01."""
    product_extras: bool = False
    """Whether tokens carry the extras of CIS2's product: `realm`, `tokenName`, `subname` … (cis2-profile 2.10)."""
    announce_iss: bool = False
    """Announce `authorization_response_iss_parameter_supported`. `iss` is sent in any case; announcing it breaks
    clients that drop it (cis2-profile 2.17)."""
    private_fetches: bool = False
    """A sandbox: addresses that a client chose may be plain http, on loopback or in private ranges."""
    profile: str = "cis2"
    """Name of the profile (`oidc/profiles.py`) that every client keeps to at least."""
    code_lifetime: timedelta = timedelta(seconds=60)
    pushed_lifetime: timedelta = timedelta(seconds=60)
    """From pushing a request to sending the person along (RFC 9126 section 2.2)."""
    token_lifetime: timedelta = timedelta(hours=1)
    """Of access tokens and ID tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A relying party. Names of members are those of OpenID Connect Dynamic Client Registration section 2."""

    id: ClientId
    issuer: IssuerName
    name: str
    redirect_uris: tuple[str, ...] = ()
    auth_method: ClientAuthMethod = ClientAuthMethod.PRIVATE_KEY_JWT
    auth_signing_alg: str | None = None
    """The only algorithm its assertions may use; any allowed one if None."""
    secret: bytes | None = None
    """SHA-256 of the client secret; for `client_secret_jwt` the secret itself, sealed under the master key."""
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    grant_types: tuple[str, ...] = ("authorization_code",)
    scopes: frozenset[str] | None = None
    """Scopes it may ask for; None for all. Those of the national profile that do not exist are passed over."""
    id_token_alg: str = "RS256"  # noqa: S105 (an algorithm)
    userinfo_alg: str | None = None
    """Signs the userinfo response as a JWT; JSON if None."""
    default_max_age: int | None = None
    default_acr_values: tuple[str, ...] = ()
    minimum_aal: AAL = AAL.AAL1
    require_pkce: bool = False
    profile: str | None = None
    """Name of a profile (`oidc/profiles.py`) that it keeps to besides the issuer's."""
    require_par: bool = False
    """`require_pushed_authorization_requests` (RFC 9126 section 6)."""
    require_signed_request: bool = False
    """`require_signed_request_object` (RFC 9101 section 10.5)."""
    request_object_alg: str | None = None
    """The only algorithm its request objects may use; any allowed one if None."""
    request_uris: tuple[str, ...] = ()
    """Addresses that its request objects may be fetched from."""
    response_alg: str = "RS256"
    """`authorization_signed_response_alg` (JARM section 3)."""
    authorization_details_types: tuple[str, ...] = ()
    """Types of authorization details that it may ask for (RFC 9396 section 10)."""
    post_logout_redirect_uris: tuple[str, ...] = ()
    client_uri: str | None = None
    logo_uri: str | None = None
    contacts: tuple[str, ...] = ()
    listed: bool = False
    """Whether it agreed to be named on the public page of applications."""
    consent: bool = False
    """A third party: the person is asked before information is shared (ux.md A7)."""
    created_at: datetime
    disabled_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Registered members that have no field of their own, kept as they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """An authorization request that was checked: redirect address registered, scopes known, PKCE sound."""

    client: ClientId
    redirect_uri: str
    scopes: tuple[str, ...]
    response_mode: ResponseMode = ResponseMode.QUERY
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    """S256; the plain method is refused."""
    requested_claims: Mapping[str, Any] = field(default_factory=dict)
    """The `claims` parameter (OpenID Connect Core section 5.5)."""
    response_alg: str = "RS256"
    """Signs the response, if its mode is a signed one."""
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    """Of types that we know and that the client may ask for (RFC 9396)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRequest:
    """The parameters of an authorization request that its client pushed, kept under the digest of the
    `request_uri`'s secret part (RFC 9126)."""

    issuer: IssuerName
    client: ClientId
    parameters: Mapping[str, str]
    signed: bool = False
    """Whether they came in a request object with the client's signature."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a person granted a client, and how they had proven who they are. Kept under the code's digest."""

    issuer: IssuerName
    client: ClientId
    person: PersonId
    session: SessionId
    scopes: tuple[str, ...]
    redirect_uri: str
    nonce: str | None
    state: str | None
    code_challenge: str | None
    acr: str
    amr: tuple[Amr, ...]
    aal: AAL
    ial: IAL
    auth_time: datetime
    role: RoleProfileId | None
    requested_claims: Mapping[str, Any] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """This caller won."""

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The code was redeemed before. What it bought is revoked in this same transaction."""

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An opaque bearer token, known by its digest alone."""

    digest: bytes
    issuer: IssuerName
    client: ClientId
    person: PersonId | None
    """None for `client_credentials`."""
    session: SessionId | None
    scopes: tuple[str, ...]
    role: RoleProfileId | None
    requested_claims: Mapping[str, Any] = field(default_factory=dict)
    code: bytes | None
    """Digest of the code that bought it."""
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
