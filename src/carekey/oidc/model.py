"""What the provider keeps: clients, requests, grants and access tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from carekey.kernel.assurance import AAL, IAL, Amr
from carekey.kernel.ids import ClientId, CredentialId, IssuerName, PersonId, RoleProfileId, SessionId

Confirmation = Mapping[str, str]
"""Which key something is bound to, as the claim `cnf` names it (RFC 7800): `{"jkt": …}` (RFC 9449 section 6.1) or
`{"x5t#S256": …}` (RFC 8705 section 3.1)."""


class ClientAuthMethod(StrEnum):
    """`token_endpoint_auth_method` (OpenID Connect Core section 9)."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 (a method's name)
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105
    TLS_CLIENT_AUTH = "tls_client_auth"
    """A certificate of a PKI (RFC 8705 section 2.1)."""
    SELF_SIGNED_TLS_CLIENT_AUTH = "self_signed_tls_client_auth"
    """A certificate among the client's keys (RFC 8705 section 2.2)."""
    ATTEST_JWT_CLIENT_AUTH = "attest_jwt_client_auth"
    """A key that a client attester vouches for (draft-ietf-oauth-attestation-based-client-auth)."""
    NONE = "none"


class SubjectName(StrEnum):
    """Where in its certificate a client's name is: the members of RFC 8705 section 2.1.2."""

    DN = "tls_client_auth_subject_dn"
    DNS = "tls_client_auth_san_dns"
    URI = "tls_client_auth_san_uri"
    IP = "tls_client_auth_san_ip"
    EMAIL = "tls_client_auth_san_email"


class ResponseMode(StrEnum):
    """How an answer travels; the last two carry it as one signed JWT (JARM section 2.3)."""

    QUERY = "query"
    FORM_POST = "form_post"
    QUERY_JWT = "query.jwt"
    FORM_POST_JWT = "form_post.jwt"


class TokenDelivery(StrEnum):
    """`backchannel_token_delivery_mode` (CIBA Core section 5)."""

    POLL = "poll"
    PING = "ping"
    PUSH = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An API that access tokens can be for (RFC 8707). Its address is its name."""

    uri: str
    scopes: frozenset[str] = frozenset()
    jwt: bool = False
    """Its tokens are JWTs that it verifies itself (RFC 9068); opaque, for introspection, if not."""
    token_lifetime: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Who may register clients (RFC 7591 section 3)."""

    open: bool = False
    """Anybody; with an initial access token if not."""
    statements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Key sets of those whose software statements are believed, by their `iss`."""
    by_address: int = 60
    """Tries in an hour from one address without an initial access token."""
    in_all: int = 1000
    """The same from everywhere."""


class ActingAs(StrEnum):
    """What the tokens say of a client that exchanges another client's tokens (RFC 8693 section 1.1)."""

    DELEGATION = "delegation"
    """`act` names the client."""
    IMPERSONATION = "impersonation"
    """Nothing does."""


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
    session_management: bool = False
    """Offer the frame of OpenID Connect Session Management, and send `session_state`."""
    private_fetches: bool = False
    """A sandbox: addresses that a client chose may be plain http, on loopback or in private ranges."""
    registration: Registration | None = None
    """Clients may register themselves, by these rules; None if they may not."""
    encrypted_requests: bool = False
    """Publish keys that request objects can be encrypted to."""
    pairwise_key: bytes = field(default=b"", repr=False)
    """Makes pairwise subjects; 64 bytes. Whoever has it can tell whose they are."""
    profile: str = "cis2"
    """Name of the profile (`oidc/profiles.py`) that every client keeps to at least."""
    code_lifetime: timedelta = timedelta(seconds=60)
    decoupled_lifetime: timedelta = timedelta(minutes=10)
    """From a client's request to what a person elsewhere decides (RFC 8628, CIBA)."""
    pushed_lifetime: timedelta = timedelta(seconds=60)
    """From pushing a request to sending the person along (RFC 9126 section 2.2)."""
    token_lifetime: timedelta = timedelta(hours=1)
    """Of access tokens and ID tokens."""
    refresh_lifetime: timedelta = timedelta(hours=12)
    """From the log-in to the last refresh of an access that ends with the session."""
    offline_lifetime: timedelta = timedelta(days=30)
    """The same for one that lasts beyond the session (`offline_access`)."""
    offline_idle: timedelta = timedelta(days=7)
    """An access of that kind that is not refreshed for so long ends (RFC 9700 section 4.14.2)."""
    resources: Mapping[str, Resource] = field(default_factory=dict)
    """By address."""
    dpop_nonce: bool = False
    """Whether DPoP proofs must have a nonce of ours (RFC 9449 section 8)."""
    api_host: str | None = None
    """Origin of the listener for mutual TLS (RFC 8705); None if there is none."""
    client_authorities: bool = False
    """Whether certificates of a PKI can be told from others there."""
    client_attesters: bool = False
    """Whether somebody is trusted to vouch for the keys of clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """How what a client is told is encrypted to it (RFC 7516)."""

    alg: str
    enc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The most that a registration may ask for; None is no bound besides the issuer's own."""

    grant_types: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    hosts: frozenset[str] | None = None
    """Of redirect addresses."""
    profile: str | None = None
    """The client is registered under it."""
    first_party: bool = False
    """It is of the same house: people are not asked before information is shared."""
    team: str | None = None
    """The team that registered the client and may change it (cis2-profile section 9.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialAccessToken:
    """Lets somebody register clients (RFC 7591 section 3). Only its digest is kept."""

    digest: bytes
    issuer: IssuerName
    note: str
    """Whom it was made for, in the operator's words."""
    allowance: Allowance = field(default_factory=Allowance)
    uses_left: int = 1
    created_at: datetime
    expires_at: datetime


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
    response_encryption: Encryption | None = None
    authorization_details_types: tuple[str, ...] = ()
    """Types of authorization details that it may ask for (RFC 9396 section 10)."""
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    """Kept as registered; `sid` is sent in any case (cis2-profile section 5.5)."""
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    client_uri: str | None = None
    logo_uri: str | None = None
    contacts: tuple[str, ...] = ()
    listed: bool = False
    """Whether it agreed to be named on the public page of applications."""
    consent: bool = False
    """A third party: the person is asked before information is shared (ux.md A7)."""
    offline_access: bool = False
    """May have `offline_access` without the person being asked (OpenID Connect Core section 11)."""
    resources: frozenset[str] = frozenset()
    """Addresses of the resources that it may have tokens for."""
    serves: frozenset[str] = frozenset()
    """Addresses of the resources that it is: it may introspect tokens for them."""
    introspect_any: bool = False
    """May introspect every token of the issuer."""
    introspection_alg: str = "RS256"
    """Signs introspection responses that are JWTs (RFC 9701)."""
    exchange_from: Mapping[str, ActingAs] = field(default_factory=dict)
    """Clients whose tokens it may exchange for its own, and as what."""
    assert_people: bool = False
    """May have tokens for any person whom it names in an assertion (RFC 7523 section 2.1)."""
    dpop_bound_access_tokens: bool = False
    """Has no tokens without DPoP (RFC 9449 section 5.2)."""
    certificate_name: Mapping[SubjectName, str] = field(default_factory=dict)
    """What its certificate says, if it authenticates by `tls_client_auth`: one name, of one kind."""
    certificate_bound_access_tokens: bool = False
    """Has no tokens without mutual TLS, and those are bound to its certificate (RFC 8705 section 3.4)."""
    ciba_delivery: TokenDelivery | None = None
    """How it hears what a person decided; None if it may not ask by CIBA."""
    ciba_notification_endpoint: str | None = None
    ciba_request_alg: str | None = None
    """`backchannel_authentication_request_signing_alg`: its CIBA requests are signed, with this. Any allowed algorithm,
    and unsigned ones too, if None."""
    ciba_user_code: bool = False
    """`backchannel_user_code_parameter`: it asks for nobody whose user code it does not have."""
    sector: str | None = None
    """Host that its pairwise subjects belong to (OpenID Connect Core section 8.1); None if they are public."""
    id_token_encryption: Encryption | None = None
    userinfo_encryption: Encryption | None = None
    introspection_encryption: Encryption | None = None
    created_at: datetime
    disabled_at: datetime | None = None
    honours_from: datetime | None = None
    """When it was last enabled again: whatever it was given before stays dead, since that may be why it was disabled."""
    removed: bool = False
    """It has deleted itself. Its id is never given out again, so nothing that it held comes back to life."""
    revision: int = 0
    """Counts changes, so that of two at once one wins."""
    allowance: Allowance | None = None
    """What the initial access token or the team was allowed that registered it: it holds for every later change."""
    registration_token: bytes | None = None
    """Digest of the registration access token (RFC 7592 section 3)."""
    registration_token_before: bytes | None = None
    """The one before, which is good until the newer is used: an answer may be lost."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Registered members that have no field of their own, kept as they came."""

    @property
    def may_be_offline(self) -> bool:
        """Whether it can have `offline_access`: by consent, which it asks for at every log-in, or by policy."""
        return "refresh_token" in self.grant_types and (self.consent or self.offline_access)

    def honours(self, given_at: datetime) -> bool:
        """Whether what it was given then can still be good."""
        return self.disabled_at is None and (self.honours_from is None or given_at >= self.honours_from)


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
    response_encryption: Encryption | None = None
    """Then encrypts it (JARM section 2.2)."""
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    """Of types that we know and that the client may ask for (RFC 9396)."""
    resource: str | None = None
    confirmation: Confirmation | None = None
    """The key that the code will be bound to (RFC 9449 section 10)."""


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
    credential: CredentialId | None = None
    """What they had proven it with, if that can be removed. None in grants from before this was kept."""
    requested_claims: Mapping[str, Any] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    resource: str | None = None
    """Which access tokens may be for, if they say so."""
    confirmation: Confirmation | None = None
    """Whoever presents the code, or a refresh token of its family, holds this key; None if anybody may."""
    issued_at: datetime
    expires_at: datetime

    @property
    def offline(self) -> bool:
        """Whether access goes on after the session."""
        return "offline_access" in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """This caller won."""

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The code was redeemed before. What it bought is revoked in this same transaction."""

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFamily:
    """The refresh tokens that descend from one code: one row, however often they are refreshed. A token names its
    family and its generation, and only the newest generation is good."""

    code: bytes
    """Digest of the code, by which the family is known."""
    grant: Grant
    """As the code carried it, without what belongs to that one request."""
    generation: int = 1
    rotated_at: datetime
    expires_at: datetime
    """Rotating does not put it off."""
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """This caller won: the next generation is theirs. The family is as it was before."""

    family: RefreshFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """The generation is not the newest, or the family was revoked. Nothing was changed."""

    family: RefreshFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How the person behind an access token had proven who they are."""

    acr: str
    amr: tuple[Amr, ...]
    aal: AAL
    ial: IAL
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token. We keep the digest of a random text, which is the token if it is opaque; a JWT (RFC 9068) has
    the digest for its `jti`."""

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
    """Digest of the code that bought it, itself or through its refresh tokens."""
    audience: str | None = None
    """The resource that it is for; None if it is for userinfo."""
    authentication: Authentication | None = None
    """None if nobody authenticated for it."""
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    """What the person granted more finely than by scopes (RFC 9396)."""
    act: Mapping[str, Any] | None = None
    """Who acts for the person (RFC 8693 section 4.1)."""
    confirmation: Confirmation | None = None
    """Whoever presents it holds this key; None for a bearer token."""
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
