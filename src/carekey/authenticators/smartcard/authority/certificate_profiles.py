"""What our certificates contain, as data (RFC 5280 section 4.2)."""

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from carekey.authenticators.smartcard.model import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateProfile:
    purpose: Purpose
    key_usage: x509.KeyUsage
    extended_key_usage: tuple[x509.ObjectIdentifier, ...] = ()
    policies: tuple[x509.ObjectIdentifier, ...] = ()
    lifetime: timedelta


def key_usage(*on: str) -> x509.KeyUsage:
    """A critical key usage with these bits, by their names in the library."""
    flags = dict.fromkeys(_BITS, False) | dict.fromkeys(on, True)
    return x509.KeyUsage(**flags)


USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "contentCommitment": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
"""Names of RFC 5280 section 4.2.1.3, and the library's."""
EXTENDED_USAGES = {
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
}
_BITS = tuple(dict.fromkeys(USAGES.values()))


def card_profiles(lifetime: timedelta) -> tuple[CertificateProfile, ...]:
    """The two certificates of a card: one to log in with, one to commit to content with, each with its own key."""
    return (
        CertificateProfile(
            purpose=Purpose.AUTHENTICATION,
            key_usage=key_usage("digital_signature"),
            extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
            lifetime=lifetime,
        ),
        CertificateProfile(
            purpose=Purpose.CONTENT_COMMITMENT, key_usage=key_usage("content_commitment"), lifetime=lifetime
        ),
    )
