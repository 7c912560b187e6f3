"""Registration metadata: from the names of OpenID Connect Dynamic Client Registration section 2 to a Client, and back.

Everything that is wrong is told at once, by field. Members that we do not know are kept as they came. CIS2's own
name `jwks_uri_signing_algorithm` is taken for `token_endpoint_auth_signing_alg` (cis2-profile section 9.2).
Ours are `profile`, `require_pkce`, `minimum_aal`, `listed`, `consent` and those of `POLICY`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carekey.jose.algorithms import SYMMETRIC
from carekey.jose.encryption import ALGS, DEFAULT_ENC, ENCS
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import ClientId
from carekey.oidc.clients import redirect_uris
from carekey.oidc.clients.ciba import read_ciba
from carekey.oidc.clients.encryption import check_encryption_keys, encryptions, read_encryption
from carekey.oidc.clients.grant_types import DEVICE, GRANT_TYPES, WITH_CREDENTIALS
from carekey.oidc.clients.jwks import read_keys
from carekey.oidc.clients.mutual_tls import certificate_bound, certificate_name
from carekey.oidc.clients.reading import FieldProblem, InvalidMetadata, Reader, origin_of
from carekey.oidc.clients.resources import exchange_from, read_resources
from carekey.oidc.clients.sector_identifier import read_sector
from carekey.oidc.model import Client, ClientAuthMethod, Issuer, TokenDelivery
from carekey.oidc.nesting import too_deep
from carekey.oidc.profiles import PROFILES, Profile, auth_methods, may_push, may_use_devices, together

__all__ = [
    "POLICY",
    "FieldProblem",
    "InvalidMetadata",
    "application_type",
    "describe",
    "parse",
    "redirect_uri_registered",
]

POLICY = (
    *("offline_access", "resources", "resource_server_for", "introspect_any"),
    *("token_exchange_from", "assert_people"),
)
"""Members that give power over people's tokens: for an operator to set, not for whoever registers."""


def parse(
    metadata: Mapping[str, Any],
    *,
    id: ClientId,
    issuer: Issuer,
    now: datetime,
    by_operator: bool = False,
    read: Reader | None = None,
) -> Client:
    """A client without its secret. `by_operator`: whether the members of `POLICY` are taken. `read`: takes them out.

    Raises: InvalidMetadata.
    """
    read = read or Reader(metadata)
    for field in () if by_operator else POLICY:
        if read.rest.pop(field, None) is not None:
            read.refuse(field, "is for an operator to set")
    for field in [field for field, value in metadata.items() if too_deep(value)]:
        read.rest.pop(field, None)
        read.refuse(field, "is nested too deeply")
    read.rest.pop("client_id", None)
    name = read.text("client_name")
    if name is None and not read.faulty("client_name"):
        read.refuse("client_name", "is missing: it is what people see when they log in")
    kind = read.choice("application_type", "web", {"web", "native"})
    grant_types = read.texts("grant_types", ("authorization_code",))
    for grant_type in grant_types:
        if grant_type not in GRANT_TYPES:
            read.refuse("grant_types", f"has {grant_type}, which is not offered here")
    if read.texts("response_types", ("code",)) != ("code",) and "authorization_code" in grant_types:
        read.refuse("response_types", 'must be ["code"]')
    _check_kept(read, issuer)
    profile, asked = _profile(read, issuer)
    method = _auth_method(read, asked, issuer)
    for grant_type in sorted(WITH_CREDENTIALS.intersection(grant_types)) if method is ClientAuthMethod.NONE else ():
        read.refuse("grant_types", f"has {grant_type}, which a client without credentials cannot use")
    scope = read.text("scope")
    max_age = read.take("default_max_age", None, "a number of seconds", lambda value: type(value) is int and value >= 0)
    jwks, jwks_uri = read_keys(read, method, issuer)
    if DEVICE in grant_types and not may_use_devices(asked):
        read.refuse(
            "grant_types", f"has {DEVICE}, whose requests are neither pushed nor signed as {asked.name} demands"
        )
    client = Client(
        id=id,
        issuer=issuer.name,
        name=name or "",
        redirect_uris=_redirects(read, kind, issuer, needed="authorization_code" in grant_types),
        auth_method=method,
        auth_signing_alg=_auth_alg(read, method, asked),
        jwks=jwks,
        jwks_uri=jwks_uri,
        grant_types=grant_types,
        scopes=None if scope is None else frozenset(scope.split()),
        id_token_alg=read.choice("id_token_signed_response_alg", _usual_alg(asked), asked.algs),
        userinfo_alg=read.choice_or_none("userinfo_signed_response_alg", asked.algs),
        profile=profile,
        require_par=_demand(read, "require_pushed_authorization_requests", asked, demanded=asked.require_par),
        require_signed_request=_demand(
            read, "require_signed_request_object", asked, demanded=asked.require_signed_request
        ),
        request_object_alg=read.choice_or_none("request_object_signing_alg", asked.algs),
        request_uris=read.addresses("request_uris", plain=issuer.private_fetches),
        authorization_details_types=read.texts("authorization_details_types"),
        response_alg=read.choice("authorization_signed_response_alg", _usual_alg(asked), asked.algs),
        default_max_age=max_age,
        default_acr_values=read.texts("default_acr_values"),
        minimum_aal=AAL(read.take("minimum_aal", 1, "1, 2 or 3", lambda value: type(value) is int and 1 <= value <= 3)),
        require_pkce=_demand(read, "require_pkce", asked, demanded=asked.require_pkce)
        or method is ClientAuthMethod.NONE,
        post_logout_redirect_uris=_redirects(read, kind, issuer, field="post_logout_redirect_uris"),
        backchannel_logout_uri=read.address("backchannel_logout_uri", plain=issuer.private_fetches),
        backchannel_logout_session_required=read.flag("backchannel_logout_session_required"),
        frontchannel_logout_uri=_frontchannel(read, metadata, issuer),
        frontchannel_logout_session_required=read.flag("frontchannel_logout_session_required"),
        client_uri=read.address("client_uri", plain=issuer.private_fetches),
        logo_uri=read.address("logo_uri", plain=issuer.private_fetches),
        contacts=read.texts("contacts"),
        listed=read.flag("listed"),
        consent=read.flag("consent"),
        offline_access=read.flag("offline_access"),
        resources=read_resources(read, "resources", issuer),
        serves=read_resources(read, "resource_server_for", issuer),
        introspect_any=read.flag("introspect_any"),
        introspection_alg=read.choice("introspection_signed_response_alg", _usual_alg(asked), asked.algs),
        exchange_from=exchange_from(read),
        assert_people=read.flag("assert_people"),
        dpop_bound_access_tokens=read.flag("dpop_bound_access_tokens"),
        certificate_name=certificate_name(read, method),
        certificate_bound_access_tokens=certificate_bound(read, issuer),
        sector=read_sector(read, metadata, method, issuer),
        id_token_encryption=read_encryption(read, "id_token_encrypted_response"),
        userinfo_encryption=read_encryption(read, "userinfo_encrypted_response"),
        introspection_encryption=read_encryption(read, "introspection_encrypted_response"),
        response_encryption=read_encryption(read, "authorization_encrypted_response"),
        **read_ciba(read, grant_types, asked, issuer),
        created_at=now,
        metadata=_kept(read, kind),
    )
    check_encryption_keys(read, client)
    if client.ciba_delivery is TokenDelivery.PUSH and not may_push(client, asked):
        read.refuse("backchannel_token_delivery_mode", "cannot be push where tokens are bound to a key")
    if (
        (client.require_signed_request or client.request_uris or client.ciba_request_alg)
        and jwks is None
        and jwks_uri is None
    ):
        read.refuse("jwks_uri", "or jwks is needed for signed requests")
    if read.problems:
        raise InvalidMetadata(read.problems)
    return client


def _check_kept(read: Reader, issuer: Issuer) -> None:
    """Members that are kept as they came, and must make sense."""
    for field in ("policy_uri", "tos_uri", "initiate_login_uri", "sector_identifier_uri"):
        if (address := read.address(field, plain=issuer.private_fetches)) is not None:
            read.rest[field] = address
    if read.flag("require_auth_time"):  # it is in every ID token
        read.rest["require_auth_time"] = True
    algs = ALGS if issuer.encrypted_requests else ()
    alg = read.choice_or_none("request_object_encryption_alg", algs)
    enc = read.choice_or_none("request_object_encryption_enc", ENCS if alg else ())
    if alg is not None:
        read.rest |= {"request_object_encryption_alg": alg, "request_object_encryption_enc": enc or DEFAULT_ENC}


def _profile(read: Reader, issuer: Issuer) -> tuple[str | None, Profile]:
    """The client's own profile, and what comes of it and the issuer's together."""
    name = read.choice_or_none("profile", PROFILES)
    asked = together(issuer.profile, name or issuer.profile)
    if asked.lacking is not None:
        read.refuse("profile", f"{asked.name} needs {asked.lacking}, which CareKey does not have yet: choose another")
    return name, asked


def _demand(read: Reader, field: str, asked: Profile, *, demanded: bool) -> bool:
    """A switch that the profile may have thrown already; then it cannot be registered as off."""
    if demanded and read.rest.get(field) is False:
        read.refuse(field, f"must be true: the profile {asked.name} demands it")
    return read.flag(field) or demanded


def _auth_method(read: Reader, asked: Profile, issuer: Issuer) -> ClientAuthMethod:
    allowed = {one.value for one in auth_methods(issuer, asked)}
    usual = "client_secret_basic" if "client_secret_basic" in allowed else "private_key_jwt"
    return ClientAuthMethod(read.choice("token_endpoint_auth_method", usual, allowed))


def _usual_alg(asked: Profile) -> str:
    return "RS256" if "RS256" in asked.algs else "PS256"


def _redirects(
    read: Reader, kind: str, issuer: Issuer, *, field: str = "redirect_uris", needed: bool = False
) -> tuple[str, ...]:
    addresses = read.texts(field)
    if needed and not addresses and not read.faulty(field):
        read.refuse(field, "is missing")
    for address in addresses:
        flaw = redirect_uris.flaw(
            address, kind="native" if kind == "native" else "web", loopback_http=issuer.private_fetches
        )
        if flaw is not None:
            read.refuse(field, f"has {address!r}: it {flaw}")
    return addresses


def _auth_alg(read: Reader, method: ClientAuthMethod, asked: Profile) -> str | None:
    field = "token_endpoint_auth_signing_alg"
    if field in read.rest:
        read.rest.pop("jwks_uri_signing_algorithm", None)
    elif "jwks_uri_signing_algorithm" in read.rest:
        field = "jwks_uri_signing_algorithm"
    return read.choice_or_none(field, SYMMETRIC if method is ClientAuthMethod.CLIENT_SECRET_JWT else asked.algs)


def _frontchannel(read: Reader, metadata: Mapping[str, Any], issuer: Issuer) -> str | None:
    """OpenID Connect Front-Channel Logout section 2: of an origin that the client has a redirect address at."""
    field = "frontchannel_logout_uri"
    address = read.address(field, plain=issuer.private_fetches)
    registered = metadata.get("redirect_uris")
    origins = {origin_of(uri) for uri in registered if isinstance(uri, str)} if isinstance(registered, list) else set()
    if address is not None and (origin_of(address) not in origins or not redirect_uris.has_plain_authority(address)):
        read.refuse(field, "must have scheme, host and port of one of the redirect_uris")
        return None
    return address


def _kept(read: Reader, kind: str) -> dict[str, Any]:
    return {**({} if kind == "web" else {"application_type": kind}), **read.rest}


def application_type(client: Client) -> redirect_uris.ApplicationType:
    return "native" if client.metadata.get("application_type") == "native" else "web"


def redirect_uri_registered(client: Client, uri: str) -> bool:
    """Whether a request of this client may name this redirect address."""
    return redirect_uris.matches(uri, client.redirect_uris, kind=application_type(client))


def describe(client: Client) -> dict[str, Any]:
    """The client in the names of registration, without its secret. Members at their default are left out."""
    members: dict[str, Any] = {
        "client_id": client.id,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.auth_method.value,
        "token_endpoint_auth_signing_alg": client.auth_signing_alg,
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        "grant_types": list(client.grant_types),
        "scope": None if client.scopes is None else " ".join(sorted(client.scopes)),
        "id_token_signed_response_alg": client.id_token_alg,
        "userinfo_signed_response_alg": client.userinfo_alg,
        "profile": client.profile,
        "require_pushed_authorization_requests": client.require_par or None,
        "require_signed_request_object": client.require_signed_request or None,
        "request_object_signing_alg": client.request_object_alg,
        "request_uris": list(client.request_uris),
        "authorization_signed_response_alg": None if client.response_alg == "RS256" else client.response_alg,
        "authorization_details_types": list(client.authorization_details_types),
        "default_max_age": client.default_max_age,
        "default_acr_values": list(client.default_acr_values),
        "minimum_aal": int(client.minimum_aal) if client.minimum_aal > AAL.AAL1 else None,
        "require_pkce": client.require_pkce or None,
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "backchannel_logout_session_required": client.backchannel_logout_session_required or None,
        "frontchannel_logout_uri": client.frontchannel_logout_uri,
        "frontchannel_logout_session_required": client.frontchannel_logout_session_required or None,
        "client_uri": client.client_uri,
        "logo_uri": client.logo_uri,
        "contacts": list(client.contacts),
        "listed": client.listed or None,
        "consent": client.consent or None,
        "offline_access": client.offline_access or None,
        "resources": sorted(client.resources),
        "resource_server_for": sorted(client.serves),
        "introspect_any": client.introspect_any or None,
        "introspection_signed_response_alg": client.introspection_alg if client.introspection_alg != "RS256" else None,
        "token_exchange_from": dict(client.exchange_from) or None,
        "assert_people": client.assert_people or None,
        "dpop_bound_access_tokens": client.dpop_bound_access_tokens or None,
        **{kind.value: name for kind, name in client.certificate_name.items()},
        "tls_client_certificate_bound_access_tokens": client.certificate_bound_access_tokens or None,
        "backchannel_token_delivery_mode": client.ciba_delivery,
        "backchannel_client_notification_endpoint": client.ciba_notification_endpoint,
        "backchannel_authentication_request_signing_alg": client.ciba_request_alg,
        "backchannel_user_code_parameter": client.ciba_user_code or None,
        "subject_type": "pairwise" if client.sector is not None else None,
        **{f"{prefix}_alg": one.alg for prefix, one in encryptions(client).items()},
        **{f"{prefix}_enc": one.enc for prefix, one in encryptions(client).items()},
        **client.metadata,
    }
    return {name: value for name, value in members.items() if value is not None and value != []}
