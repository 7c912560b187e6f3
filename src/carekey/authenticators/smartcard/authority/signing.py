"""The certificate authority. It signs what it is given and decides nothing: who gets a card is `registration.py`'s."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from carekey.authenticators.smartcard.authority.certificate_profiles import CertificateProfile, key_usage
from carekey.authenticators.smartcard.model import CardCertificate
from carekey.authenticators.smartcard.path import issuer_id

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

BACKDATED = timedelta(minutes=5)
"""A card is tried at once, and the clock that reads it may be behind."""
ANSWER_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the authority is published."""

    crl: str
    ocsp: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    certificate: x509.Certificate
    key: Key
    """May live in a PKCS#11 token (`keys.py`)."""
    addresses: Addresses

    @property
    def id(self) -> bytes:
        return issuer_id(self.certificate)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def sign_card(
        self,
        profile: CertificateProfile,
        *,
        user: str,
        public_key: PublicKey,
        serial: int,
        now: datetime,
        key: Key | None = None,
    ) -> x509.Certificate:
        """`key`: a throwaway key in place of the authority's, to rehearse what would be signed (`lint.py`)."""
        ends = min(now + profile.lifetime, self.certificate.not_valid_after_utc)
        builder = self._builder(user_name(user), public_key, serial, now - BACKDATED, ends)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(profile.key_usage, critical=True)
            .add_extension(_distribution(self.addresses.crl), critical=False)
            .add_extension(_access(self.addresses), critical=False)
        )
        if profile.extended_key_usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(profile.extended_key_usage), critical=False)
        if profile.policies:
            named = [x509.PolicyInformation(one, None) for one in profile.policies]
            builder = builder.add_extension(x509.CertificatePolicies(named), critical=False)
        return builder.sign(key or self.key, hashes.SHA256())

    def sign_authority(
        self, name: x509.Name, public_key: PublicKey, *, serial: int, ends: datetime, now: datetime
    ) -> x509.Certificate:
        """An authority for cards, which may have none below it."""
        return (
            self._builder(name, public_key, serial, now - BACKDATED, ends)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage("key_cert_sign", "crl_sign", "digital_signature"), critical=True)
            .add_extension(_distribution(self.addresses.crl), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def sign_list(self, revoked: Iterable[CardCertificate], *, now: datetime, lifetime: timedelta) -> bytes:
        """A whole revocation list. Its number is the moment in seconds, which rises by itself on every node."""
        # All at once: the builder copies its whole list at each addition.
        builder = (
            x509.CertificateRevocationListBuilder(revoked_certificates=[_entry(one) for one in revoked])
            .issuer_name(self.certificate.subject)
            .last_update(now)
            .next_update(now + lifetime)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            .add_extension(_key_identifier(self.certificate), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def sign_answer(
        self, question: ocsp.OCSPRequest, *, known: bool, revoked_at: datetime | None, now: datetime
    ) -> bytes:
        """RFC 6960. A serial number that we never issued is unknown, not good."""
        status = (
            ocsp.OCSPCertStatus.UNKNOWN
            if not known
            else ocsp.OCSPCertStatus.GOOD
            if revoked_at is None
            else ocsp.OCSPCertStatus.REVOKED
        )
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=question.issuer_name_hash,
                issuer_key_hash=question.issuer_key_hash,
                serial_number=question.serial_number,
                algorithm=question.hash_algorithm,
                cert_status=status,
                this_update=now,
                next_update=now + ANSWER_FOR,
                revocation_time=revoked_at if known else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
        )
        try:
            nonce = question.extensions.get_extension_for_class(x509.OCSPNonce).value
            if len(nonce.nonce) <= 128:  # RFC 9654 section 2.1
                builder = builder.add_extension(nonce, critical=False)
        except x509.ExtensionNotFound:
            pass
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def answers_for(self, question: ocsp.OCSPRequest) -> bool:
        """Whether the question names this authority."""
        algorithm = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}.get(question.hash_algorithm.name)
        if algorithm is None:
            return False
        key = x509.SubjectKeyIdentifier.from_public_key(self.certificate.public_key()).digest
        named = algorithm(self.certificate.subject.public_bytes()).digest() == question.issuer_name_hash
        # For SHA-1 the key's hash is its identifier (RFC 5280 section 4.2.1.2); for others the name must do.
        return named and (algorithm is not hashlib.sha1 or key == question.issuer_key_hash)

    def _builder(
        self, subject: x509.Name, public_key: PublicKey, serial: int, starts: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(_key_identifier(self.certificate), critical=False)
        )


def root_certificate(name: x509.Name, key: Key, *, serial: int, ends: datetime, now: datetime) -> x509.Certificate:
    public_key = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )


def user_name(user: str) -> x509.Name:
    """The subject of a card: the user number alone. Names change, and certificates are seen by everybody."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])


def authority_name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def serial_number(random: bytes) -> int:
    """From 16 random bytes: positive, at most 20 octets, unpredictable (RFC 5280 section 4.1.2.2)."""
    return int.from_bytes(b"\x40" + random, "big")


def _entry(revoked: CardCertificate) -> x509.RevokedCertificate:
    assert revoked.revoked_at is not None
    return x509.RevokedCertificateBuilder().serial_number(revoked.serial).revocation_date(revoked.revoked_at).build()


def _key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _distribution(url: str) -> x509.CRLDistributionPoints:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])


def _access(addresses: Addresses) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(addresses.ocsp)),
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(addresses.certificate)
            ),
        ]
    )
