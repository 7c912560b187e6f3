"""Certificate revocation lists (RFC 5280 sections 5 and 6.3.3): whole lists and partitions by distribution point.

Indirect lists, delta lists and lists for some reasons only are refused: none of them can tell that a card is good.
"""

import time
from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from carekey.authenticators.smartcard import crl_signature
from carekey.authenticators.smartcard.evidence import CrlWanted, RevocationList
from carekey.authenticators.smartcard.path import UNREADABLE
from carekey.authenticators.smartcard.policies import extension
from carekey.authenticators.smartcard.revocation import SKEW, name_of

SOUND = (hashes.SHA256, hashes.SHA384, hashes.SHA512, type(None))
"""None is EdDSA's."""

SLICE = 1000
"""So many entries take about a millisecond."""
PAUSE = 0.0001
"""Seconds between slices: others get the interpreter's lock without waiting until it is asked back."""


class EvidenceError(Exception):
    """An answer that proves nothing. The text is for the log and the audit record."""


def read(der: bytes, wanted: CrlWanted, *, now: datetime) -> RevocationList:
    """Check a list and index it: about 0.15 s for 100,000 entries, so for a thread. Raises: EvidenceError.

    A list that has run out is read too: the operator's grace time decides what it is good for.
    """
    try:
        found = x509.load_der_x509_crl(der)
        return _read(der, found, wanted, now)
    except (*UNREADABLE, UnsupportedAlgorithm, TypeError):
        raise EvidenceError("not a revocation list") from None


def _read(der: bytes, found: x509.CertificateRevocationList, wanted: CrlWanted, now: datetime) -> RevocationList:
    if found.issuer != wanted.issuer.subject:
        raise EvidenceError("the list of another authority")
    usage = extension(wanted.issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise EvidenceError("the authority may not sign lists")
    key = wanted.issuer.public_key()
    if not isinstance(key, crl_signature.Key):
        raise EvidenceError("a key that signs no lists")
    if not isinstance(found.signature_hash_algorithm, SOUND) or not crl_signature.holds(der, found, key):
        raise EvidenceError("the signature does not hold")
    if found.next_update_utc is None:
        raise EvidenceError("no nextUpdate")
    if found.last_update_utc > now + SKEW:
        raise EvidenceError("from the future")
    for_people, for_authorities, number = True, True, 0
    for one in found.extensions:
        match one.value:
            case x509.CRLNumber():
                number = one.value.crl_number
            case x509.IssuingDistributionPoint():
                for_people, for_authorities = _scope(one.value, wanted)
            case x509.AuthorityKeyIdentifier() | x509.FreshestCRL() | x509.IssuerAlternativeName():
                pass
            case _ if one.critical:
                raise EvidenceError(f"critical extension {one.oid.dotted_string}")
            case _:
                pass
    _look_at_entries(der, found)
    return RevocationList(
        key=wanted.key,
        number=number,
        this_update=found.last_update_utc,
        next_update=found.next_update_utc,
        revoked=_index(found),
        for_people=for_people,
        for_authorities=for_authorities,
    )


def _index(found: x509.CertificateRevocationList) -> Mapping[int, datetime]:
    """Serial number to moment. In slices, so that a thread that does this keeps no log-in waiting."""
    revoked: dict[int, datetime] = {}
    entries = iter(found)
    while part := {one.serial_number: one.revocation_date_utc for one in islice(entries, SLICE)}:
        revoked |= part
        time.sleep(PAUSE)
    return revoked


CRITICAL = bytes.fromhex("0101ff04")
"""TRUE, and the tag of the extension's value, which comes next: serial numbers hold the first three by chance."""
CERTIFICATE_ISSUER = bytes.fromhex("0603551d1d")


def _look_at_entries(der: bytes, found: x509.CertificateRevocationList) -> None:
    """Refuse a list with an entry that we cannot process. Any reason code is as good as another, a hold too.

    RFC 5280 section 5.3: one critical extension that is not known spoils the whole list. So does certificateIssuer
    (5.3.3), critical or not: from there on the entries are another authority's. Looking into every entry doubles the
    time, so the bytes tell whether any can be so: those that stand for "critical" are there once for each extension
    of the list itself that is.

    Raises: EvidenceError.
    """
    if der.count(CRITICAL) <= sum(one.critical for one in found.extensions) and CERTIFICATE_ISSUER not in der:
        return
    for number, entry in enumerate(found):
        if number % SLICE == 0:
            time.sleep(PAUSE)
        for one in entry.extensions:
            if isinstance(one.value, x509.CertificateIssuer) or (
                one.critical and not isinstance(one.value, x509.CRLReason | x509.InvalidityDate)
            ):
                raise EvidenceError(f"an entry with the extension {one.oid.dotted_string}")


def _scope(point: x509.IssuingDistributionPoint, wanted: CrlWanted) -> tuple[bool, bool]:
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs or point.relative_name:
        raise EvidenceError("an indirect, partial or relative list")
    # RFC 5280 section 6.3.3 (b)(2): a partition's list says nothing about the certificates of another partition.
    if point.full_name and not wanted.names & {name_of(one) for one in point.full_name}:
        raise EvidenceError("the list of another distribution point")
    return not point.only_contains_ca_certs, not point.only_contains_user_certs
