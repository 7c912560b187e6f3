"""Errors of the authorization endpoint: one class per wire code, delivered by redirect (RFC 6749 section 4.1.2.1,
OpenID Connect Core section 3.1.2.6), and the one that must not be."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from carekey.oidc.errors import OAuthError


class Reason(StrEnum):
    """What was really wrong, for the audit record."""

    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    MALFORMED = "malformed"
    REPEATED_PARAMETER = "repeated_parameter"
    NO_CLIENT = "no_client"
    UNKNOWN_CLIENT = "unknown_client"
    DISABLED_CLIENT = "disabled_client"
    NO_REDIRECT_URI = "no_redirect_uri"
    UNREGISTERED_REDIRECT_URI = "unregistered_redirect_uri"
    GRANT_TYPE_NOT_REGISTERED = "grant_type_not_registered"
    NO_RESPONSE_TYPE = "no_response_type"
    RESPONSE_TYPE = "response_type"
    RESPONSE_MODE = "response_mode"
    OBJECT_AND_URI = "object_and_uri"
    OBJECT_MALFORMED = "object_malformed"
    OBJECT_ALG = "object_alg"
    OBJECT_TYP = "object_typ"
    OBJECT_UNKNOWN_KEY = "object_unknown_key"
    OBJECT_SIGNATURE = "object_signature"
    OBJECT_NESTED = "object_nested"
    OBJECT_CLIENT = "object_client"
    OBJECT_ISSUER = "object_issuer"
    OBJECT_SUBJECT = "object_subject"
    OBJECT_AUDIENCE = "object_audience"
    OBJECT_TIMES = "object_times"
    OBJECT_VALUE = "object_value"
    KEYS_UNAVAILABLE = "keys_unavailable"
    REQUEST_URI = "request_uri"
    REQUEST_URI_NOT_REGISTERED = "request_uri_not_registered"
    REQUEST_URI_UNREACHABLE = "request_uri_unreachable"
    REQUEST_URI_UNKNOWN = "request_uri_unknown"
    REQUEST_URI_EXPIRED = "request_uri_expired"
    REQUEST_URI_OF_ANOTHER_CLIENT = "request_uri_of_another_client"
    REQUEST_URI_PUSHED = "request_uri_pushed"
    NOT_PUSHED = "not_pushed"
    DPOP_JKT = "dpop_jkt"
    NOT_SIGNED = "not_signed"
    RESPONSE_NOT_SIGNED = "response_not_signed"
    PROFILE_LACKS = "profile_lacks"
    DETAILS_MALFORMED = "details_malformed"
    DETAILS_TYPE = "details_type"
    DETAILS_TYPE_NOT_REGISTERED = "details_type_not_registered"
    DETAILS_MEMBERS = "details_members"
    REGISTRATION = "registration"
    NO_OPENID_SCOPE = "no_openid_scope"
    PROMPT = "prompt"
    MAX_AGE = "max_age"
    CLAIMS = "claims"
    ACR_UNKNOWN = "acr_unknown"
    ID_TOKEN_HINT = "id_token_hint"  # noqa: S105 (a reason's name)
    PKCE_MISSING = "pkce_missing"
    PKCE_METHOD = "pkce_method"
    PKCE_CHALLENGE = "pkce_challenge"


class Unreturnable(Exception):
    """There is no address that the error may be sent to: the person sees a page (ux.md A9).

    A redirect to an address that nobody registered would make us an open redirector (RFC 9700 section 4.11)."""

    def __init__(self, reason: StrEnum, *, client: str = "", switched_off: str = "") -> None:
        self.reason = reason
        self.client = client
        """Only what the request said."""
        self.switched_off = switched_off
        """Name of the application, if that is why."""
        super().__init__(reason)


class UnsupportedResponseType(OAuthError):
    code = "unsupported_response_type"
    usual = "Only the response type code is supported"


class InvalidRequestObject(OAuthError):
    """RFC 9101 section 7; OpenID Connect Core section 3.1.2.6."""

    code = "invalid_request_object"
    usual = "The request object is not valid"
    told: ClassVar[Mapping[StrEnum, str]] = {
        Reason.OBJECT_MALFORMED: "The request object is no signed JWT that can be read here",
        Reason.OBJECT_ALG: "alg of the request object is not taken here, or is not the one that the client registered",
        Reason.OBJECT_TYP: "typ of the request object must be oauth-authz-req+jwt or JWT, if there is one",
        Reason.OBJECT_UNKNOWN_KEY: "The client has no key of the kid and alg of the request object",
        Reason.OBJECT_SIGNATURE: "The request object is not signed with a key of the client",
        Reason.OBJECT_NESTED: "The request object must have neither request nor request_uri",
        Reason.OBJECT_CLIENT: "client_id of the request object must be there, and be that of the request",
        Reason.OBJECT_ISSUER: "iss of the request object must be the client_id",
        Reason.OBJECT_SUBJECT: "sub of the request object must not be the client_id",
        Reason.OBJECT_AUDIENCE: "aud of the request object must be the issuer",
        Reason.OBJECT_TIMES: "The request object has expired or is not valid yet, or its exp, nbf or iat is no time, or the "
        "profile of the client needs nbf, and exp within an hour of it",
        Reason.OBJECT_VALUE: "A parameter in the request object is of a type that it cannot have",
        Reason.KEYS_UNAVAILABLE: "The keys of the client could not be read from its jwks_uri",
    }


class InvalidRequestUri(OAuthError):
    """RFC 9101 section 7; OpenID Connect Core section 3.1.2.6."""

    code = "invalid_request_uri"
    usual = "The request_uri cannot be used"
    told: ClassVar[Mapping[StrEnum, str]] = {
        Reason.REQUEST_URI_NOT_REGISTERED: "The request_uri is not registered for the client",
        Reason.REQUEST_URI_UNREACHABLE: "Nothing could be read from the request_uri",
    }


class InvalidAuthorizationDetails(OAuthError):
    """RFC 9396 section 5."""

    code = "invalid_authorization_details"
    usual = "authorization_details asks for something that is not offered or not in the form that it has"


class RegistrationNotSupported(OAuthError):
    code = "registration_not_supported"
    usual = "The registration parameter is not supported"


class AccessDenied(OAuthError):
    code = "access_denied"
    usual = "The person did not log in"


class LoginRequired(OAuthError):
    code = "login_required"
    usual = "The person has to log in"


class InteractionRequired(OAuthError):
    code = "interaction_required"
    usual = "The person has to choose a role"


class ConsentRequired(OAuthError):
    code = "consent_required"
    usual = "The person has to agree to share information"


class UnmetAuthenticationRequirements(OAuthError):
    """OpenID Connect Core Error Code unmet_authentication_requirements 1.0."""

    code = "unmet_authentication_requirements"
    usual = "None of the essential acr values is supported"
