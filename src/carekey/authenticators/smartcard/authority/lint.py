"""A rehearsal before each signature: the certificate is signed with a throwaway key and read as a relying party would.

A faulty certificate that is never signed never needs to be revoked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from carekey.authenticators.smartcard.authority.certificate_profiles import CertificateProfile
from carekey.authenticators.smartcard.authority.signing import BACKDATED, Authority
from carekey.authenticators.smartcard.model import Purpose
from carekey.authenticators.smartcard.path import UNREADABLE, strong
from carekey.authenticators.smartcard.policies import extension


def hindrances(profile: CertificateProfile, *, authority: Authority, now: datetime) -> Sequence[str]:
    """Why no certificate can be made at all."""
    own = authority.certificate
    rules = [
        ("authority is valid now: look at the clock", not own.not_valid_before_utc <= now < own.not_valid_after_utc),
        ("lasts for some time", profile.lifetime <= timedelta(0)),
    ]
    return [what for what, wrong in rules if wrong]


def faults(
    rehearsed: x509.Certificate, profile: CertificateProfile, *, user: str, authority: Authority, now: datetime
) -> Sequence[str]:
    """What is wrong with a certificate, empty if nothing is."""
    try:
        return [what for what, wrong in _rules(rehearsed, profile, user, authority, now) if wrong]
    except (*UNREADABLE, x509.ExtensionNotFound) as error:
        return [f"unreadable: {type(error).__name__}"]


def _rules(
    made: x509.Certificate, profile: CertificateProfile, user: str, authority: Authority, now: datetime
) -> Sequence[tuple[str, bool]]:
    usage = extension(made, x509.KeyUsage)
    extended = extension(made, x509.ExtendedKeyUsage)
    constraints = extension(made, x509.BasicConstraints)
    points = extension(made, x509.CRLDistributionPoints)
    own = authority.certificate
    lasts = made.not_valid_after_utc - made.not_valid_before_utc
    names = [one.value for one in made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    identifier = extension(made, x509.AuthorityKeyIdentifier)
    critical = {one.oid for one in made.extensions if one.critical}
    uses = tuple(extended or ())
    policies = tuple(one.policy_identifier for one in extension(made, x509.CertificatePolicies) or ())
    return [
        ("version 3", made.version is not x509.Version.v3),
        ("issuer is the authority", made.issuer != own.subject),
        ("subject is the user number", names != [user] or len(list(made.subject)) != 1),
        (
            "serial number of 64 unpredictable bits or more, 20 octets or fewer",
            not 64 < made.serial_number.bit_length() < 160,
        ),
        ("key is strong", not strong(made.public_key())),
        ("key is not the authority's", made.public_key() == own.public_key()),
        ("begins now", not now - BACKDATED - timedelta(minutes=1) <= made.not_valid_before_utc <= now),
        ("ends after now", made.not_valid_after_utc <= now),
        ("lasts no longer than its profile", lasts > profile.lifetime + BACKDATED),
        ("ends no later than the authority", made.not_valid_after_utc > own.not_valid_after_utc),
        ("no authority", constraints is None or constraints.ca),
        ("key usage as in the profile, critical", usage != profile.key_usage or x509.KeyUsage.oid not in critical),
        ("extended key usage as in the profile", uses != profile.extended_key_usage),
        ("policies as in the profile", policies != profile.policies),
        ("key usage is what the certificate is for", usage is None or not _fits(usage, profile.purpose)),
        (
            "signs no certificates, revocation lists or OCSP answers",
            usage is None or usage.key_cert_sign or usage.crl_sign or ExtendedKeyUsageOID.OCSP_SIGNING in uses,
        ),
        ("uses are named one by one", ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses),
        (
            "log-in for one certificate alone",
            (profile.purpose is Purpose.AUTHENTICATION) != (ExtendedKeyUsageOID.CLIENT_AUTH in uses),
        ),
        ("says where its revocation list is", points is None or not list(points)),
        ("names the authority's key", identifier is None or identifier.key_identifier is None),
        ("names its own key", extension(made, x509.SubjectKeyIdentifier) is None),
    ]


def _fits(usage: x509.KeyUsage, purpose: Purpose) -> bool:
    """A key that logs in signs what others choose, so it commits its holder to nothing."""
    if purpose is Purpose.AUTHENTICATION:
        return usage.digital_signature and not usage.content_commitment
    return usage.content_commitment
