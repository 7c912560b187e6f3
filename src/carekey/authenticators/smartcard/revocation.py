"""Whether a card still counts (RFC 5280 section 6.3, RFC 6960). Pure: what is missing is asked for, and the shell fetches.

Every certificate below the anchor is looked at. Any sign of revocation decides; knowing nothing is never good enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from carekey.authenticators.smartcard.evidence import (
    CrlWanted,
    Evidence,
    OcspWanted,
    RevocationList,
    Wanted,
    crl_key,
    ocsp_key,
)
from carekey.authenticators.smartcard.path import CardIdentity
from carekey.authenticators.smartcard.policies import extension
from carekey.authenticators.smartcard.profiles import Method, PkiProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """Not revoked. `stale`: judged by a list that has run out, within the operator's grace."""

    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """`depth` 0 is the card itself; an authority above it otherwise."""

    at: datetime
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRevocation:
    """Fetch these, then ask again with what came, and with the keys of what did not in `Evidence.tried`."""

    requests: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nothing more can be asked, and what is known does not suffice: refused."""

    why: tuple[str, ...]
    """Of each place that could have told, what came of asking it. For the audit record: it names the inside of a PKI."""


def check(identity: CardIdentity, *, evidence: Evidence, now: datetime) -> Good | Revoked | NeedRevocation | Unknown:
    return check_path(identity.path, identity.profile, evidence=evidence, now=now)


def check_path(
    path: Sequence[x509.Certificate], profile: PkiProfile, *, evidence: Evidence, now: datetime
) -> Good | Revoked | NeedRevocation | Unknown:
    """`path`: from the certificate to the anchor."""
    wanted: list[Wanted] = []
    missing: list[str] = []
    stale = False
    for depth, (certificate, issuer) in enumerate(pairwise(path)):
        sources = sources_of(certificate, issuer, profile)
        found = [_ask(one, certificate, evidence, profile.grace, now) for one in sources]
        if revoked := [one for one in found if isinstance(one, Revoked)]:
            return Revoked(at=min(one.at for one in revoked), depth=depth)
        if any(isinstance(one, Good) and not one.stale for one in found):
            continue
        if untried := [one for one in sources if one.urls and one.key not in evidence.tried]:
            wanted.append(untried[0])
        elif any(isinstance(one, Good) for one in found):
            stale = True
        else:
            missing += [_fault(one, evidence) for one in sources] or ["a certificate that names no place to ask"]
    if wanted:
        return NeedRevocation(requests=tuple(wanted))
    return Unknown(why=tuple(missing)) if missing else Good(stale=stale)


def sources_of(certificate: x509.Certificate, issuer: x509.Certificate, profile: PkiProfile) -> Sequence[Wanted]:
    """Where a certificate's state could be learned, the profile's preferred method first."""
    found: list[Wanted] = []
    for method in profile.methods:
        if method is Method.OCSP:
            urls = _responders(certificate) or profile.responders
            if urls:
                key = ocsp_key(issuer, certificate.serial_number)
                found.append(
                    OcspWanted(key=key, urls=urls, certificate=certificate, issuer=issuer, nonce=profile.nonce)
                )
        else:
            found += _lists(certificate, issuer, profile)
    return found


def _ask(
    source: Wanted, certificate: x509.Certificate, evidence: Evidence, grace: timedelta, now: datetime
) -> Good | Revoked | None:
    if isinstance(source, OcspWanted):
        answer = evidence.answers.get(source.key)
        if answer is None or not answer.counts(now):
            return None
        if answer.revoked_at is not None:
            return Revoked(at=answer.revoked_at, depth=0)
        return Good() if answer.this_update <= now + SKEW else None
    listed = evidence.lists.get(source.key)
    if listed is None or listed.this_update > now + SKEW or not _covers(listed, certificate):
        return None
    if revoked_at := listed.revoked.get(certificate.serial_number):
        return Revoked(at=revoked_at, depth=0)
    if now < listed.next_update:
        return Good()
    return Good(stale=True) if now < listed.next_update + grace else None


def _fault(source: Wanted, evidence: Evidence) -> str:
    if not source.urls and isinstance(source, CrlWanted):
        return f"{source.point or source.issuer.subject.rfc4514_string()}: no address is known for it"
    return evidence.faults.get(source.key) or f"{' '.join(source.urls)}: told nothing that counts now"


SKEW = timedelta(minutes=5)
"""How far ahead of ours the clock of an authority may be."""


def _covers(listed: RevocationList, certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return listed.for_authorities if constraints is not None and constraints.ca else listed.for_people


def _responders(certificate: x509.Certificate) -> tuple[str, ...]:
    access = extension(certificate, x509.AuthorityInformationAccess)
    return tuple(
        one.access_location.value
        for one in access or ()
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
        and one.access_location.value.startswith(("http://", "https://"))
    )


def _lists(certificate: x509.Certificate, issuer: x509.Certificate, profile: PkiProfile) -> Sequence[CrlWanted]:
    points = extension(certificate, x509.CRLDistributionPoints)
    known = dict(profile.locations)
    if points is None:
        # RFC 5280 section 6.3.3: with no point named, the issuer's own whole list is the one to look for.
        url = known.get(issuer.subject.rfc4514_string())
        urls = (url,) if url else ()
        return [CrlWanted(key=crl_key(issuer, ""), urls=urls, issuer=issuer, point="")]
    found = []
    for point in points:
        # Lists for some reasons only, or signed by somebody else, cannot tell that a card is good.
        if point.reasons is not None or point.crl_issuer is not None or not point.full_name:
            continue
        names = [name_of(one) for one in point.full_name]
        web = [one for one in names if one.startswith(("http://", "https://"))]
        configured = [known[one] for one in names if one in known]
        found.append(
            CrlWanted(
                key=crl_key(issuer, names[0]),
                urls=(*configured, *web),
                issuer=issuer,
                point=names[0],
                names=frozenset(names),
            )
        )
    return found


def name_of(name: x509.GeneralName) -> str:
    """A distribution point's name as text: a directory name as RFC 4514 writes it."""
    if isinstance(name, x509.DirectoryName):
        return name.value.rfc4514_string()
    return str(name.value)
