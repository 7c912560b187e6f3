"""The parameters of an authorization request, one reader each. Pure.

Source: OpenID Connect Core section 3.1.2.1; RFC 7636; cis2-profile section 2.4.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from carekey.oidc.authorize.errors import (
    Reason,
    RegistrationNotSupported,
    UnsupportedResponseType,
)
from carekey.oidc.errors import InvalidRequest, InvalidScope, UnauthorizedClient
from carekey.oidc.model import Client, ClientAuthMethod, Confirmation, Issuer, Resource, ResponseMode
from carekey.oidc.nesting import too_deep
from carekey.oidc.profiles import Profile, demands
from carekey.oidc.resource import asked
from carekey.oidc.tokens.sender_constraint import JKT
from carekey.web.fields import Fields

LIMITS: Mapping[str, int] = {
    "client_id": 512,
    "redirect_uri": 2048,
    "response_type": 256,
    "response_mode": 64,
    "scope": 4096,
    "state": 2048,
    "nonce": 2048,
    "prompt": 256,
    "max_age": 20,
    "acr_values": 2048,
    "claims": 8192,
    "authorization_details": 8192,
    "id_token_hint": 8192,
    "login_hint": 320,
    "ui_locales": 512,
    "display": 64,
    "code_challenge": 128,
    "code_challenge_method": 64,
    "dpop_jkt": 64,
    "request": 16384,
    "request_uri": 2048,
    "registration": 8192,
}
"""The parameters that we know, and how many characters of each we take. All others are passed over."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_AGE = re.compile(r"[0-9]{1,15}")


def is_plain(text: str, limit: int) -> bool:
    """No more than this long, and nothing in it that is not text (some databases cannot keep NUL)."""
    return len(text) <= limit and not _CONTROL.search(text)


class Prompt(StrEnum):
    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Parameters, and how they came (`arrival.py`)."""

    fields: Fields
    pushed: bool = False
    """The client itself sent them, authenticated (RFC 9126)."""
    signed: bool = False
    """They carried the client's signature (RFC 9101)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request whose client and redirect address are proven; the rest is not yet looked at."""

    arrival: Arrival
    issuer: Issuer
    client: Client

    @property
    def fields(self) -> Fields:
        return self.arrival.fields

    @property
    def demands(self) -> Profile:
        return demands(self.issuer, self.client)

    def get(self, name: str) -> str | None:
        return self.fields.get(name)


def check_repeats(received: Received) -> None:
    """RFC 6749 section 3.1. Parameters unknown to us may repeat: some do by their nature (RFC 8707)."""
    repeated = sorted(received.fields.repeated() & LIMITS.keys())
    if repeated:
        raise InvalidRequest(f"{repeated[0]} was sent more than once", reason=Reason.REPEATED_PARAMETER)


def check_sizes(received: Received) -> None:
    for name in received.fields:
        if name in LIMITS and not is_plain(received.get(name) or "", LIMITS[name]):
            raise InvalidRequest(f"{name} is too long or has control characters", reason=Reason.TOO_LARGE)


def check_profile(received: Received) -> None:
    """What the profile, or the client of its own accord, wants of every request."""
    asked, client = received.demands, received.client
    if asked.lacking is not None:
        raise UnauthorizedClient(f"The client's profile needs {asked.lacking}", reason=Reason.PROFILE_LACKS)
    if (asked.require_par or client.require_par) and not received.arrival.pushed:
        raise InvalidRequest("The request must be pushed", reason=Reason.NOT_PUSHED)
    if (asked.require_signed_request or client.require_signed_request) and not received.arrival.signed:
        raise InvalidRequest("The request must be a signed request object", reason=Reason.NOT_SIGNED)


def check_response_mode(received: Received) -> None:
    response_mode(received.get("response_mode"), received.issuer, received.demands)


def check_registration(received: Received) -> None:
    """Registration in the request is for self-issued providers (OpenID Connect Core section 7.2.1)."""
    if received.get("registration"):
        raise RegistrationNotSupported(reason=Reason.REGISTRATION)


def check_response_type(received: Received) -> None:
    match received.get("response_type"):
        case "code":
            return
        case None:
            raise InvalidRequest("response_type is missing", reason=Reason.NO_RESPONSE_TYPE)
        case _:
            raise UnsupportedResponseType(reason=Reason.RESPONSE_TYPE)


def check_pkce(received: Received) -> None:
    """RFC 7636 sections 4.3 and 4.4.1. `plain`, the default of the method, protects nothing that TLS does not."""
    challenge, method = received.get("code_challenge"), received.get("code_challenge_method")
    if challenge is None:
        if (
            received.client.require_pkce
            or received.demands.require_pkce
            or received.client.auth_method is ClientAuthMethod.NONE
        ):
            raise InvalidRequest("code_challenge is missing", reason=Reason.PKCE_MISSING)
        if method is not None:
            raise InvalidRequest("code_challenge is missing", reason=Reason.PKCE_CHALLENGE)
        return
    if method != "S256":
        raise InvalidRequest("code_challenge_method must be S256", reason=Reason.PKCE_METHOD)
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge must be 43 base64url characters", reason=Reason.PKCE_CHALLENGE)


def check_dpop_jkt(received: Received) -> None:
    """A SHA-256 thumbprint (RFC 9449 section 10)."""
    jkt = received.get("dpop_jkt")
    if jkt is not None and not _CHALLENGE.fullmatch(jkt):
        raise InvalidRequest("dpop_jkt must be 43 base64url characters", reason=Reason.DPOP_JKT)


def confirmation(received: Received) -> Confirmation | None:
    """The key that the code will be bound to."""
    jkt = received.get("dpop_jkt")
    return None if jkt is None else {JKT: jkt}


_MODES = {"jwt": ResponseMode.QUERY_JWT, **{mode.value: mode for mode in ResponseMode}}
"""`jwt` is the default of the response type, as a JWT (JARM section 2.3.4)."""
SIGNED = frozenset({ResponseMode.QUERY_JWT, ResponseMode.FORM_POST_JWT})
_POSTED = frozenset({ResponseMode.FORM_POST, ResponseMode.FORM_POST_JWT})


def response_mode(value: str | None, issuer: Issuer, asked: Profile) -> ResponseMode:
    """Raises: InvalidRequest."""
    mode = ResponseMode.QUERY if value is None else _MODES.get(value)
    if mode is None or (mode in _POSTED and not issuer.form_post):
        raise InvalidRequest("response_mode is not supported", reason=Reason.RESPONSE_MODE)
    if asked.require_signed_response and mode not in SIGNED:
        raise InvalidRequest("response_mode must be a signed one: jwt", reason=Reason.RESPONSE_NOT_SIGNED)
    return mode


def response_modes(issuer: Issuer, asked: Profile) -> list[str]:
    """All that are supported."""
    return [
        name
        for name, mode in sorted(_MODES.items(), key=lambda one: list(ResponseMode).index(one[1]))
        if (issuer.form_post or mode not in _POSTED) and (mode in SIGNED or not asked.require_signed_response)
    ]


def scopes(received: Received, supported: Collection[str]) -> tuple[str, ...]:
    """Those asked for that exist and that the client may have, each once, in the order asked.

    Unknown and repeated ones do no harm (cis2-profile section 2.17). Raises: InvalidScope.
    """
    client, target = received.client, resource(received)
    allowed = client.scopes
    offered = {*supported, *(target.scopes if target else ())}
    # RFC 8707 section 2; OpenID Connect Core section 11: what is not to be had is passed over.
    always = {"openid", "offline_access"} if client.may_be_offline else {"openid"}
    granted = tuple(
        dict.fromkeys(
            scope
            for scope in (received.get("scope") or "").split(" ")
            if scope in always or (scope in offered and (allowed is None or scope in allowed))
        )
    )
    if "openid" not in granted:
        raise InvalidScope("scope must contain openid", reason=Reason.NO_OPENID_SCOPE)
    return granted


def resource(received: Received) -> Resource | None:
    """For which API tokens are wanted (RFC 8707 section 2.1). Raises: InvalidTarget."""
    return asked(received.fields, received.client, received.issuer)


def prompts(received: Received) -> frozenset[Prompt]:
    """Raises: InvalidRequest."""
    values = (received.get("prompt") or "").split()
    if unknown := set(values) - set(Prompt):
        raise InvalidRequest(f"prompt has an unknown value ({len(unknown)})", reason=Reason.PROMPT)
    if Prompt.NONE in values and len(set(values)) > 1:
        raise InvalidRequest("prompt=none must stand alone", reason=Reason.PROMPT)
    return frozenset(Prompt(value) for value in values)


def max_age(received: Received) -> int | None:
    """Seconds, of any size: one client sends milliseconds. Raises: InvalidRequest."""
    value = received.get("max_age")
    if value is None:
        return received.client.default_max_age
    if not _MAX_AGE.fullmatch(value):
        raise InvalidRequest("max_age must be a number of seconds", reason=Reason.MAX_AGE)
    return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedClaims:
    """The `claims` parameter (OpenID Connect Core section 5.5), and what of it concerns the log-in."""

    given: Mapping[str, Any]
    acr: tuple[str, ...] = ()
    acr_essential: bool = False
    subject: str | None = None


def claims(received: Received) -> RequestedClaims:
    """Raises: InvalidRequest."""
    value = received.get("claims")
    if value is None:
        return RequestedClaims(given={})
    wrong = InvalidRequest("claims must be a JSON object of the specified form", reason=Reason.CLAIMS)
    try:
        given = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(given, dict) or too_deep(given):
        raise wrong
    for place in ("userinfo", "id_token"):
        members = given.get(place, {})
        if not isinstance(members, dict) or not all(isinstance(one, dict | None) for one in members.values()):
            raise wrong
    wanted = given.get("id_token", {})
    acr, sub = wanted.get("acr") or {}, wanted.get("sub") or {}
    values = [acr["value"]] if "value" in acr else acr.get("values", [])
    subject = sub.get("value")
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise wrong
    if subject is not None and not (isinstance(subject, str) and is_plain(subject, 255)):
        raise wrong
    return RequestedClaims(
        given={place: given[place] for place in ("userinfo", "id_token") if place in given},
        acr=tuple(values),
        acr_essential=acr.get("essential") is True and bool(values),
        subject=subject,
    )
