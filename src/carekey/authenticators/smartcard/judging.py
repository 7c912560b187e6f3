"""Judging a card that was shown, whoever shows it: whose it is, whether it still counts, whether it logs them in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard import ceremony
from carekey.authenticators.smartcard.events import CardAdded
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.handover import Ask
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardState, Purpose
from carekey.authenticators.smartcard.path import CardIdentity, Reason, Refused
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.revocation import NeedRevocation
from carekey.authenticators.smartcard.terms import Terms
from carekey.kernel import actor
from carekey.kernel.assurance import Amr
from carekey.kernel.unit_of_work import Store

TxT = TypeVar("TxT", bound=CardTx)

ROUNDS = 4
"""How often revocation may ask for more: each round may name what only the last one's answer led to."""


class Judging(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._store = store
        self._terms = terms

    async def outcome(self, chain: Sequence[bytes] | Refused, ask: Ask, amr: Amr, now: datetime) -> Verified | Refused:
        if isinstance(chain, Refused):
            return chain
        identity = ceremony.identify(chain, profiles=self._terms.profiles, now=now)
        if isinstance(identity, Refused):
            return identity
        evidence = self._terms.revocations.evidence()
        for _ in range(ROUNDS):
            outcome = await self._finish(identity, ask, evidence, amr, now)
            if not isinstance(outcome, NeedRevocation):
                return outcome
            found = await self._terms.revocations.obtain(outcome.requests)
            evidence = replace(found, tried=found.tried | evidence.tried)
        return Refused(why=Reason.REVOCATION_UNKNOWN, detail="too many rounds", claimed_person=identity.person)

    async def _finish(
        self, identity: CardIdentity, ask: Ask, evidence: Evidence, amr: Amr, now: datetime
    ) -> Verified | Refused | NeedRevocation:
        def work(tx: TxT) -> Verified | Refused | NeedRevocation:
            card = tx.cards.find_certificate(identity.issuer, identity.serial)
            outcome = ceremony.finish(
                identity,
                card=card,
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

        return await self._store.write(work)


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
