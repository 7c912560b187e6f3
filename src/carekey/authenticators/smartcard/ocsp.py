"""Asking a responder (RFC 6960, nonces by RFC 9654)."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from carekey.authenticators.smartcard.crl import SOUND, EvidenceError
from carekey.authenticators.smartcard.evidence import OcspAnswer, OcspWanted
from carekey.authenticators.smartcard.path import UNREADABLE, strong
from carekey.authenticators.smartcard.policies import extension
from carekey.authenticators.smartcard.revocation import SKEW

NONCE_SIZE = 32
"""RFC 9654 section 2.1."""

KEPT = timedelta(minutes=5)
"""A good answer counts no longer than this, however far off its nextUpdate: asking is cheap."""


def question(wanted: OcspWanted, *, nonce: bytes) -> bytes:
    # The hash names the issuer and protects nothing; SHA-1 is the one that every responder knows (RFC 5019 2.1.1).
    builder = ocsp.OCSPRequestBuilder().add_certificate(wanted.certificate, wanted.issuer, hashes.SHA1())  # noqa: S303
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(Encoding.DER)


def read(der: bytes, wanted: OcspWanted, *, nonce: bytes | None, now: datetime) -> OcspAnswer:
    """Check an answer (RFC 6960 section 3.2). `nonce`: the one sent; None for an answer that was checked before.

    Raises: EvidenceError.
    """
    try:
        return _read(ocsp.load_der_ocsp_response(der), wanted, nonce, now)
    except (*UNREADABLE, UnsupportedAlgorithm, TypeError):
        raise EvidenceError("not an OCSP answer") from None


def _read(answer: ocsp.OCSPResponse, wanted: OcspWanted, nonce: bytes | None, now: datetime) -> OcspAnswer:
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise EvidenceError(f"the responder said {answer.response_status.name.lower()}")
    _check_signature(answer, _responder(answer, wanted.issuer, now))
    try:
        echoed = answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        if wanted.nonce:
            raise EvidenceError("no nonce: the answer may be an old one") from None
    else:
        if nonce is not None and echoed != nonce:
            raise EvidenceError("another nonce: an answer to another question")
    first, *others = answer.responses
    if others:
        raise EvidenceError("an answer about several certificates")
    for known in (*answer.extensions, *answer.single_extensions):
        if known.critical and not isinstance(known.value, x509.OCSPNonce):  # section 4.4
            raise EvidenceError(f"critical extension {known.oid.dotted_string}")
    asked = ocsp.OCSPRequestBuilder().add_certificate(wanted.certificate, wanted.issuer, hashes.SHA1()).build()  # noqa: S303
    if (first.serial_number, first.issuer_name_hash, first.issuer_key_hash) != (
        asked.serial_number,
        asked.issuer_name_hash,
        asked.issuer_key_hash,
    ):
        raise EvidenceError("an answer about other certificates")
    return _single(first, wanted, now)


def _single(one: ocsp.OCSPSingleResponse, wanted: OcspWanted, now: datetime) -> OcspAnswer:
    until = one.next_update_utc or one.this_update_utc + KEPT
    if one.this_update_utc > now + SKEW or until <= now - SKEW:
        raise EvidenceError("out of date")
    if one.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise EvidenceError("the responder does not know the certificate")
    return OcspAnswer(
        key=wanted.key,
        revoked_at=one.revocation_time_utc,
        held=one.revocation_reason is x509.ReasonFlags.certificate_hold,
        this_update=one.this_update_utc,
        good_until=min(until, now + KEPT),
    )


def _responder(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> x509.Certificate:
    """The authority itself, or whom it delegated to (section 4.2.2.2)."""
    for candidate in (issuer, *answer.certificates[:4]):
        named = (
            answer.responder_name == candidate.subject
            if answer.responder_name is not None
            else (answer.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(candidate.public_key()).digest)
        )
        if not named:
            continue
        if candidate == issuer or _delegated(candidate, issuer, now):
            return candidate
    raise EvidenceError("signed by nobody whom the authority named")


def _delegated(candidate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        candidate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    usage, extended = extension(candidate, x509.KeyUsage), extension(candidate, x509.ExtendedKeyUsage)
    return (
        isinstance(candidate.signature_hash_algorithm, SOUND)
        and strong(candidate.public_key())
        and (usage is None or usage.digital_signature)
        and extended is not None
        and ExtendedKeyUsageOID.OCSP_SIGNING in extended
        and not any(one.critical and isinstance(one.value, x509.UnrecognizedExtension) for one in candidate.extensions)
        # Without it the responder's own state would have to be asked of somebody else (section 4.2.2.2.1).
        and extension(candidate, x509.OCSPNoCheck) is not None
        and candidate.not_valid_before_utc <= now <= candidate.not_valid_after_utc
    )


def _check_signature(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> None:
    key, algorithm = signer.public_key(), answer.signature_hash_algorithm
    if not isinstance(algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise EvidenceError("signed with a broken or unknown hash")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            raise EvidenceError("a key that signs no answers")
    except InvalidSignature:
        raise EvidenceError("the signature does not hold") from None
