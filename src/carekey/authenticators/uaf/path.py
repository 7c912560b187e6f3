"""Certification paths from a presented chain to a listed anchor (RFC 5280 section 6.1, sections 14.1 and 19.3).

Anchors are trusted as listed: neither their dates nor their own signatures count. Revocation of models is the
metadata's business (mds.py); nothing is fetched here.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtensionOID

from carekey.authenticators.uaf.algorithms import PublicKey, strong

DER = serialization.Encoding.DER
AAID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.1")

_MAX_CERTIFICATES = 8
_SOUND = (hashes.SHA256, hashes.SHA384, hashes.SHA512, type(None))
"""None is EdDSA's. SHA-1 is accepted on a certificate that is itself listed, for there it is not looked at."""
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
        AAID_EXTENSION,
    }
)

UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What the library raises, now or at the first look at an extension, for a certificate that makes no sense."""

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


class PathError(Exception):
    """No path, or one that must not be trusted. The text is for the audit record."""


def load(certificates: Collection[bytes]) -> tuple[x509.Certificate, ...]:
    """Raises: PathError."""
    try:
        return tuple(x509.load_der_x509_certificate(der) for der in certificates)
    except UNREADABLE:
        raise PathError("not a certificate") from None


def public_key(certificate: x509.Certificate) -> PublicKey:
    """Raises: PathError."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise PathError("unreadable key") from None
    if not isinstance(key, PublicKey) or not strong(key):
        raise PathError("weak or unknown key")
    return key


def dns_names(certificate: x509.Certificate) -> list[str]:
    """Raises: PathError."""
    try:
        names = _extension(certificate, x509.SubjectAlternativeName)
    except UNREADABLE:
        raise PathError("unreadable extension") from None
    return names.get_values_for_type(x509.DNSName) if names else []


def verify(
    chain: Sequence[x509.Certificate], anchors: Collection[x509.Certificate], *, at: datetime | None
) -> x509.Certificate:
    """The anchor in which the chain ends, leaf first, each certificate issued by the next.

    A leaf that is itself listed needs no path. `at` is the moment at which the others must be valid;
    None leaves dates out, for a model whose certificates the operator knows to have expired.
    Raises: PathError.
    """
    if not 1 <= len(chain) <= _MAX_CERTIFICATES:
        raise PathError("no chain, or too long a one")
    try:
        for subject, issuer in pairwise(chain):
            _issued(subject, issuer)
        path, anchor = _anchored(chain, anchors)
        for depth, certificate in enumerate(path):
            _check(certificate, depth=depth, at=at)
            issuer = path[depth + 1] if depth + 1 < len(path) else anchor
            _check_issuer(issuer, below=depth, anchor=issuer is anchor)
    except UNREADABLE:
        raise PathError("unreadable extension") from None
    return anchor


def _anchored(
    chain: Sequence[x509.Certificate], anchors: Collection[x509.Certificate]
) -> tuple[Sequence[x509.Certificate], x509.Certificate]:
    for depth, certificate in enumerate(chain):
        if certificate in anchors:
            return chain[:depth], certificate
    for anchor in anchors:
        try:
            _issued(chain[-1], anchor)
        except PathError:
            continue
        return chain, anchor
    raise PathError("no listed root")


def _issued(subject: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        if not isinstance(subject.signature_hash_algorithm, _SOUND):
            raise PathError("signed with a broken hash")
        public_key(issuer)
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise PathError("not issued by the next certificate") from None


def _check(certificate: x509.Certificate, *, depth: int, at: datetime | None) -> None:
    if at is not None and not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise PathError("expired or not yet valid")
    public_key(certificate)
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise PathError("unknown critical extension")
    if depth == 0:
        usage = _extension(certificate, x509.KeyUsage)
        constraints = _extension(certificate, x509.BasicConstraints)
        if (usage and not usage.digital_signature) or (constraints and constraints.ca):
            raise PathError("the leaf is not for signatures")


def _check_issuer(certificate: x509.Certificate, *, below: int, anchor: bool) -> None:
    """`below` is the number of certificates between this one and the leaf."""
    if anchor and certificate.version is x509.Version.v1:
        return
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise PathError("an issuer is no authority")
    if constraints.path_length is not None and below > constraints.path_length:
        raise PathError("path too long")
    usage = _extension(certificate, x509.KeyUsage)
    if usage and not usage.key_cert_sign:
        raise PathError("an issuer may not sign certificates")


def _extension(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
