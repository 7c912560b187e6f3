"""Whose card it is: from the certificates that a browser sent to a person, under one PKI's rules (RFC 5280 section 6.1).

Nothing is fetched and nothing is asked about revocation: `revocation.py` does that with what is found here.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from carekey.authenticators.base import Rejected
from carekey.authenticators.smartcard.known_paths import Key, KnownPaths
from carekey.authenticators.smartcard.name_constraints import left_open
from carekey.authenticators.smartcard.policies import acceptable, extension
from carekey.authenticators.smartcard.profiles import PkiProfile
from carekey.kernel.ids import PersonId

MAX_CERTIFICATES = 8
MAX_BYTES = 16_384
"""Of one certificate. Real ones take two thousand."""

UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What the library raises, now or at the first look at an extension, for a certificate that makes no sense."""


class Reason(StrEnum):
    """Why a card was refused."""

    NO_CARD = "no_card"
    """The browser sent no certificate."""
    MALFORMED = "malformed"
    UNKNOWN_ISSUER = "unknown_issuer"
    UNTRUSTED = "untrusted"
    """An authority that we know is named, but the path to it does not hold."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_USE = "wrong_use"
    """A certificate for something else, such as the card's other one, for signing."""
    WRONG_POLICY = "wrong_policy"
    NO_PERSON = "no_person"
    """The subject names no user number."""
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation_unknown"
    NOT_REGISTERED = "not_registered"
    LOCKED = "locked"
    """Issued locked, and not unlocked yet."""
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    RENEWED = "renewed"
    """The card was renewed, and this is the certificate from before."""
    OTHER_HOLDER = "other_holder"
    """The directory gives the card to somebody else than its certificate does."""
    UNKNOWN_PERSON = "unknown_person"
    HOLDER_CLOSED = "holder_closed"
    WRONG_PERSON = "wrong_person"
    """The request named somebody else."""
    LEVEL_NOT_ACCEPTED = "level_not_accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Rejected):
    """A card that logs nobody in. `why` is a `Reason`."""

    detail: str = ""
    """For the audit record alone: it may name the inside of a PKI."""
    when: datetime | None = None
    """EXPIRED: the end. NOT_YET_VALID: the beginning. REVOKED: the moment of it, if it is known."""
    claimed_person: str = ""
    """Whom a trusted certificate named; empty while nothing was proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardIdentity:
    """A trusted certificate and the person it names. Whether it was revoked is another question."""

    person: PersonId
    profile: PkiProfile
    path: tuple[x509.Certificate, ...]
    """From the card's certificate to the anchor."""

    @property
    def certificate(self) -> x509.Certificate:
        return self.path[0]

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    @property
    def issuer(self) -> bytes:
        return issuer_id(self.path[1])

    @property
    def ends_at(self) -> datetime:
        return self.certificate.not_valid_after_utc

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()


def judge(chain: Sequence[bytes], *, profile: PkiProfile, now: datetime) -> CardIdentity | Refused:
    """Whose card this is, by one PKI's rules. `chain`: DER, the card's certificate first, then any others sent.

    A card that has run out is told apart from one that nobody issued: only the path proves that it was ours.
    """
    if not chain:
        return Refused(why=Reason.NO_CARD)
    if len(chain) > MAX_CERTIFICATES or any(len(der) > MAX_BYTES for der in chain):
        return Refused(why=Reason.MALFORMED, detail="too many or too large certificates")
    try:
        return _judge(x509.load_der_x509_certificate(chain[0]), tuple(chain[1:]), profile, now)
    except (*UNREADABLE, UnsupportedAlgorithm) as error:
        return Refused(why=Reason.MALFORMED, detail=str(error)[:200])


def _judge(
    leaf: x509.Certificate, sent: tuple[bytes, ...], profile: PkiProfile, now: datetime
) -> CardIdentity | Refused:
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if starts > ends:
        return Refused(why=Reason.MALFORMED, detail="ends before it starts")
    when_valid = min(max(now, starts), ends)
    if fault := _use_fault(leaf, profile):
        return fault if _knows_issuer(leaf, profile) else Refused(why=Reason.UNKNOWN_ISSUER)
    path = _known_path(leaf, sent, profile, when_valid) or _built_path(leaf, sent, profile, when_valid)
    if isinstance(path, Refused):
        return path
    person = _person(leaf, profile)
    if person is None:
        return Refused(why=Reason.NO_PERSON, detail=leaf.subject.rfc4514_string()[:200])
    if now > ends:
        return Refused(why=Reason.EXPIRED, when=ends, claimed_person=person)
    if now < starts:
        return Refused(why=Reason.NOT_YET_VALID, when=starts, claimed_person=person)
    return CardIdentity(person=person, profile=profile, path=path)


def _known_path(
    leaf: x509.Certificate, sent: tuple[bytes, ...], profile: PkiProfile, at: datetime
) -> tuple[x509.Certificate, ...] | None:
    """By way of an authority whose path is known. None if that does not lead there, for whatever reason."""
    known = _KNOWN.find(_key(leaf, sent, profile), at)
    if known is None:
        return None
    try:
        verified = _verifier(known.policy, at).verify(leaf, [])
    except VerificationError:
        return None
    path = (leaf, *known.path)
    sound = len(verified.chain) == 2 and strong(leaf.public_key()) and acceptable(path, profile.policies)
    return path if sound else None


def _built_path(
    leaf: x509.Certificate, sent: tuple[bytes, ...], profile: PkiProfile, at: datetime
) -> tuple[x509.Certificate, ...] | Refused:
    intermediates = [*_loaded(profile.intermediates), *(x509.load_der_x509_certificate(der) for der in sent)]
    policy = _policy(_loaded(profile.anchors), profile.max_depth)
    try:
        path = tuple(_verifier(policy, at).verify(leaf, intermediates).chain)
    except VerificationError as error:
        known = _knows_issuer(leaf, profile)
        return Refused(why=Reason.UNTRUSTED if known else Reason.UNKNOWN_ISSUER, detail=str(error)[:500])
    if fault := _path_fault(path, profile):
        return fault
    _KNOWN.keep(_key(leaf, sent, profile), path[1:], _policy(path[1:2], profile.max_depth))
    return path


_KNOWN = KnownPaths()


def _key(leaf: x509.Certificate, sent: tuple[bytes, ...], profile: PkiProfile) -> Key:
    """All that a path is built from but the card itself. The key that signed it is a hint: the signature tells."""
    hint = extension(leaf, x509.AuthorityKeyIdentifier)
    return profile.anchors, profile.intermediates, profile.max_depth, sent, hint and hint.key_identifier


def _path_fault(path: tuple[x509.Certificate, ...], profile: PkiProfile) -> Refused | None:
    if len(path) < 2:
        return Refused(why=Reason.UNTRUSTED, detail="the certificate is itself an anchor")
    if not all(strong(one.public_key()) for one in path):
        return Refused(why=Reason.UNTRUSTED, detail="weak or unknown key")
    if left_open(path):
        return Refused(why=Reason.UNTRUSTED, detail="name constraints that cannot be compared")
    if not acceptable(path, profile.policies):
        return Refused(why=Reason.WRONG_POLICY, detail="no accepted certificate policy along the path")
    return None


def _use_fault(leaf: x509.Certificate, profile: PkiProfile) -> Refused | None:
    usage = extension(leaf, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        return Refused(why=Reason.WRONG_USE, detail="no digitalSignature")
    if usage.content_commitment and not profile.content_commitment:
        return Refused(why=Reason.WRONG_USE, detail="contentCommitment")
    extended = extension(leaf, x509.ExtendedKeyUsage)
    if extended is None:
        return Refused(why=Reason.WRONG_USE, detail="no clientAuth") if profile.extended_key_usage else None
    # anyExtendedKeyUsage is no substitute: a card says what it is for.
    if ExtendedKeyUsageOID.CLIENT_AUTH not in extended:
        return Refused(why=Reason.WRONG_USE, detail="no clientAuth")
    return None


_USER_NUMBER = re.compile(r"[0-9]{12}")


def _person(leaf: x509.Certificate, profile: PkiProfile) -> PersonId | None:
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1 or not isinstance(names[0].value, str) or not _USER_NUMBER.fullmatch(names[0].value):
        return None
    for oid, wanted in profile.subject:
        found = leaf.subject.get_attributes_for_oid(x509.ObjectIdentifier(oid))
        if not any(isinstance(one.value, str) and one.value.casefold() == wanted.casefold() for one in found):
            return None
    return PersonId(names[0].value)


def _knows_issuer(leaf: x509.Certificate, profile: PkiProfile) -> bool:
    known = (*_loaded(profile.anchors), *_loaded(profile.intermediates))
    return any(authority.subject == leaf.issuer for authority in known)


@lru_cache(maxsize=64)
def _loaded(certificates: tuple[bytes, ...]) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_der_x509_certificate(der) for der in certificates)


@lru_cache(maxsize=64)
def _policy(anchors: tuple[x509.Certificate, ...], max_depth: int) -> PolicyBuilder:
    """Uses are looked at above, policies in `policies.py`; the library's own rules are those of web servers' certificates."""
    leaf = ExtensionPolicy.permit_all().may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _not_an_authority)
    authority = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _an_authority)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients_too)
        .may_be_present(x509.PolicyConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(x509.InhibitAnyPolicy, Criticality.AGNOSTIC, None)
    )
    return (
        PolicyBuilder()
        .store(Store(list(anchors)))
        .max_chain_depth(max_depth)
        .extension_policies(ca_policy=authority, ee_policy=leaf)
    )


def _verifier(policy: PolicyBuilder, at: datetime) -> ClientVerifier:
    return policy.time(at.replace(tzinfo=None)).build_client_verifier()


def _not_an_authority(_policy: Policy, _certificate: x509.Certificate, found: x509.BasicConstraints | None) -> None:
    if found is not None and found.ca:
        raise ValueError("an authority's certificate is no card's")


def _an_authority(_policy: Policy, _certificate: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("an issuer is no authority")


def _signs_certificates(_policy: Policy, _certificate: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")


def _for_clients_too(_policy: Policy, _certificate: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    if found is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in found:
        raise ValueError("an issuer of certificates for other uses")


@lru_cache(maxsize=256)
def issuer_id(authority: x509.Certificate) -> bytes:
    """Names an authority by its name and key: a renewed authority certificate is the same authority."""
    key = authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(authority.subject.public_bytes() + key).digest()


def strong(key: object) -> bool:
    """Keys that a card of today may have."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in {"secp256r1", "secp384r1"}
