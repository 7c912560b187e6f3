"""From parameters to an `AuthorizationRequest`. Pure, but for finding the client.

The checks come in two halves. Until client and redirect address are proven a mistake is shown to the person;
from then on it is sent to the application.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from carekey.kernel.ids import ClientId, IssuerName, PersonId
from carekey.login import acr
from carekey.login.model import Asked, RoleAsked
from carekey.oidc import subject
from carekey.oidc.authorize import authorization_details, parameters, sharing
from carekey.oidc.authorize.authorization_details import DetailTypes, words
from carekey.oidc.authorize.errors import Reason, UnmetAuthenticationRequirements, Unreturnable
from carekey.oidc.authorize.parameters import LIMITS, Arrival, Prompt, Received, RequestedClaims, is_plain
from carekey.oidc.clients.metadata import redirect_uri_registered
from carekey.oidc.errors import InvalidRequest, OAuthError, UnauthorizedClient
from carekey.oidc.id_token_hint import Hint
from carekey.oidc.model import AuthorizationRequest, Client, Issuer, ResponseMode
from carekey.oidc.profiles import demands
from carekey.web.fields import Fields

QUERY_LIMIT = 16 * 1024
"""Bytes of a whole request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent the request, and where the answer may go, both proven. `state` and mode as far as they can be read,
    so that an error can follow them."""

    client: Client
    redirect_uri: str
    response_mode: ResponseMode
    state: str | None


def registered(client_id: str | None, issuer: Issuer, find: Callable[[IssuerName, ClientId], Client | None]) -> Client:
    """Raises: Unreturnable."""
    if client_id is None:
        raise Unreturnable(Reason.NO_CLIENT)
    found = find(issuer.name, ClientId(client_id))
    if found is None:
        raise Unreturnable(Reason.UNKNOWN_CLIENT, client=client_id)
    if found.disabled_at is not None:
        raise Unreturnable(Reason.DISABLED_CLIENT, client=client_id, switched_off=found.name)
    return found


def sender(fields: Fields, issuer: Issuer, find: Callable[[IssuerName, ClientId], Client | None]) -> Sender:
    """The first half. Raises: Unreturnable."""
    client_id, redirect_uri = proving(fields, "client_id"), proving(fields, "redirect_uri")
    client = registered(client_id, issuer, find)
    if redirect_uri is None:
        raise Unreturnable(Reason.NO_REDIRECT_URI, client=client.id)
    if not redirect_uri_registered(client, redirect_uri):
        raise Unreturnable(Reason.UNREGISTERED_REDIRECT_URI, client=client.id)
    return Sender(
        client=client,
        redirect_uri=redirect_uri,
        response_mode=_mode_for_errors(fields, issuer, client),
        state=_state_for_errors(fields),
    )


CHECKS: tuple[Callable[[Received], None], ...] = (
    parameters.check_repeats,
    parameters.check_sizes,
    parameters.check_profile,
    parameters.check_response_mode,
    parameters.check_registration,
    parameters.check_response_type,
    parameters.check_pkce,
    parameters.check_dpop_jkt,
)
"""The second half, in this order: whatever needs no value back. Readers of values follow in `read`."""


def read(
    arrival: Arrival,
    sender: Sender,
    issuer: Issuer,
    *,
    supported: Collection[str],
    details: DetailTypes,
    hinted: Callable[[str], Hint | None],
) -> tuple[AuthorizationRequest, Asked]:
    """The second half. `details`: the types that there are. `hinted` reads an `id_token_hint`. Raises: OAuthError."""
    client = sender.client
    if "authorization_code" not in client.grant_types:
        raise UnauthorizedClient(reason=Reason.GRANT_TYPE_NOT_REGISTERED)
    received = Received(arrival=arrival, issuer=issuer, client=client)
    for check in CHECKS:
        check(received)
    scopes = parameters.scopes(received, supported)
    target = parameters.resource(received)
    prompts = parameters.prompts(received)
    claims = parameters.claims(received)
    wanted = authorization_details.read(received.get("authorization_details"), client, details)
    request = AuthorizationRequest(
        client=client.id,
        redirect_uri=sender.redirect_uri,
        scopes=scopes,
        response_mode=sender.response_mode,
        state=sender.state,
        nonce=received.get("nonce"),
        code_challenge=received.get("code_challenge"),
        requested_claims=claims.given,
        response_alg=client.response_alg,
        response_encryption=client.response_encryption,
        authorization_details=wanted,
        resource=target.uri if target else None,
        confirmation=parameters.confirmation(received),
    )
    asked = Asked(
        client=client.id,
        application=client.name,
        acr=classes(received, claims),
        minimum=client.minimum_aal,
        fresh=Prompt.LOGIN in prompts,
        choose_account=Prompt.SELECT_ACCOUNT in prompts,
        silent=Prompt.NONE in prompts,
        max_age=parameters.max_age(received),
        role=role_asked(scopes),
        person=_person(received, claims, hinted),
        hint=received.get("login_hint") or "",
        share=(*sharing.items(scopes, claims.given, request.resource), *words(wanted, details))
        if client.consent
        else (),
        links=sharing.links(client),
        share_anew=Prompt.CONSENT in prompts,
        return_origin=origin(sender.redirect_uri),
    )
    return request, asked


def origin(redirect_uri: str) -> str:
    """As a content security policy names it: scheme and authority, or the scheme alone if it is not the web's."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else f"{parts.scheme}:"


def proving(fields: Fields, name: str) -> str | None:
    """A parameter that decides where the answer goes. Raises: Unreturnable."""
    if name in fields.repeated():
        raise Unreturnable(Reason.REPEATED_PARAMETER)
    value = fields.get(name)
    if value is not None and not is_plain(value, LIMITS[name]):
        raise Unreturnable(Reason.MALFORMED)
    return value


def _mode_for_errors(fields: Fields, issuer: Issuer, client: Client) -> ResponseMode:
    asked = demands(issuer, client)
    try:
        return parameters.response_mode(fields.get("response_mode"), issuer, asked)
    except (ValueError, OAuthError):
        return ResponseMode.QUERY_JWT if asked.require_signed_response else ResponseMode.QUERY


def _state_for_errors(fields: Fields) -> str | None:
    state = None if "state" in fields.repeated() else fields.get("state")
    return state if state is not None and is_plain(state, LIMITS["state"]) else None


def classes(received: Received, claims: RequestedClaims) -> tuple[str, ...]:
    """What is essential comes before what is merely wished for (OpenID Connect Core section 5.5.1.1); then what the
    client registered; then CIS2's default. Raises: UnmetAuthenticationRequirements."""
    minimum = received.client.minimum_aal
    if claims.acr_essential:
        classes = acr.wanted(claims.acr, minimum=minimum)
        if not classes:
            raise UnmetAuthenticationRequirements(reason=Reason.ACR_UNKNOWN)
        return classes
    asked_for = (*claims.acr, *(received.get("acr_values") or "").split())
    return (
        acr.wanted(asked_for, minimum=minimum)
        or acr.wanted(received.client.default_acr_values, minimum=minimum)
        or (acr.DEFAULT,)
    )


def role_asked(scopes: Collection[str]) -> RoleAsked:
    if "changedrole" in scopes:
        return RoleAsked.CHANGED
    return RoleAsked.SELECTED if "selectedrole" in scopes else RoleAsked.NO


def _person(received: Received, claims: RequestedClaims, hinted: Callable[[str], Hint | None]) -> PersonId | None:
    """Raises: InvalidRequest."""
    hint = received.get("id_token_hint")
    if hint is None:
        return subject.person(claims.subject, received.client, received.issuer) if claims.subject else None
    named = hinted(hint)
    if named is None:
        raise InvalidRequest("id_token_hint is not an ID token of this issuer", reason=Reason.ID_TOKEN_HINT)
    if claims.subject not in {None, named.sub}:
        raise InvalidRequest("id_token_hint and claims name different people", reason=Reason.ID_TOKEN_HINT)
    # Of another client's ID token only a public subject can be meant; a pairwise one is nobody's.
    own = named.client == received.client.id
    return subject.person(named.sub, received.client, received.issuer) if own else PersonId(named.sub)
