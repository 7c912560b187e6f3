"""Errors of the backchannel authentication endpoint (CIBA Core section 13)."""

from enum import StrEnum

from carekey.oidc.authorize.errors import AccessDenied
from carekey.oidc.errors import OAuthError


class Reason(StrEnum):
    """What was really wrong, for the audit record."""

    NO_HINT = "no_hint"
    SEVERAL_HINTS = "several_hints"
    HINT_NAMES_NOBODY = "hint_names_nobody"
    HINT_TOKEN = "hint_token"  # noqa: S105 (a reason's name)
    HINT_TOKEN_EXPIRED = "hint_token_expired"  # noqa: S105
    NOT_SIGNED = "not_signed"
    BESIDE_THE_OBJECT = "beside_the_object"
    OBJECT_CLAIMS = "object_claims"
    OBJECT_REPLAYED = "object_replayed"
    NOTIFICATION_TOKEN = "notification_token"  # noqa: S105
    BINDING_MESSAGE = "binding_message"
    BINDING_MESSAGE_MISSING = "binding_message_missing"
    REQUESTED_EXPIRY = "requested_expiry"
    TOO_MANY_OPEN = "too_many_open"
    NO_DELIVERY = "no_delivery"
    USER_CODE_MISSING = "user_code_missing"
    USER_CODE = "user_code"
    TOO_MANY_WRONG_CODES = "too_many_wrong_codes"


class UnknownUserId(OAuthError):
    """Only for a hint that could name nobody: whether there is a person of a certain number is not told."""

    code = "unknown_user_id"
    usual = "The hint is not one that names a person"


class ExpiredLoginHintToken(OAuthError):
    code = "expired_login_hint_token"
    usual = "The login_hint_token has expired"


class InvalidBindingMessage(OAuthError):
    code = "invalid_binding_message"
    usual = "The binding_message must be 1 to 100 letters, digits, signs and single spaces"


class TooManyOpen(AccessDenied):
    """Section 13: `access_denied` has the status 403 here."""

    status = 403
    usual = "Too many requests are waiting for this person"


class MissingUserCode(OAuthError):
    code = "missing_user_code"
    usual = "The client has to send the user_code that the person gives it"


class InvalidUserCode(OAuthError):
    """Also where the person has none, and where there is no such person."""

    code = "invalid_user_code"
    usual = "The user_code is wrong"


class TooManyWrongCodes(AccessDenied):
    status = 403
    usual = "Too many wrong user codes came from this client for this person: try again in 15 minutes, or a day at most"
