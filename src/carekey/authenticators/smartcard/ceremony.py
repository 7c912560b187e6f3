"""Logging in with a smartcard. TLS has proven that the key is there; this decides what that is worth."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard import path, revocation
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.model import Card, CardId, CardState
from carekey.authenticators.smartcard.path import CardIdentity, Reason, Refused
from carekey.authenticators.smartcard.profiles import PkiProfile
from carekey.authenticators.smartcard.revocation import NeedRevocation
from carekey.directory.model import Person, PersonStatus
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, PersonId

KIND = "smartcard"


def identify(chain: Sequence[bytes], *, profiles: Sequence[PkiProfile], now: datetime) -> CardIdentity | Refused:
    """Whose card it is, by whichever PKI it belongs to. Every PKI that knows its issuer may say why it refuses."""
    refused = Refused(why=Reason.UNKNOWN_ISSUER if chain else Reason.NO_CARD)
    for profile in profiles:
        found = path.judge(chain, profile=profile, now=now)
        if isinstance(found, CardIdentity):
            return found
        if refused.why in {Reason.UNKNOWN_ISSUER, Reason.NO_CARD}:
            refused = found
    return refused


def finish(
    identity: CardIdentity,
    *,
    card: Card | None,
    renewed: bool,
    holder: Person | None,
    evidence: Evidence,
    amr: Amr,
    expected_person: PersonId | None,
    accepted: frozenset[AAL],
    now: datetime,
) -> Verified | Refused | NeedRevocation:
    """Judge a card that `identify` has found the owner of.

    `card`: what the directory has under the certificate's issuer and serial number. `renewed`: another certificate took
    the place of this one, whose key somebody may have kept all the same. `holder`: the person the certificate names.
    `amr`: by which listener and zone it came. `expected_person`: the only one who may prove themself.
    """

    def refuse(why: Reason, *, when: datetime | None = None, detail: str = "") -> Refused:
        return Refused(why=why, when=when, detail=detail, claimed_person=identity.person)

    if why := _card_fault(identity, card):
        return refuse(why)
    if renewed:
        return refuse(Reason.RENEWED)
    found = revocation.check(identity, evidence=evidence, now=now)
    if isinstance(found, NeedRevocation):
        return found
    if isinstance(found, revocation.Revoked):
        return refuse(Reason.REVOKED, when=found.at, detail=f"certificate {found.depth} of the path")
    if isinstance(found, revocation.Unknown):
        return refuse(Reason.REVOCATION_UNKNOWN, detail="; ".join(found.why)[:1000])
    if holder is None:
        return refuse(Reason.UNKNOWN_PERSON)
    if holder.status is PersonStatus.CLOSED:
        return refuse(Reason.HOLDER_CLOSED)
    if expected_person is not None and identity.person != expected_person:
        return refuse(Reason.WRONG_PERSON)
    if AAL.AAL3 not in accepted:
        return refuse(Reason.LEVEL_NOT_ACCEPTED)
    credential = CredentialId(card.id if card is not None else card_id(identity))
    return Verified(person=identity.person, credential=credential, kind=KIND, aal=AAL.AAL3, amr=amr, at=now)


def card_id(identity: CardIdentity) -> CardId:
    """The id of a card that another PKI made, the same on every node."""
    return known_by(identity.certificate.public_bytes(Encoding.DER))


def known_by(certificate: bytes) -> CardId:
    """The same, from the certificate in the reader."""
    return CardId(hashlib.sha256(certificate).hexdigest()[:32])


def _card_fault(identity: CardIdentity, card: Card | None) -> Reason | None:
    if card is None:
        return Reason.NOT_REGISTERED if identity.profile.registered else None
    if card.person != identity.person:
        return Reason.OTHER_HOLDER
    return _FAULTS.get(card.state)


_FAULTS = {
    CardState.PREPARED: Reason.NOT_REGISTERED,
    CardState.LOCKED: Reason.LOCKED,
    CardState.SUSPENDED: Reason.SUSPENDED,
    CardState.CANCELLED: Reason.CANCELLED,
}
