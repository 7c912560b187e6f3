"""Whether certificates lead to a root, at a given moment.

The library behind our ceremonies asks the machine for the time and wants every anchor to be self-signed; metadata lists
intermediates and even leaves, which count as anchors here (FIDO Metadata Statement section 4, attestationRootCertificates).
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import crypto


def leads_to(certificates: Sequence[bytes], roots: Sequence[bytes], *, now: datetime) -> bool:
    """`certificates`: DER, leaf first. Dates, signatures, CA flags and path lengths are checked by OpenSSL."""
    if not certificates or not roots:
        return False
    try:
        store = crypto.X509Store()
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(now)
        for root in roots:
            store.add_cert(_load(root))
        leaf, *others = [_load(certificate) for certificate in certificates]
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except (crypto.X509StoreContextError, crypto.Error, ValueError):
        return False
    return True


def bears_key(leaf: bytes, keys: Sequence[bytes], *, now: datetime) -> bool:
    """Whether a leaf, in date and signed by itself, bears one of these keys (SubjectPublicKeyInfo)."""
    if not keys:
        return False
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        certificate.verify_directly_issued_by(certificate)
    except Exception:  # noqa: BLE001 (cryptography raises many kinds for a bad certificate; each means no)
        return False
    in_date = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    return in_date and public_key(certificate) in keys


def public_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def certificate_pem(der: bytes) -> bytes:
    """As OpenSSL writes it: the library compares texts."""
    return crypto.dump_certificate(crypto.FILETYPE_PEM, _load(der))


def _load(der: bytes) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_ASN1, der)
