"""A maker of authenticators: its root, the certificates of its attestation keys, and what FIDO metadata says of it."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

BEGINS, ENDS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
AAGUID_OID = ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def name(common_name: str, unit: str = "Authenticator Attestation") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Soft Keys"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def aaguid_extension(aaguid: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(AAGUID_OID, b"\x04\x10" + aaguid)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@dataclass
class Ca:
    """A certificate authority of two levels: a root, and what it issues."""

    key: PrivateKey
    root: x509.Certificate

    @classmethod
    def new(cls, common_name: str = "Soft Keys root", *, begins: datetime = BEGINS, ends: datetime = ENDS) -> "Ca":
        key = new_key()
        subject = name(common_name, "Root")
        root = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), begins, ends)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, root)

    def issue(
        self,
        public_key: Any,
        *,
        subject: x509.Name | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        ca: bool = False,
        begins: datetime = BEGINS,
        ends: datetime = ENDS,
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            self.root.subject,
            name("Soft Key") if subject is None else subject,
            public_key,
            x509.random_serial_number(),
            begins,
            ends,
        ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


def entry(aaguid: str, roots: Sequence[x509.Certificate], **changes: Any) -> dict[str, Any]:
    """An entry of a metadata BLOB for a level 2 certified hardware key; `changes` replace members of the entry."""
    statement = {
        "description": "Soft Key 1",
        "protocolFamily": "fido2",
        "keyProtection": ["hardware", "secure_element"],
        "attachmentHint": ["external", "wired"],
        "attestationRootCertificates": [base64.b64encode(der(root)).decode() for root in roots],
    }
    return {
        "aaguid": aaguid,
        "metadataStatement": statement | changes.pop("statement", {}),
        "statusReports": [{"status": "FIDO_CERTIFIED_L2", "effectiveDate": "2024-01-01"}],
        "timeOfLastStatusChange": "2024-01-01",
        **changes,
    }


SIGNER = "metadata.example"


def blob(
    entries: Sequence[Any],
    ca: Ca,
    *,
    number: int = 7,
    next_update: str = "2026-12-31",
    signer: str = SIGNER,
    alg: str = "ES256",
    ends: datetime = ENDS,
    payload: bytes | None = None,
) -> bytes:
    """A signed metadata BLOB (FIDO Metadata Service section 3.1.7)."""
    key: PrivateKey = new_key() if alg == "ES256" else rsa.generate_private_key(65537, 2048)
    names = x509.SubjectAlternativeName([x509.DNSName(signer)])
    leaf = ca.issue(key.public_key(), subject=name(signer, "Metadata"), extensions=[(names, False)], ends=ends)
    header = {"alg": alg, "typ": "JWT", "x5c": [base64.b64encode(der(leaf)).decode()]}
    body = (
        payload
        or json.dumps({"legalHeader": "test", "no": number, "nextUpdate": next_update, "entries": entries}).encode()
    )
    signed = b".".join((encoded(json.dumps(header).encode()), encoded(body)))
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed, PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return signed + b"." + encoded(signature)


def encoded(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
