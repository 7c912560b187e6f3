"""Registration and authentication assertions in UAFV1TLV (sections 11.3 to 11.6; rows A1 to A4, B1 and B2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from carekey.authenticators.uaf import base64url, tlv
from carekey.authenticators.uaf.registry import Tag
from carekey.authenticators.uaf.status import Reason, UafError

_AAID = re.compile(rb"[0-9A-Fa-f]{4}#[0-9A-Fa-f]{4}")
_HASH_LENGTHS = frozenset({32, 48, 64})
_ATTESTATIONS = frozenset(
    {
        Tag.ATTESTATION_BASIC_FULL,
        Tag.ATTESTATION_BASIC_SURROGATE,
        Tag.ATTESTATION_ECDAA,
        Tag.ATTESTATION_ATTCA,
        Tag.ATTESTATION_NONE,
        Tag.ATTESTATION_ANONCA,
    }
)
_TAGS = frozenset(int(tag) for tag in Tag)
_EXTENSIONS = frozenset({Tag.EXTENSION, Tag.EXTENSION_NON_CRITICAL})
_INDEXES = frozenset({Tag.USER_VERIFICATION_INDEX, Tag.USER_VERIFICATION_STATE})
_RAW_INDEXES = frozenset({Tag.RAW_USER_VERIFICATION_INDEX, Tag.RAW_USER_VERIFICATION_STATE})
_SIGNED = _INDEXES | {Tag.AAID, Tag.ASSERTION_INFO, Tag.FINAL_CHALLENGE_HASH, Tag.KEYID, Tag.COUNTERS}
_KRD = _SIGNED | {Tag.PUB_KEY}
_SIGNED_DATA = _SIGNED | {Tag.AUTHENTICATOR_NONCE, Tag.TRANSACTION_CONTENT_HASH}
_BESIDE_KRD = frozenset({Tag.KRD})
_BESIDE_SIGNED_DATA = frozenset({Tag.SIGNED_DATA, Tag.SIGNATURE})
_BESIDE_REPEATABLE = _ATTESTATIONS | _EXTENSIONS
_SIGNATURE = frozenset({Tag.SIGNATURE})
_CERTIFICATES = frozenset({Tag.ATTESTATION_CERT})
_EXTENSION = frozenset({Tag.EXTENSION_ID, Tag.EXTENSION_DATA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    id: str
    data: bytes
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """`type` is the element's tag; certificates are DER, leaf first."""

    type: int
    signature: bytes
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """What both kinds of assertion sign. Numbers and hashes are as claimed until the signature holds."""

    aaid: str
    """In upper case."""
    version: int
    mode: int
    algorithm: int
    final_challenge_hash: bytes
    key_id: bytes
    sign_counter: int
    extensions: tuple[Extension, ...]
    user_verification_index: bytes | None
    user_verification_state: bytes | None
    signed: bytes
    """The bytes that the signature covers: the whole KRD or SignedData element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationAssertion(_Signed):
    """`algorithm` is that of the attestation signature, which need not be the user key's."""

    key_format: int
    reg_counter: int
    public_key: bytes
    attestation: Attestation
    unsigned_extensions: tuple[Extension, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationAssertion(_Signed):
    nonce: bytes
    transaction_hash: bytes
    signature: bytes
    unsigned_extensions: tuple[Extension, ...]


class _Fields:
    """The children of an element by tag. Each is there at most once, but for those that may repeat."""

    __slots__ = ("_by_tag",)

    def __init__(
        self, element: tlv.Element, *, known: frozenset[int], repeatable: frozenset[int] = frozenset()
    ) -> None:
        by_tag: dict[int, list[tlv.Element]] = {}
        repeated = None
        for child in element.children:
            tag = child.tag
            if tag in by_tag:
                by_tag[tag].append(child)
                if tag not in repeatable:
                    repeated = tag
            elif tag in known or tag in repeatable:
                by_tag[tag] = [child]
            elif tag in _RAW_INDEXES:
                # A raw index of the user's biometric record must never leave the authenticator (section 11.2).
                raise UafError(Reason.TLV_UNEXPECTED, f"{tag:04x}")
            elif child.critical:
                reason = Reason.TLV_UNEXPECTED if tag in _TAGS else Reason.TLV_CRITICAL
                raise UafError(reason, f"{tag:04x}")
        if repeated is not None:
            raise UafError(Reason.TLV_REPEATED, f"{repeated:04x}")
        self._by_tag = by_tag

    def all(self, tag: int) -> Sequence[tlv.Element]:
        return self._by_tag.get(tag, ())

    def has(self, tag: int) -> bool:
        return tag in self._by_tag

    def value(self, tag: int, *, shortest: int = 0, longest: int = tlv.MAX_BYTES) -> bytes:
        if tag not in self._by_tag:
            raise UafError(Reason.TLV_MISSING, f"{tag:04x}")
        value = self._by_tag[tag][0].value
        if not shortest <= len(value) <= longest:
            raise UafError(Reason.TLV_LENGTH, f"{tag:04x}")
        return value


def parse_registration(text: str) -> RegistrationAssertion:
    """Raises: UafError with NOT_BASE64URL, a TLV_ reason, AAID_FORM, EXTENSION or ATTESTATION_TYPE."""
    outer, krd = _open(text, Tag.REG_ASSERTION, Tag.KRD)
    fields = _Fields(krd, known=_KRD, repeatable=_EXTENSIONS)
    info = fields.value(Tag.ASSERTION_INFO, shortest=7, longest=7)
    counters = fields.value(Tag.COUNTERS, shortest=8, longest=8)
    beside = _Fields(outer, known=_BESIDE_KRD, repeatable=_BESIDE_REPEATABLE)
    return RegistrationAssertion(
        aaid=_aaid(fields),
        version=_u(info[0:2]),
        mode=info[2],
        algorithm=_u(info[3:5]),
        key_format=_u(info[5:7]),
        final_challenge_hash=_hash(fields, Tag.FINAL_CHALLENGE_HASH),
        key_id=fields.value(Tag.KEYID, shortest=32, longest=2048),
        sign_counter=_u(counters[0:4]),
        reg_counter=_u(counters[4:8]),
        public_key=fields.value(Tag.PUB_KEY, shortest=1),
        extensions=_extensions(fields),
        user_verification_index=_index(fields, Tag.USER_VERIFICATION_INDEX),
        user_verification_state=_index(fields, Tag.USER_VERIFICATION_STATE),
        signed=krd.raw,
        attestation=_attestation(beside),
        unsigned_extensions=_extensions(beside),
    )


def parse_authentication(text: str) -> AuthenticationAssertion:
    """Raises: UafError with NOT_BASE64URL, a TLV_ reason, AAID_FORM or EXTENSION."""
    outer, signed = _open(text, Tag.AUTH_ASSERTION, Tag.SIGNED_DATA)
    fields = _Fields(signed, known=_SIGNED_DATA, repeatable=_EXTENSIONS)
    info = fields.value(Tag.ASSERTION_INFO, shortest=5, longest=5)
    transaction_hash = fields.value(Tag.TRANSACTION_CONTENT_HASH)
    if transaction_hash and len(transaction_hash) not in _HASH_LENGTHS:
        raise UafError(Reason.TLV_LENGTH, f"{Tag.TRANSACTION_CONTENT_HASH:04x}")
    beside = _Fields(outer, known=_BESIDE_SIGNED_DATA, repeatable=_EXTENSIONS)
    return AuthenticationAssertion(
        aaid=_aaid(fields),
        version=_u(info[0:2]),
        mode=info[2],
        algorithm=_u(info[3:5]),
        final_challenge_hash=_hash(fields, Tag.FINAL_CHALLENGE_HASH),
        key_id=fields.value(Tag.KEYID, shortest=32, longest=2048),
        sign_counter=_u(fields.value(Tag.COUNTERS, shortest=4, longest=4)),
        extensions=_extensions(fields),
        user_verification_index=_index(fields, Tag.USER_VERIFICATION_INDEX),
        user_verification_state=_index(fields, Tag.USER_VERIFICATION_STATE),
        signed=signed.raw,
        nonce=fields.value(Tag.AUTHENTICATOR_NONCE, shortest=8),
        transaction_hash=transaction_hash,
        signature=beside.value(Tag.SIGNATURE, shortest=1),
        unsigned_extensions=_extensions(beside),
    )


def _open(text: str, outer: Tag, first: Tag) -> tuple[tlv.Element, tlv.Element]:
    element = tlv.read(base64url.decode(text))
    if element.tag != outer or not element.children or element.children[0].tag != first:
        raise UafError(Reason.TLV_UNEXPECTED, f"not {outer:04x} with {first:04x} first")
    return element, element.children[0]


def _u(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _aaid(fields: _Fields) -> str:
    value = fields.value(Tag.AAID, shortest=9, longest=9)
    if not _AAID.fullmatch(value):
        raise UafError(Reason.AAID_FORM)
    return value.decode("ascii").upper()


def _hash(fields: _Fields, tag: Tag) -> bytes:
    value = fields.value(tag)
    if len(value) not in _HASH_LENGTHS:
        raise UafError(Reason.TLV_LENGTH, f"{tag:04x}")
    return value


def _index(fields: _Fields, tag: Tag) -> bytes | None:
    return fields.value(tag, shortest=1, longest=32) if fields.has(tag) else None


def _attestation(fields: _Fields) -> Attestation:
    elements = [element for tag in _ATTESTATIONS for element in fields.all(tag)]
    if len(elements) != 1:
        raise UafError(Reason.ATTESTATION_TYPE, "not exactly one attestation")
    inside = _Fields(elements[0], known=_SIGNATURE, repeatable=_CERTIFICATES)
    return Attestation(
        type=elements[0].tag,
        signature=inside.value(Tag.SIGNATURE, shortest=1),
        certificates=tuple(certificate.value for certificate in inside.all(Tag.ATTESTATION_CERT)),
    )


def _extensions(fields: _Fields) -> tuple[Extension, ...]:
    if not (fields.has(Tag.EXTENSION) or fields.has(Tag.EXTENSION_NON_CRITICAL)):
        return ()
    extensions: dict[str, Extension] = {}
    for tag in (Tag.EXTENSION, Tag.EXTENSION_NON_CRITICAL):
        for element in fields.all(tag):
            inside = _Fields(element, known=_EXTENSION)
            try:
                id = inside.value(Tag.EXTENSION_ID, shortest=1).decode()
            except UnicodeDecodeError:
                raise UafError(Reason.EXTENSION, "the id is not UTF-8") from None
            # Twice the same id, and two readers could each believe another one.
            if len(id) > 32 or id in extensions:
                raise UafError(Reason.EXTENSION, "the id is too long or repeated")
            data = inside.value(Tag.EXTENSION_DATA)
            extensions[id] = Extension(id=id, data=data, critical=tag is Tag.EXTENSION)
    return tuple(extensions.values())
