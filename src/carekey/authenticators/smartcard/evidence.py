"""What is known about revocation, and what could be asked for: checked and indexed, never raw."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from carekey.authenticators.smartcard.path import issuer_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlWanted:
    """A revocation list to fetch. `crl.read` checks what came."""

    key: str
    urls: tuple[str, ...]
    """Any of them will do. Empty: the operator has not said where this list is."""
    issuer: x509.Certificate
    point: str
    """The distribution point's name, empty for the whole list of the issuer."""
    names: frozenset[str] = frozenset()
    """Every name of the point: a partial list must bear one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspWanted:
    """A question for a responder. `ocsp.question` words it, `ocsp.read` checks the answer."""

    key: str
    urls: tuple[str, ...]
    certificate: x509.Certificate
    issuer: x509.Certificate
    nonce: bool


Wanted = CrlWanted | OcspWanted


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """A CRL whose signature, issuer and scope were checked. `revoked`: serial number to moment."""

    key: str
    number: int
    this_update: datetime
    next_update: datetime
    revoked: Mapping[int, datetime]
    for_authorities: bool = True
    for_people: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspAnswer:
    """A responder's answer whose signature, delegation and nonce were checked."""

    key: str
    revoked_at: datetime | None
    this_update: datetime
    good_until: datetime
    held: bool = False
    """Revoked for now (certificateHold, RFC 5280 section 5.3.1): that may be taken back."""

    def counts(self, now: datetime) -> bool:
        """A revocation stays one. All else has to be asked about again."""
        return now < self.good_until or (self.revoked_at is not None and not self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    lists: Mapping[str, RevocationList] = field(default_factory=dict)
    answers: Mapping[str, OcspAnswer] = field(default_factory=dict)
    tried: frozenset[str] = frozenset()
    """Keys that were asked for just now and could not be had."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why the last fetch failed, by key. For the audit record."""


def crl_key(issuer: x509.Certificate, point: str) -> str:
    return "crl:" + hashlib.sha256(issuer_id(issuer) + point.encode()).hexdigest()


def ocsp_key(issuer: x509.Certificate, serial: int) -> str:
    return "ocsp:" + hashlib.sha256(issuer_id(issuer) + str(serial).encode()).hexdigest()
