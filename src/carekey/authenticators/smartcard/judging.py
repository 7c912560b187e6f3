"""Judging a card that was shown, whoever shows it: whose it is, whether it still counts, whether it logs them in."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard import ceremony
from carekey.authenticators.smartcard.events import CardAdded, LogInRefused
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.handover import Ask
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardState, Purpose
from carekey.authenticators.smartcard.path import UNREADABLE, CardIdentity, Reason, Refused
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.revocation import NeedRevocation
from carekey.authenticators.smartcard.terms import Terms
from carekey.kernel import actor
from carekey.kernel.assurance import Amr
from carekey.kernel.unit_of_work import Store

TxT = TypeVar("TxT", bound=CardTx)

ROUNDS = 3
"""How often revocation may ask for more: each round may name what only the last one's answer led to."""


class Judging(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._store = store
        self._terms = terms

    async def outcome(
        self,
        chain: Sequence[bytes] | Refused,
        *,
        begin: Callable[[TxT], Ask | None],
        end: Callable[[TxT, Ask, Verified | Refused], None],
        amr: Amr,
        now: datetime,
    ) -> tuple[Ask, Verified | Refused] | None:
        """`begin` says which log-in the card was shown to, or that there is none; `end` does what follows from the outcome.

        All is one unit of work where what is known about revocation suffices, so that nothing is kept of a card that
        was not judged. Otherwise `begin` has been committed when the network is asked, and `end` comes with the verdict.
        """
        revocations = self._terms.revocations

        def first(tx: TxT) -> tuple[Ask, CardIdentity | Refused, Verified | Refused | NeedRevocation] | None:
            ask = begin(tx)
            if ask is None:
                return None
            found = (
                chain
                if isinstance(chain, Refused)
                else ceremony.identify(chain, profiles=self._terms.profiles, now=now)
            )
            return ask, found, judged(tx, ask, found, revocations.evidence())

        def judged(
            tx: TxT, ask: Ask, found: CardIdentity | Refused, evidence: Evidence
        ) -> Verified | Refused | NeedRevocation:
            outcome = found if isinstance(found, Refused) else _finish(tx, found, ask, evidence, amr, now)
            if not isinstance(outcome, NeedRevocation):
                end(tx, ask, outcome)
            return outcome

        done = await self._store.write(first)
        if done is None:
            return None
        ask, found, outcome = done
        tried: frozenset[str] = frozenset()
        for _ in range(ROUNDS):
            if not isinstance(outcome, NeedRevocation):
                return ask, outcome
            evidence = await revocations.obtain(outcome.requests)
            tried |= evidence.tried
            outcome = await self._store.write(
                partial(judged, ask=ask, found=found, evidence=replace(evidence, tried=tried))
            )
        if isinstance(outcome, NeedRevocation):
            claimed = found.person if isinstance(found, CardIdentity) else ""
            refused = Refused(why=Reason.REVOCATION_UNKNOWN, detail="too many rounds", claimed_person=claimed)
            await self._store.write(lambda tx: end(tx, ask, refused))
            return ask, refused
        return ask, outcome


def refusal(ask: Ask, refused: Refused, shown: Sequence[bytes] | Refused, *, now: datetime) -> LogInRefused:
    """For the record: all that the person is not told. `shown`: what was judged."""
    card = shown[0] if shown and not isinstance(shown, Refused) else None
    issuer, serial = _names(card) if card else ("", "")
    return LogInRefused(
        at=now,
        actor=actor.UNKNOWN,
        reference=ask.reference,
        login=ask.login,
        reason=refused.why,
        detail=refused.detail,
        fingerprint=hashlib.sha256(card).hexdigest() if card else "",
        certificate_issuer=issuer,
        certificate_serial=serial,
        when=refused.when.isoformat(timespec="seconds") if refused.when else "",
        claimed_person=refused.claimed_person,
    )


def _names(certificate: bytes) -> tuple[str, str]:
    """Issuer and serial number, by which its authority knows it; empty if it cannot be read."""
    try:
        found = x509.load_der_x509_certificate(certificate)
        return found.issuer.rfc4514_string()[:500], f"{found.serial_number:x}"
    except UNREADABLE:
        return "", ""


def _finish(
    tx: CardTx, identity: CardIdentity, ask: Ask, evidence: Evidence, amr: Amr, now: datetime
) -> Verified | Refused | NeedRevocation:
    card = tx.cards.find_certificate(identity.issuer, identity.serial)
    outcome = ceremony.finish(
        identity,
        card=card,
        renewed=card is not None and _renewed(tx, card, identity),
        holder=tx.people.find(identity.person),
        evidence=evidence,
        amr=amr,
        expected_person=ask.person,
        accepted=ask.levels,
        now=now,
    )
    if isinstance(outcome, Verified) and card is None:
        _note_first_use(tx, identity, now)
    return outcome


def _renewed(tx: CardTx, card: Card, identity: CardIdentity) -> bool:
    named = (identity.issuer, identity.serial)
    ever = tx.cards.certificates(card.id)
    return any(one.superseded_at is not None for one in ever if (one.issuer, one.serial) == named)


def _note_first_use(tx: CardTx, identity: CardIdentity, now: datetime) -> None:
    """A card that another PKI made: known from now on, so that it can be suspended or cancelled here too."""
    id = ceremony.card_id(identity)
    card = Card(
        id=id,
        serial=id,
        person=identity.person,
        profile=identity.profile.name,
        state=CardState.ACTIVE,
        created_at=now,
        changed_at=now,
    )
    if not tx.cards.add(card):  # at the same moment, on another node
        return
    tx.cards.add_certificate(
        CardCertificate(
            issuer=identity.issuer,
            serial=identity.serial,
            card=id,
            purpose=Purpose.AUTHENTICATION,
            der=identity.certificate.public_bytes(Encoding.DER),
            starts_at=identity.certificate.not_valid_before_utc,
            ends_at=identity.ends_at,
        )
    )
    tx.audit.record(
        CardAdded(
            at=now,
            actor=actor.person(identity.person),
            card=id,
            serial=card.serial,
            person=card.person,
            profile=card.profile,
            state=card.state,
        )
    )
