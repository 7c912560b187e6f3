"""Certificates of clients for tests, of several authorities and of none, each as faulty as a test wants it."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc.jwk import ECKey

DAY = timedelta(days=1)
NAMES = [
    x509.DNSName("ward.example.test"),
    x509.UniformResourceIdentifier("urn:example:ward"),
    x509.IPAddress(ip_address("192.0.2.9")),
    x509.RFC822Name("Ward@Example.test"),
]
SUBJECT = "CN=ward,OU=Systems,O=Example  Trust,C=GB"


@cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(4000 + number, ec.SECP256R1())


@dataclass(frozen=True)
class Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key with its certificate (RFC 8705 section 2.2.2)."""
        public = ECKey.import_key(self.key_pem.decode()).as_dict(private=False)
        return {**public, "use": "sig", "x5c": [base64.b64encode(self.der).decode()]}


def _usage(*, authority: bool, signs: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(subject: x509.Name, of: int, by: x509.Name, signer: int, starts: datetime, ends: datetime):
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key(of).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key(signer).public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key(of).public_key()), critical=False)
    )


def authority(number: int, now: datetime, *, by: Pair | None = None, list_at: str | None = None) -> Pair:
    subject = x509.Name.from_rfc4514_string(f"CN=Authority {number},O=Example")
    issuer = by.certificate.subject if by else subject
    signer = by.key if by else key(number)
    number_of_signer = number - 1 if by else number
    made = (
        _builder(subject, number, issuer, number_of_signer, now - 100 * DAY, now + 1000 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )
    if list_at:
        made = made.add_extension(_points(list_at), critical=False)
    return Pair(made.sign(signer, hashes.SHA256()), key(number))


def _points(list_at: str) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(list_at)], None, None, None)]
    )


def client(
    by: Pair | None,
    now: datetime,
    *,
    number: int = 50,
    signer: int = 1,
    subject: str = SUBJECT,
    names: list[x509.GeneralName] | None = NAMES,
    starts: timedelta = -DAY,
    ends: timedelta = 100 * DAY,
    uses: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    signs: bool = True,
    authority: bool = False,
    list_at: str | None = None,
) -> Pair:
    """`by`: the authority; None for a self-signed one. `signer`: the number of the authority's key. `list_at`: where its
    revocation list is."""
    name = x509.Name.from_rfc4514_string(subject)
    issuer, signing = (by.certificate.subject, by.key) if by else (name, key(number))
    made = _builder(name, number, issuer, signer if by else number, now + starts, now + ends)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if uses:
        made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if list_at:
        made = made.add_extension(_points(list_at), critical=False)
    if by:
        made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        made = made.add_extension(_usage(authority=authority, signs=signs), critical=True)
    return Pair(made.sign(signing, hashes.SHA256()), key(number))


def revocation_list(by: Pair, *revoked: Pair, this: datetime, next: datetime, number: int = 1) -> bytes:
    """DER."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(this)
        .next_update(next)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
    )
    for one in revoked:
        serial = one.certificate.serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(this).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def weak(by: Pair, key: Any, now: datetime) -> bytes:
    """DER of a certificate for a key of any kind."""
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(SUBJECT))
        .issuer_name(by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
    )
    return made.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)
