"""A PKI made for a test: authorities, cards, lists and answers, each as faulty as a test wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from carekey.authenticators.smartcard.profiles import NATIONAL_POLICY, Method, PkiProfile, national_card, own_card

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
USER = "555000000101"

Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """The same for the same number: making keys is what takes time."""
    return ec.derive_private_key(1000 + number, ec.SECP256R1())


def name(common: str, *units: str, organisation: str = "nhs") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def usage(**on: bool) -> x509.KeyUsage:
    flags = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**{**flags, **on})


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def name(self) -> x509.Name:
        return self.certificate.subject

    def builder(self, subject: x509.Name, public, *, starts=NOW - DAY, ends=NOW + YEAR, serial=None):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    def crl(
        self,
        *revoked: int,
        this=NOW - timedelta(hours=1),
        next=NOW + DAY,
        point: x509.IssuingDistributionPoint | None = None,
        delta: bool = False,
        signer: "Authority | None" = None,
        entry: tuple[x509.ExtensionType, bool] | None = None,
        entry_of: int | None = None,
    ) -> bytes:
        """`entry`: an extension of the entry for `entry_of`, otherwise of the first; and whether it is critical."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(this)
            .next_update(next)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if point:
            builder = builder.add_extension(point, critical=True)
        if delta:
            builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
        for serial in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
            if entry and serial == (entry_of or revoked[0]):
                one = one.add_extension(entry[0], critical=entry[1])
            builder = builder.add_revoked_certificate(one.build())
        return builder.sign((signer or self).key, hashes.SHA256()).public_bytes(Encoding.DER)


def root(number: int = 0, *, starts=NOW - YEAR, ends=NOW + 10 * YEAR, common="RootCA") -> Authority:
    return Authority(_self_signed(name(common, "CA"), key(number), starts, ends), key(number))


def _self_signed(subject, own, starts, ends) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .sign(own, hashes.SHA256())
    )


def sub(
    above: Authority,
    number: int = 1,
    *,
    common="SubCA02",
    ca=True,
    path_length: int | None = 0,
    may_sign=True,
    policy: str | None = NATIONAL_POLICY,
    points: Sequence[str] = (),
    change: Change = lambda builder: builder,
    own: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | None = None,
    **dates: Any,
) -> Authority:
    own = own or key(number)
    builder = (
        above.builder(name(common, "CA"), own.public_key(), **{"ends": NOW + 5 * YEAR, **dates})
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), critical=True)
        .add_extension(usage(key_cert_sign=may_sign, crl_sign=True), critical=True)
    )
    if policy:
        builder = builder.add_extension(policies(policy), critical=False)
    if points:
        builder = builder.add_extension(web_points(*points), critical=False)
    return Authority(change(builder).sign(above.key, hashes.SHA256()), own)


def policies(*oids: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids])


def web_points(*urls: str) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    )


def directory_point(where: x509.Name) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.DirectoryName(where)], None, None, None)])


def responder_access(url: str) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))]
    )


def card(
    by: Authority,
    *,
    user: str = USER,
    subject: x509.Name | None = None,
    public=None,
    key_usage: x509.KeyUsage | None = None,
    policy: str | None = NATIONAL_POLICY,
    extended: Sequence[x509.ObjectIdentifier] | None = None,
    points: x509.CRLDistributionPoints | None = None,
    responder: str | None = None,
    ca: bool = False,
    change: Change = lambda builder: builder,
    algorithm: hashes.HashAlgorithm | None = None,
    padded: padding.PSS | None = None,
    signer: Authority | None = None,
    **dates: Any,
) -> x509.Certificate:
    builder = by.builder(subject or name(user, "people"), public or key(9).public_key(), **dates)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    builder = builder.add_extension(key_usage or usage(digital_signature=True), critical=True)
    if policy:
        builder = builder.add_extension(policies(policy), critical=False)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if points:
        builder = builder.add_extension(points, critical=False)
    if responder:
        builder = builder.add_extension(responder_access(responder), critical=False)
    own = (signer or by).key
    hashed = None if isinstance(own, ed25519.Ed25519PrivateKey) else algorithm or hashes.SHA256()
    return change(builder).sign(own, hashed, rsa_padding=padded)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


ROOT = root()
SUB = sub(ROOT)
CRL57 = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nhs"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "CA"),
        x509.NameAttribute(NameOID.COMMON_NAME, "SubCA02"),
        x509.NameAttribute(NameOID.COMMON_NAME, "CRL57"),
    ]
)
NATIONAL = national_card(
    anchors=(ROOT.der,),
    intermediates=(SUB.der,),
    locations=(
        (ROOT.name.rfc4514_string(), "http://crl.test/root.crl"),
        (SUB.name.rfc4514_string(), "http://crl.test/sub.crl"),
        (CRL57.rfc4514_string(), "http://crl.test/57.crl"),
    ),
)
OWN = replace(own_card(anchors=(ROOT.der,), intermediates=(SUB.der,)), locations=NATIONAL.locations)
BOTH: PkiProfile = replace(NATIONAL, methods=(Method.OCSP, Method.CRL))


def responder(
    by: Authority,
    number: int = 5,
    *,
    for_ocsp=True,
    nocheck=True,
    signs=True,
    own: rsa.RSAPrivateKey | None = None,
    change: Change = lambda builder: builder,
    **dates: Any,
) -> Authority:
    builder = by.builder(name("Responder", "CA"), (own or key(number)).public_key(), **dates)
    builder = builder.add_extension(usage(digital_signature=signs, key_encipherment=not signs), critical=True)
    if for_ocsp:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    if nocheck:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return Authority(change(builder).sign(by.key, hashes.SHA256()), own or key(number))


def ocsp_answer(
    question: bytes,
    certificate: x509.Certificate,
    issuer: Authority,
    *,
    by: Authority | None = None,
    status=ocsp.OCSPCertStatus.GOOD,
    reason=x509.ReasonFlags.key_compromise,
    nonce: bytes | bool | None = True,
    critical: x509.ExtensionType | None = None,
    this=NOW - timedelta(minutes=1),
    next=NOW + timedelta(hours=1),
) -> bytes:
    asked = ocsp.load_der_ocsp_request(question)
    signer = by or issuer
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=this,
            next_update=next,
            revocation_time=NOW - DAY if revoked else None,
            revocation_reason=reason if revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    )
    if by:
        builder = builder.certificates([by.certificate])
    if nonce is True:
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    if critical:
        builder = builder.add_extension(critical, critical=True)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)
