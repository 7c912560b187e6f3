"""The JSON dictionaries of UAF 1.0, 1.1 and 1.2 (sections 4 and 8.2).

A structure that exists has its mandatory members, of the right types and within the limits of section 3.
Unknown members are ignored. Attributes that a message did not have are UNSET.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from carekey.authenticators.uaf import base64url, strict_json
from carekey.authenticators.uaf.status import Reason, UafError

CONTENT_TYPE = "application/fido+uaf; charset=utf-8"
AAID_PATTERN = "^[0-9A-Fa-f]{4}#[0-9A-Fa-f]{4}$"

Octet = Annotated[int, Meta(ge=0, le=0xFF)]
U16 = Annotated[int, Meta(ge=0, le=0xFFFF)]
U32 = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Text = Annotated[str, Meta(min_length=1)]
Identifier = Annotated[str, Meta(min_length=1, max_length=512)]
Base64Url = Annotated[str, Meta(min_length=1, pattern="^[A-Za-z0-9_-]+={0,2}$")]
Aaid = Annotated[str, Meta(pattern=AAID_PATTERN)]
Operation = Literal["Reg", "Auth", "Dereg"]

T = TypeVar("T")
NonEmpty = Annotated[tuple[T, ...], Meta(min_length=1)]


class _Dictionary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class Version(_Dictionary, frozen=True, kw_only=True):
    major: U16
    minor: U16


UAF_1_0 = Version(major=1, minor=0)
UAF_1_1 = Version(major=1, minor=1)
UAF_1_2 = Version(major=1, minor=2)


class Extension(_Dictionary, frozen=True, kw_only=True):
    """Unsigned: a known one helps, but proves nothing (section 21)."""

    id: Annotated[str, Meta(min_length=1, max_length=32)]
    data: str
    fail_if_unknown: bool


class OperationHeader(_Dictionary, frozen=True, kw_only=True):
    upv: Version
    op: Operation
    app_id: Annotated[str, Meta(max_length=512)] | UnsetType = field(name="appID", default=UNSET)
    server_data: Annotated[str, Meta(min_length=1, max_length=1536)] | UnsetType = field(
        name="serverData", default=UNSET
    )
    exts: tuple[Extension, ...] | UnsetType = UNSET


class ChannelBinding(_Dictionary, frozen=True, kw_only=True):
    server_end_point: Text | UnsetType = field(name="serverEndPoint", default=UNSET)
    tls_server_certificate: Text | UnsetType = field(name="tlsServerCertificate", default=UNSET)
    tls_unique: Text | UnsetType = field(name="tlsUnique", default=UNSET)
    cid_pubkey: Text | UnsetType = UNSET


class FinalChallengeParams(_Dictionary, frozen=True, kw_only=True):
    app_id: Identifier = field(name="appID")
    challenge: Annotated[str, Meta(min_length=11, max_length=88)]
    facet_id: Identifier = field(name="facetID")
    channel_binding: ChannelBinding = field(name="channelBinding")


class MatchCriteria(_Dictionary, frozen=True, kw_only=True):
    """What an authenticator must be; each member narrows it (section 5)."""

    aaid: NonEmpty[Aaid] | UnsetType = UNSET
    vendor_id: NonEmpty[Text] | UnsetType = field(name="vendorID", default=UNSET)
    key_ids: NonEmpty[Base64Url] | UnsetType = field(name="keyIDs", default=UNSET)
    user_verification: U32 | UnsetType = field(name="userVerification", default=UNSET)
    key_protection: U16 | UnsetType = field(name="keyProtection", default=UNSET)
    matcher_protection: U16 | UnsetType = field(name="matcherProtection", default=UNSET)
    attachment_hint: U32 | UnsetType = field(name="attachmentHint", default=UNSET)
    tc_display: U16 | UnsetType = field(name="tcDisplay", default=UNSET)
    authentication_algorithms: NonEmpty[U16] | UnsetType = field(name="authenticationAlgorithms", default=UNSET)
    assertion_schemes: NonEmpty[Text] | UnsetType = field(name="assertionSchemes", default=UNSET)
    attestation_types: NonEmpty[U16] | UnsetType = field(name="attestationTypes", default=UNSET)
    authenticator_version: U16 | UnsetType = field(name="authenticatorVersion", default=UNSET)
    exts: tuple[Extension, ...] | UnsetType = UNSET


class Policy(_Dictionary, frozen=True, kw_only=True):
    """A list of sets: the list means "or", a set means "and", the first is the most wanted."""

    accepted: NonEmpty[NonEmpty[MatchCriteria]]
    disallowed: tuple[MatchCriteria, ...] | UnsetType = UNSET


class Rgb(_Dictionary, frozen=True, kw_only=True):
    r: Octet
    g: Octet
    b: Octet


class DisplayPNGCharacteristics(_Dictionary, frozen=True, kw_only=True):
    """The IHDR values, and the palette, of images that a display can show (section 4.5)."""

    width: U32
    height: U32
    bit_depth: Octet = field(name="bitDepth")
    color_type: Octet = field(name="colorType")
    compression: Octet
    filter: Octet
    interlace: Octet
    plte: Annotated[tuple[Rgb, ...], Meta(min_length=1, max_length=256)] | UnsetType = UNSET


class Transaction(_Dictionary, frozen=True, kw_only=True):
    """One rendering of what is to be confirmed; `content` is base64url."""

    content_type: Literal["text/plain", "image/png"] = field(name="contentType")
    content: Base64Url
    png: DisplayPNGCharacteristics | UnsetType = field(name="tcDisplayPNGCharacteristics", default=UNSET)


class RegistrationRequest(_Dictionary, frozen=True, kw_only=True):
    header: OperationHeader
    challenge: Base64Url
    username: Annotated[str, Meta(min_length=1, max_length=128)]
    policy: Policy


class AuthenticationRequest(_Dictionary, frozen=True, kw_only=True):
    header: OperationHeader
    challenge: Base64Url
    transaction: NonEmpty[Transaction] | UnsetType = UNSET
    policy: Policy


class DeregisterAuthenticator(_Dictionary, frozen=True, kw_only=True):
    aaid: Annotated[str, Meta(pattern=f"^$|{AAID_PATTERN}")]
    key_id: str = field(name="keyID")


class DeregistrationRequest(_Dictionary, frozen=True, kw_only=True):
    header: OperationHeader
    authenticators: NonEmpty[DeregisterAuthenticator]


class Assertion(_Dictionary, frozen=True, kw_only=True):
    """`scheme` is unsigned, so only a hint."""

    scheme: Text = field(name="assertionScheme")
    assertion: Text
    png: NonEmpty[DisplayPNGCharacteristics] | UnsetType = field(name="tcDisplayPNGCharacteristics", default=UNSET)
    exts: tuple[Extension, ...] | UnsetType = UNSET


class Response(_Dictionary, frozen=True, kw_only=True):
    """A registration or authentication response. `fc_params` is the text exactly as it arrived: it is hashed."""

    header: OperationHeader
    fc_params: Base64Url = field(name="fcParams")
    assertions: NonEmpty[Assertion]


class GetUAFRequest(_Dictionary, frozen=True, kw_only=True):
    op: Operation | UnsetType = UNSET
    previous_request: Text | UnsetType = field(name="previousRequest", default=UNSET)
    context: Text | UnsetType = UNSET


class ReturnUAFRequest(_Dictionary, frozen=True, kw_only=True):
    status_code: int = field(name="statusCode")
    uaf_request: str | UnsetType = field(name="uafRequest", default=UNSET)
    op: Operation | UnsetType = UNSET
    lifetime_millis: int | UnsetType = field(name="lifetimeMillis", default=UNSET)


class SendUAFResponse(_Dictionary, frozen=True, kw_only=True):
    uaf_response: Text = field(name="uafResponse")
    context: Text | UnsetType = UNSET


class Token(_Dictionary, frozen=True, kw_only=True):
    type: Literal["HTTP_COOKIE", "OAUTH", "OAUTH2", "SAML1_1", "SAML2", "JWT", "OPENID_CONNECT"]
    value: str


class ServerResponse(_Dictionary, frozen=True, kw_only=True):
    status_code: int = field(name="statusCode")
    description: str | UnsetType = UNSET
    additional_tokens: tuple[Token, ...] | UnsetType = field(name="additionalTokens", default=UNSET)
    location: str | UnsetType = UNSET
    post_data: str | UnsetType = field(name="postData", default=UNSET)
    new_uaf_request: str | UnsetType = field(name="newUAFRequest", default=UNSET)


def read_get_request(body: bytes) -> GetUAFRequest:
    """Raises: UafError(BAD_ENVELOPE), or TOO_LARGE."""
    return _envelope(body, GetUAFRequest)


def read_send_response(body: bytes) -> SendUAFResponse:
    """Raises: UafError(BAD_ENVELOPE), or TOO_LARGE."""
    return _envelope(body, SendUAFResponse)


def read_response(text: str) -> Response:
    """The one dictionary of a response (rows M2 to M7 of section 15.2, but for what the session decides).

    Raises: UafError.
    """
    response = _dictionary(_only(strict_json.read(text)), Response)
    header = response.header
    if not header.app_id or not header.server_data:
        raise UafError(Reason.FIELD, "header.appID, header.serverData")
    return response


def read_final_challenge(fc_params: str) -> FinalChallengeParams:
    """Raises: UafError."""
    return _dictionary(strict_json.read(base64url.decode(fc_params)), FinalChallengeParams)


def write(message: RegistrationRequest | AuthenticationRequest | DeregistrationRequest) -> str:
    """The text of a request: an array of exactly one dictionary.

    Raises: ValueError if a strict client would refuse it.
    """
    try:
        msgspec.convert(msgspec.to_builtins(message), type(message))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return msgspec.json.encode([message]).decode()


def present(items: Sequence[T] | UnsetType) -> Sequence[T]:
    """An optional array, where a missing one means an empty one."""
    return () if items is UNSET else items


def _envelope(body: bytes, kind: type[T]) -> T:
    try:
        return _dictionary(strict_json.read(body), kind)
    except UafError as error:
        if error.reason is Reason.TOO_LARGE:
            raise
        raise UafError(Reason.BAD_ENVELOPE, str(error)) from None


def _only(value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 1:
        raise UafError(Reason.NOT_ONE_MESSAGE)
    return value[0]


def _dictionary(value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UafError(Reason.FIELD, str(error).rpartition(" - at ")[2]) from None
