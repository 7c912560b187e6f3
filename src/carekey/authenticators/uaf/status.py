"""UAF status codes, and the true reasons behind them (UAF HTTP transport, "Server Response"; section 9).

The client learns the status and no more; the reason belongs on the audit record.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Status(IntEnum):
    """What the relying party's app is told, and hands on to the UAF client."""

    OK = 1200
    ACCEPTED = 1202
    BAD_REQUEST = 1400
    UNAUTHORIZED = 1401
    FORBIDDEN = 1403
    NOT_FOUND = 1404
    REQUEST_TIMEOUT = 1408
    UNKNOWN_AAID = 1480
    UNKNOWN_KEY_ID = 1481
    CHANNEL_BINDING_REFUSED = 1490
    REQUEST_INVALID = 1491
    UNACCEPTABLE_AUTHENTICATOR = 1492
    REVOKED_AUTHENTICATOR = 1493
    UNACCEPTABLE_KEY = 1494
    UNACCEPTABLE_ALGORITHM = 1495
    UNACCEPTABLE_ATTESTATION = 1496
    UNACCEPTABLE_CLIENT_CAPABILITIES = 1497
    UNACCEPTABLE_CONTENT = 1498
    INTERNAL_SERVER_ERROR = 1500


class Reason(StrEnum):
    """Why a message was refused. Tests and the audit record use these; wording may change freely."""

    BAD_ENVELOPE = "bad-envelope"
    TOO_LARGE = "too-large"
    NOT_JSON = "not-json"
    DUPLICATE_MEMBER = "duplicate-member"
    TOO_DEEP = "too-deep"
    NULL_VALUE = "null-value"
    LONE_SURROGATE = "lone-surrogate"
    NON_FINITE_NUMBER = "non-finite-number"
    NOT_BASE64URL = "not-base64url"
    NOT_ONE_MESSAGE = "not-one-message"
    FIELD = "field-missing-or-mistyped"
    VERSION = "wrong-version"
    OPERATION = "wrong-operation"
    UNKNOWN_EXTENSION = "unknown-extension"
    EXTENSION = "bad-extension"

    NOT_SIGNED_IN = "not-signed-in"
    SESSION_UNKNOWN = "session-unknown-or-used"
    SESSION_EXPIRED = "session-expired"
    WRONG_BROWSER = "wrong-browser"
    WRONG_PERSON = "wrong-person"
    CHALLENGE = "wrong-challenge"
    APP_ID = "wrong-app-id"
    FACET = "untrusted-facet"
    CHANNEL_BINDING = "channel-binding"

    TLV = "malformed-tlv"
    TLV_TOO_DEEP = "tlv-too-deep"
    TLV_TOO_LARGE = "tlv-too-large"
    TLV_UNEXPECTED = "unexpected-element"
    TLV_MISSING = "missing-element"
    TLV_REPEATED = "repeated-element"
    TLV_CRITICAL = "unknown-critical-element"
    TLV_LENGTH = "wrong-length"
    AAID_FORM = "malformed-aaid"
    SCHEME = "wrong-scheme"
    SAME_KEY_TWICE = "same-key-twice"

    UNKNOWN_AAID = "unknown-model"
    METADATA_STALE = "metadata-stale"
    UNKNOWN_KEY = "unknown-key"
    FOREIGN_KEY = "key-of-another-person"
    SUSPENDED = "registration-suspended"
    POLICY = "policy-not-met"
    VERSION_TOO_OLD = "authenticator-version-too-old"
    CANNOT_CONFIRM = "model-cannot-confirm"
    ENROLMENT_CHANGED = "enrolled-biometrics-changed"
    USER_VERIFICATION = "user-verification-method"
    REVOKED = "model-revoked"
    KEY = "unacceptable-key"
    ALGORITHM = "unacceptable-algorithm"
    ATTESTATION_TYPE = "unacceptable-attestation-type"
    ATTESTATION_CHAIN = "attestation-chain"
    ATTESTATION_AAID = "attestation-for-another-model"
    ATTESTATION_SIGNATURE = "attestation-signature"
    ANDROID_KEY_ATTESTATION = "android-key-attestation"

    MODE = "wrong-mode"
    FINAL_CHALLENGE_HASH = "final-challenge-hash"
    TRANSACTION_HASH = "transaction-hash"
    SIGNATURE = "signature"
    CLONE_SUSPECTED = "clone-suspected"

    KEY_ID_TAKEN = "key-id-already-registered"
    KEY_TAKEN = "public-key-already-registered"
    TOO_MANY = "too-many-registrations"
    NOT_ALLOWED = "not-allowed"

    FAULT = "fault-of-the-server"


_STATUS: dict[Reason, Status] = {
    Reason.BAD_ENVELOPE: Status.BAD_REQUEST,
    Reason.NOT_SIGNED_IN: Status.UNAUTHORIZED,
    Reason.SESSION_UNKNOWN: Status.REQUEST_INVALID,
    Reason.SESSION_EXPIRED: Status.REQUEST_INVALID,
    Reason.WRONG_BROWSER: Status.REQUEST_INVALID,
    Reason.WRONG_PERSON: Status.UNAUTHORIZED,
    Reason.FACET: Status.FORBIDDEN,
    Reason.CHANNEL_BINDING: Status.CHANNEL_BINDING_REFUSED,
    Reason.UNKNOWN_AAID: Status.UNKNOWN_AAID,
    Reason.METADATA_STALE: Status.UNKNOWN_AAID,
    Reason.UNKNOWN_KEY: Status.UNKNOWN_KEY_ID,
    Reason.FOREIGN_KEY: Status.UNKNOWN_KEY_ID,
    Reason.SUSPENDED: Status.FORBIDDEN,
    Reason.POLICY: Status.UNACCEPTABLE_AUTHENTICATOR,
    Reason.VERSION_TOO_OLD: Status.UNACCEPTABLE_AUTHENTICATOR,
    Reason.CANNOT_CONFIRM: Status.UNACCEPTABLE_AUTHENTICATOR,
    Reason.ENROLMENT_CHANGED: Status.UNACCEPTABLE_AUTHENTICATOR,
    Reason.USER_VERIFICATION: Status.UNACCEPTABLE_AUTHENTICATOR,
    Reason.REVOKED: Status.REVOKED_AUTHENTICATOR,
    Reason.KEY: Status.UNACCEPTABLE_KEY,
    Reason.ALGORITHM: Status.UNACCEPTABLE_ALGORITHM,
    Reason.ATTESTATION_TYPE: Status.UNACCEPTABLE_ATTESTATION,
    Reason.ATTESTATION_CHAIN: Status.UNACCEPTABLE_ATTESTATION,
    Reason.ATTESTATION_AAID: Status.UNACCEPTABLE_ATTESTATION,
    Reason.ATTESTATION_SIGNATURE: Status.UNACCEPTABLE_ATTESTATION,
    Reason.ANDROID_KEY_ATTESTATION: Status.UNACCEPTABLE_ATTESTATION,
    Reason.KEY_TAKEN: Status.UNACCEPTABLE_KEY,
    Reason.TOO_MANY: Status.FORBIDDEN,
    Reason.NOT_ALLOWED: Status.FORBIDDEN,
    Reason.FAULT: Status.INTERNAL_SERVER_ERROR,
}

_CONFORMANCE = frozenset({Status.FORBIDDEN, Status.UNACCEPTABLE_ALGORITHM, Status.UNACCEPTABLE_ATTESTATION})

WHOLE_MESSAGE = frozenset({Reason.TLV_CRITICAL, Reason.UNKNOWN_EXTENSION, Reason.SUSPENDED, Reason.SAME_KEY_TWICE})
"""Found in one assertion, these refuse the message; any other refuses the assertion alone (sections 11.1, 11.6, 16.2)."""


def status(reason: Reason, *, conformance: bool = False) -> Status:
    """The code that the client is told: 1498 unless section 9.3 names a finer one.

    `conformance` is for the certification tool, which expects 1498 in some more places.
    """
    code = _STATUS.get(reason, Status.UNACCEPTABLE_CONTENT)
    if conformance and code in _CONFORMANCE:
        return Status.UNACCEPTABLE_CONTENT
    return code


class UafError(Exception):
    """A message that must be refused. `detail` is for the audit record: where, never what was sent."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """How a ceremony ends otherwise. Nothing has changed."""

    reason: Reason
    detail: str = ""
    aaid: str = ""
    key_id: bytes = b""
    """Which registration is concerned, where one is: after CLONE_SUSPECTED it is to be suspended."""

    @property
    def status(self) -> Status:
        return status(self.reason)
