"""What an attestation says of the model, beyond its signature (WebAuthn level 3 sections 7.1 and 8).

The library checks each format's signature and structure. Ours is the rest: whether the certificates lead to a root of this
very model at this moment, and the certificate requirements that the library leaves out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID
from webauthn.helpers import parse_attestation_object
from webauthn.helpers.structs import AttestationFormat

from carekey.authenticators.webauthn import chain
from carekey.authenticators.webauthn.evidence import Trust
from carekey.authenticators.webauthn.metadata import Model

_AAGUID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
ROOTED = frozenset({AttestationFormat.APPLE, AttestationFormat.ANDROID_KEY, AttestationFormat.ANDROID_SAFETYNET})
"""Formats whose makers' roots the library knows, and without which it verifies nothing."""


class UntrustedError(Exception):
    """The attestation contradicts itself or what is known of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    trust: Trust
    certificates: tuple[bytes, ...]
    """SHA-256 of each."""


def roots_by_format(model: Model | None) -> dict[AttestationFormat, list[bytes]]:
    """Further roots for the formats that the library judges itself, as PEM."""
    if model is None:
        return {}
    pem = [chain.certificate_pem(root) for root in model.roots]
    return {format: list(pem) for format in ROOTED}


def judge(attestation_object: bytes, *, aaguid: bytes, model: Model | None, now: datetime) -> Judgement:
    """Judge an attestation whose signature has been verified. `model`: what is known under this AAGUID, if anything.

    Raises: UntrustedError.
    """
    attested = parse_attestation_object(attestation_object)
    certificates: Sequence[bytes] = attested.att_stmt.x5c or ()
    digests = tuple(hashlib.sha256(certificate).digest() for certificate in certificates)
    if attested.fmt == AttestationFormat.NONE:
        return Judgement(trust=Trust.NONE, certificates=())
    if attested.fmt in ROOTED:
        return Judgement(trust=Trust.VERIFIED, certificates=digests)
    if not certificates:
        return Judgement(trust=Trust.SELF, certificates=())
    leaf = x509.load_der_x509_certificate(certificates[0])
    if attested.fmt == AttestationFormat.PACKED:
        _check_packed(leaf)
    _check_aaguid(leaf, aaguid)
    if model is None:
        return Judgement(trust=Trust.UNKNOWN, certificates=digests)
    if not _vouched_for(certificates, model, now):
        raise UntrustedError
    return Judgement(trust=Trust.VERIFIED, certificates=digests)


def _vouched_for(certificates: Sequence[bytes], model: Model, now: datetime) -> bool:
    if chain.leads_to(certificates, model.roots, now=now):
        return True
    return chain.bears_key(certificates[0], model.keys, now=now)


def _check_packed(leaf: x509.Certificate) -> None:
    """Certificate requirements of the packed format (section 8.2.1)."""
    units = [attribute.value for attribute in leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
    try:
        is_ca = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = True
    if leaf.version is not x509.Version.v3 or units != ["Authenticator Attestation"] or is_ca:
        raise UntrustedError


def _check_aaguid(leaf: x509.Certificate, aaguid: bytes) -> None:
    """The certificate, where it names a model, names this one: else the key of one model could speak for another."""
    try:
        extension = leaf.extensions.get_extension_for_oid(_AAGUID_EXTENSION)
    except x509.ExtensionNotFound:
        return
    value = extension.value
    if not isinstance(value, x509.UnrecognizedExtension) or value.value != b"\x04\x10" + aaguid or extension.critical:
        raise UntrustedError
