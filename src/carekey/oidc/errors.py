"""The errors that leave by the wire: one class per code, in one place to look.

`description` is read by whoever sent the request and says no more than they should know; the wording is CIS2's
where there is one, because clients look for it (cis2-profile section 2.14). `reason` says what was really wrong: it
goes on the audit record, and tests compare it.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """What was really wrong, for the audit record."""

    FAULT = "fault"
    UNAVAILABLE = "unavailable"
    MALFORMED = "malformed"
    REPEATED_PARAMETER = "repeated_parameter"
    MISSING_PARAMETER = "missing_parameter"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNKNOWN_GRANT_TYPE = "unknown_grant_type"
    GRANT_TYPE_NOT_REGISTERED = "grant_type_not_registered"
    SCOPE_NOT_REGISTERED = "scope_not_registered"
    PROFILE_LACKS = "profile_lacks"

    NO_CLIENT = "no_client"
    UNKNOWN_CLIENT = "unknown_client"
    DISABLED_CLIENT = "disabled_client"
    SEVERAL_CLIENT_IDS = "several_client_ids"
    SEVERAL_METHODS = "several_methods"
    METHOD_NOT_REGISTERED = "method_not_registered"
    MALFORMED_BASIC = "malformed_basic"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 (a reason's name)
    ASSERTION_TYPE = "assertion_type"
    ASSERTION_MALFORMED = "assertion_malformed"
    ASSERTION_TYP = "assertion_typ"
    ASSERTION_ALG = "assertion_alg"
    ASSERTION_UNKNOWN_KEY = "assertion_unknown_key"
    ASSERTION_SIGNATURE = "assertion_signature"
    ASSERTION_ISSUER = "assertion_issuer"
    ASSERTION_AUDIENCE = "assertion_audience"
    ASSERTION_EXPIRED = "assertion_expired"
    ASSERTION_TOO_LONG = "assertion_too_long"
    ASSERTION_NOT_YET = "assertion_not_yet"
    ASSERTION_JTI = "assertion_jti"
    ASSERTION_REPLAYED = "assertion_replayed"
    KEYS_UNAVAILABLE = "keys_unavailable"

    ATTESTATION_MISSING = "attestation_missing"
    ATTESTATION_SEVERAL = "attestation_several"
    ATTESTATION_MALFORMED = "attestation_malformed"
    ATTESTATION_TYP = "attestation_typ"
    ATTESTATION_ALG = "attestation_alg"
    ATTESTATION_UNTRUSTED = "attestation_untrusted"
    ATTESTATION_KEY = "attestation_key"
    ATTESTATION_NOT_FRESH = "attestation_not_fresh"
    ATTESTATION_CLIENT = "attestation_client"
    ATTESTATION_PROOF_MISSING = "attestation_proof_missing"
    ATTESTATION_PROOF_SEVERAL = "attestation_proof_several"
    ATTESTATION_PROOF_MALFORMED = "attestation_proof_malformed"
    ATTESTATION_PROOF_TYP = "attestation_proof_typ"
    ATTESTATION_PROOF_ALG = "attestation_proof_alg"
    ATTESTATION_PROOF_SIGNATURE = "attestation_proof_signature"
    ATTESTATION_PROOF_AUDIENCE = "attestation_proof_audience"
    ATTESTATION_PROOF_TIME = "attestation_proof_time"
    ATTESTATION_CHALLENGE = "attestation_challenge"

    CERTIFICATE_MISSING = "certificate_missing"
    CERTIFICATE_MALFORMED = "certificate_malformed"
    CERTIFICATE_WEAK = "certificate_weak"
    CERTIFICATE_NOT_VALID_NOW = "certificate_not_valid_now"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_NAME = "certificate_name"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_REVOKED = "certificate_revoked"
    REVOCATION_UNKNOWN = "revocation_unknown"

    UNKNOWN_CODE = "unknown_code"
    CODE_EXPIRED = "code_expired"
    CODE_REPLAYED = "code_replayed"
    CODE_OF_ANOTHER_CLIENT = "code_of_another_client"
    CODE_OF_ANOTHER_ISSUER = "code_of_another_issuer"
    REDIRECT_URI_DIFFERS = "redirect_uri_differs"
    PKCE_MISSING = "pkce_missing"
    PKCE_UNEXPECTED = "pkce_unexpected"
    PKCE_MISMATCH = "pkce_mismatch"
    SESSION_ENDED = "session_ended"

    UNKNOWN_REFRESH_TOKEN = "unknown_refresh_token"  # noqa: S105
    REFRESH_TOKEN_REPLAYED = "refresh_token_replayed"  # noqa: S105
    REFRESH_TOKEN_REVOKED = "refresh_token_revoked"  # noqa: S105
    REFRESH_TOKEN_EXPIRED = "refresh_token_expired"  # noqa: S105
    CONSENT_WITHDRAWN = "consent_withdrawn"
    WAY_REMOVED = "way_removed"
    OFFLINE_NOT_ALLOWED = "offline_not_allowed"
    ROLE_NOT_HELD = "role_not_held"
    SCOPE_NOT_GRANTED = "scope_not_granted"
    UNKNOWN_RESOURCE = "unknown_resource"
    RESOURCE_NOT_REGISTERED = "resource_not_registered"
    RESOURCE_NOT_GRANTED = "resource_not_granted"
    SEVERAL_RESOURCES = "several_resources"
    NO_RESOURCE = "no_resource"
    SUBJECT_TOKEN_TYPE = "subject_token_type"  # noqa: S105
    SUBJECT_TOKEN_INVALID = "subject_token_invalid"  # noqa: S105
    SUBJECT_TOKEN_EXPIRED = "subject_token_expired"  # noqa: S105
    REQUESTED_TOKEN_TYPE = "requested_token_type"  # noqa: S105
    ACTOR_TOKEN = "actor_token"  # noqa: S105
    EXCHANGE_NOT_ALLOWED = "exchange_not_allowed"
    ASSERTION_NOT_ALLOWED = "assertion_not_allowed"
    NOT_FOR_PUBLIC_CLIENTS = "not_for_public_clients"

    NOT_CONSTRAINED = "not_constrained"
    NOT_THE_SENDER = "not_the_sender"
    TOKEN_NOT_BOUND = "token_not_bound"  # noqa: S105
    DPOP_MISSING = "dpop_missing"
    DPOP_SEVERAL = "dpop_several"
    DPOP_MALFORMED = "dpop_malformed"
    DPOP_TYP = "dpop_typ"
    DPOP_ALG = "dpop_alg"
    DPOP_KEY = "dpop_key"
    DPOP_PRIVATE_KEY = "dpop_private_key"
    DPOP_SIGNATURE = "dpop_signature"
    DPOP_METHOD = "dpop_method"
    DPOP_ADDRESS = "dpop_address"
    DPOP_NONCE = "dpop_nonce"
    DPOP_TIME = "dpop_time"
    DPOP_TOKEN = "dpop_token"  # noqa: S105
    DPOP_REPLAYED = "dpop_replayed"

    UNKNOWN_REQUEST = "unknown_request"
    REQUEST_EXPIRED = "request_expired"
    PERSON_REFUSED = "person_refused"
    PENDING = "pending"
    TOO_SOON = "too_soon"
    TOKENS_ARE_PUSHED = "tokens_are_pushed"
    METADATA = "metadata"
    TOO_MANY = "too_many"
    BEYOND_ALLOWANCE = "beyond_allowance"
    SECTOR = "sector"
    STATEMENT_MALFORMED = "statement_malformed"
    STATEMENT_ISSUER = "statement_issuer"
    STATEMENT_SIGNATURE = "statement_signature"
    STATEMENT_EXPIRED = "statement_expired"
    ANOTHER_TEAM = "another_team"
    CHANGED_MEANWHILE = "changed_meanwhile"
    NO_ENCRYPTION_KEY = "no_encryption_key"

    NO_TOKEN = "no_token"  # noqa: S105
    SEVERAL_TOKENS = "several_tokens"
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    TOKEN_OF_ANOTHER_ISSUER = "token_of_another_issuer"  # noqa: S105
    TOKEN_OF_ANOTHER_CLIENT = "token_of_another_client"  # noqa: S105
    TOKEN_FOR_ANOTHER_AUDIENCE = "token_for_another_audience"  # noqa: S105
    PERSON_NOT_ACTIVE = "person_not_active"
    NO_OPENID_SCOPE = "no_openid_scope"


class OAuthError(Exception):
    code: ClassVar[str]
    status: int = 400
    usual: ClassVar[str]
    told: ClassVar[Mapping[StrEnum, str]] = {}
    """What to say instead where the sender alone can mend it, and learns nothing by it but about what they sent."""

    def __init__(self, description: str | None = None, *, reason: StrEnum) -> None:
        self.description = _plain(description or self.told.get(reason, self.usual))
        self.reason = reason
        super().__init__(f"{self.code}: {reason}")

    def body(self) -> dict[str, str]:
        """Members in the order in which CIS2 gives them."""
        return {"error_description": self.description, "error": self.code}


def _plain(text: str) -> str:
    """In the characters that RFC 6749 section 5.2 allows, whatever is repeated of what somebody sent."""
    return _NOT_PLAIN.sub("?", text.replace('"', "'"))


_NOT_PLAIN = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class InvalidRequest(OAuthError):
    """RFC 6749 sections 4.1.2.1 and 5.2; RFC 6750 section 3.1."""

    code = "invalid_request"
    usual = "The request could not be understood"


class TooLarge(InvalidRequest):
    """More was sent than any request needs."""

    status = 413
    usual = "The request is too large"


class TooSlow(InvalidRequest):
    """The request did not arrive in time."""

    status = 408
    usual = "The request did not arrive in time"


class InvalidClient(OAuthError):
    """RFC 6749 section 5.2."""

    code = "invalid_client"
    status = 401
    usual = "Client authentication failed"


class InvalidAssertion(InvalidClient):
    """A client assertion was refused. One text for every cause: cis2-profile sections 2.8 and 2.17."""

    usual = "JWT is not valid"


class UseFreshAttestation(OAuthError):
    """draft-ietf-oauth-attestation-based-client-auth-10 section 7.4."""

    code = "use_fresh_attestation"
    usual = "The client attestation has run out, or is not yet valid: get a new one"


class UseAttestationChallenge(OAuthError):
    """draft-ietf-oauth-attestation-based-client-auth-10 section 7.4. The challenge to use comes with it, in the header
    OAuth-Client-Attestation-Challenge."""

    code = "use_attestation_challenge"
    usual = "The proof must have the challenge that comes with this answer"


class InvalidGrant(OAuthError):
    """RFC 6749 section 5.2."""

    code = "invalid_grant"
    usual = "The provided access grant is invalid, expired, or revoked."


class UnauthorizedClient(OAuthError):
    """RFC 6749 sections 4.1.2.1 and 5.2."""

    code = "unauthorized_client"
    usual = "The client is not authorized to use this grant type"


class UnsupportedGrantType(OAuthError):
    """RFC 6749 section 5.2."""

    code = "unsupported_grant_type"
    usual = "Grant type is not supported"


class InvalidScope(OAuthError):
    """RFC 6749 sections 4.1.2.1 and 5.2."""

    code = "invalid_scope"
    usual = "The requested scope is invalid, unknown, or malformed"


class InvalidTarget(OAuthError):
    """RFC 8707 section 2; RFC 8693 section 2.2.2."""

    code = "invalid_target"
    usual = "The requested resource is invalid, missing, unknown, or malformed"


class InvalidToken(OAuthError):
    """RFC 6750 section 3.1."""

    code = "invalid_token"
    status = 401
    usual = "The access token provided is expired, revoked, malformed, or invalid for other reasons."


class InsufficientScope(OAuthError):
    """RFC 6750 section 3.1."""

    code = "insufficient_scope"
    status = 403
    usual = "The request requires higher privileges than provided by the access token."


class InvalidDpopProof(OAuthError):
    """RFC 9449 sections 5 and 7.1. At a resource its status is 401."""

    code = "invalid_dpop_proof"
    usual = "The DPoP proof is not valid"
    told: ClassVar[Mapping[StrEnum, str]] = {
        Reason.DPOP_MISSING: "A DPoP proof is needed",
        Reason.DPOP_SEVERAL: "Send one DPoP header, with one proof",
        Reason.DPOP_MALFORMED: "The DPoP proof must be a JWT with jwk in its header, and with jti, htm, htu and iat",
        Reason.DPOP_TYP: "typ of the DPoP proof must be dpop+jwt",
        Reason.DPOP_ALG: "alg of the DPoP proof is not taken here, or not from this client",
        Reason.DPOP_KEY: "jwk of the DPoP proof must be a public key that fits its alg",
        Reason.DPOP_PRIVATE_KEY: "jwk of the DPoP proof holds the private key: make a new key",
        Reason.DPOP_SIGNATURE: "The DPoP proof is not signed with the key in its jwk",
        Reason.DPOP_METHOD: "htm of the DPoP proof is not the method of this request",
        Reason.DPOP_ADDRESS: "htu of the DPoP proof is not the address of this request",
        Reason.DPOP_TIME: "iat of the DPoP proof is more than 60 seconds from the time here",
        Reason.DPOP_TOKEN: "ath of the DPoP proof is not the digest of the access token",
        Reason.DPOP_REPLAYED: "The DPoP proof was used before: make a new one for each request",
    }


class UseDpopNonce(OAuthError):
    """RFC 9449 sections 8 and 9. The nonce to use comes with it, in the header DPoP-Nonce."""

    code = "use_dpop_nonce"
    usual = "The DPoP proof must have the nonce that comes with this answer"


class InvalidRedirectUri(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_redirect_uri"
    usual = "A redirect address cannot be registered"


class InvalidClientMetadata(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_client_metadata"
    usual = "The metadata cannot be registered"


class InvalidSoftwareStatement(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_software_statement"
    usual = "The software statement is not valid"


class UnapprovedSoftwareStatement(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "unapproved_software_statement"
    usual = "The software statement is of nobody who is trusted here"


class TooManyRegistrations(OAuthError):
    """RFC 6585 section 4; RFC 7591 has no code of its own for it, and RFC 6749 section 4.1.2.1 has this one."""

    code = "temporarily_unavailable"
    status = 429
    usual = "Too many have registered in the last hour"

    def __init__(self, *, retry_after: timedelta, reason: StrEnum) -> None:
        self.retry_after = retry_after
        super().__init__(reason=reason)


class NoSuchClient(InvalidRequest):
    """There is none, or it is not for the caller to see."""

    status = 404
    usual = "The team has no client of this id"


class RegistrationConflict(InvalidClientMetadata):
    """Of two changes at once, the other won."""

    status = 409
    usual = "The client was changed at the same time: read it again"


class ServerError(OAuthError):
    """Our own fault."""

    code = "server_error"
    status = 500
    usual = "The service could not answer"


class TemporarilyUnavailable(OAuthError):
    """The store is down. RFC 6749 section 4.1.2.1 has the name."""

    code = "temporarily_unavailable"
    status = 503
    usual = "The service is unavailable"
