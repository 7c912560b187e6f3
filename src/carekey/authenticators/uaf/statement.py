"""Metadata statements of versions 1, 2 and 3, read into one form (section 18)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import reduce
from operator import or_
from typing import Any, TypeVar

import msgspec
from cryptography import x509

from carekey.authenticators.uaf import path
from carekey.authenticators.uaf.extensions import ANDROID_KEY_ATTESTATION
from carekey.authenticators.uaf.messages import AAID_PATTERN, DisplayPNGCharacteristics
from carekey.authenticators.uaf.registry import (
    ASSERTION_SCHEME,
    AttachmentHint,
    AttestationType,
    KeyFormat,
    KeyProtection,
    MatcherProtection,
    SignatureAlgorithm,
    TcDisplay,
    UserVerification,
)

NumberT = TypeVar("NumberT", bound=IntEnum)
FlagT = TypeVar("FlagT", bound=IntFlag)

_AAID = re.compile(AAID_PATTERN)
_PICTURES = frozenset({"icon", "iconDark", "providerLogoLight", "providerLogoDark"})


class MetadataError(Exception):
    """A statement, an entry or a blob that cannot be relied on. The text says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a model is, according to its maker and whoever vouches for the statement."""

    aaid: str
    """In upper case."""
    description: str
    version: int
    """The lowest authenticatorVersion that the statement speaks for."""
    algorithms: tuple[SignatureAlgorithm, ...]
    """Never empty; the first decides the hash of the final challenge."""
    key_formats: tuple[KeyFormat, ...]
    attestation_types: tuple[AttestationType, ...]
    user_verification: tuple[UserVerification, ...]
    """Alternatives; within one, all methods are needed."""
    key_protection: KeyProtection
    matcher_protection: MatcherProtection
    key_restricted: bool
    fresh_user_verification: bool
    attachment_hint: AttachmentHint
    second_factor_only: bool
    tc_display: TcDisplay
    tc_content_type: str
    tc_png: tuple[DisplayPNGCharacteristics, ...]
    roots: tuple[x509.Certificate, ...]
    android_roots: tuple[x509.Certificate, ...]
    scheme: str = ASSERTION_SCHEME
    written: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """As its maker wrote it, pictures left out: evidence keeps it."""

    @property
    def user_verification_flags(self) -> UserVerification | None:
        """The value that a policy compares; None where no value can express the alternatives (section 5.3)."""
        if len(self.user_verification) == 1:
            methods = self.user_verification[0]
            return methods | UserVerification.ALL if methods.bit_count() > 1 else methods
        if all(methods.bit_count() == 1 for methods in self.user_verification):
            return reduce(or_, self.user_verification)
        return None


def parse(data: Mapping[str, Any]) -> Statement:
    """Raises: MetadataError."""
    try:
        statement = _parse(data)
    except MetadataError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise MetadataError(f"malformed: {type(error).__name__} {error}"[:200]) from None
    _check(statement)
    return statement


def certificate(text: str) -> bytes:
    """DER from the base64, line breaks allowed, in which metadata writes certificates. Raises: ValueError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def _parse(data: Mapping[str, Any]) -> Statement:
    aaid = data["aaid"]
    if not _AAID.fullmatch(aaid) or data.get("protocolFamily", "uaf") != "uaf":
        raise MetadataError("not the statement of a UAF model")
    return Statement(
        aaid=aaid.upper(),
        description=str(data["description"]),
        version=_number(data["authenticatorVersion"], 0xFFFFFFFF),
        algorithms=_numbers(data, SignatureAlgorithm, "authenticationAlgorithms", "authenticationAlgorithm"),
        key_formats=_numbers(data, KeyFormat, "publicKeyAlgAndEncodings", "publicKeyAlgAndEncoding"),
        attestation_types=_numbers(data, AttestationType, "attestationTypes"),
        user_verification=tuple(_combination(methods) for methods in data["userVerificationDetails"]),
        key_protection=_flags(data["keyProtection"], KeyProtection),
        matcher_protection=_flags(data["matcherProtection"], MatcherProtection),
        key_restricted=_boolean(data, "isKeyRestricted", default=True),
        fresh_user_verification=_boolean(data, "isFreshUserVerificationRequired", default=True),
        attachment_hint=_flags(data.get("attachmentHint", 0), AttachmentHint),
        second_factor_only=_boolean(data, "isSecondFactorOnly", default=False),
        tc_display=_flags(data.get("tcDisplay", 0), TcDisplay),
        tc_content_type=str(data.get("tcDisplayContentType", "")),
        tc_png=msgspec.convert(data.get("tcDisplayPNGCharacteristics", ()), tuple[DisplayPNGCharacteristics, ...]),
        roots=_certificates(data.get("attestationRootCertificates", ())),
        android_roots=_android_roots(data.get("supportedExtensions", ())),
        scheme=data.get("assertionScheme", ASSERTION_SCHEME),
        written={name: value for name, value in data.items() if name not in _PICTURES},
    )


def _check(statement: Statement) -> None:
    """Consistency (section 18.2): a contradiction means that somebody did not say what they meant."""
    key, matcher, display = statement.key_protection, statement.matcher_protection, statement.tc_display
    hardware = KeyProtection.HARDWARE | KeyProtection.TEE | KeyProtection.SECURE_ELEMENT
    shown_by = display & (TcDisplay.PRIVILEGED_SOFTWARE | TcDisplay.TEE | TcDisplay.HARDWARE)
    full = AttestationType.BASIC_FULL in statement.attestation_types
    for wrong, why in (
        (statement.scheme != ASSERTION_SCHEME, "assertionScheme"),
        (not statement.algorithms, "no algorithm"),
        (not statement.attestation_types, "no attestation type"),
        (not statement.user_verification or not all(statement.user_verification), "userVerificationDetails"),
        (not key & ~KeyProtection.REMOTE_HANDLE, "keyProtection says nothing"),
        (bool(key & KeyProtection.SOFTWARE and key & hardware), "keyProtection is both software and hardware"),
        (bool(key & KeyProtection.TEE and key & KeyProtection.SECURE_ELEMENT), "keyProtection names two places"),
        (matcher.bit_count() != 1, "matcherProtection is not one"),
        (shown_by.bit_count() > 1, "tcDisplay names two displays"),
        (bool(display) and not statement.tc_content_type, "tcDisplay without content type"),
        (full and not statement.roots, "full attestation without a root"),
        (not full and bool(statement.roots), "roots without full attestation"),
    ):
        if wrong:
            raise MetadataError(why)


def _number(value: Any, highest: int) -> int:
    if type(value) is not int or not 0 <= value <= highest:
        raise ValueError("not an unsigned integer")
    return value


def _numbers(data: Mapping[str, Any], kind: type[NumberT], *names: str) -> tuple[NumberT, ...]:
    values: Any = next(data[name] for name in (*names, names[0]) if name in data or name == names[-1])
    return tuple(
        kind[value.upper()] if isinstance(value, str) else kind(_number(value, 0xFFFF))
        for value in (values if isinstance(values, list) else [values])
    )


def _flags(value: Any, kind: type[FlagT]) -> FlagT:
    if isinstance(value, list):
        return reduce(or_, (kind[name.upper()] for name in value), kind(0))
    return kind(_number(value, 0xFFFFFFFF))


def _combination(methods: Any) -> UserVerification:
    return reduce(or_, (_method(method) for method in methods), UserVerification(0))


def _method(descriptor: Mapping[str, Any]) -> UserVerification:
    if "userVerification" in descriptor:
        method = _flags(descriptor["userVerification"], UserVerification)
    else:
        method = UserVerification[descriptor["userVerificationMethod"].upper()]
    if method.bit_count() != 1 or method is UserVerification.ALL:
        raise ValueError("not one method")
    return method


def _boolean(data: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Texts occur in the field, even in an example of the standard."""
    value = data.get(name, default)
    if value in {"true", "false"}:
        return bool(value == "true")
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _certificates(texts: Any) -> tuple[x509.Certificate, ...]:
    try:
        return path.load([certificate(text) for text in texts])
    except path.PathError as error:
        raise ValueError(str(error)) from None


def _android_roots(extensions: Any) -> tuple[x509.Certificate, ...]:
    for extension in extensions:
        if extension["id"] == ANDROID_KEY_ATTESTATION and extension.get("data"):
            return _certificates(msgspec.json.decode(extension["data"])["attestationRootCertificates"])
    return ()
