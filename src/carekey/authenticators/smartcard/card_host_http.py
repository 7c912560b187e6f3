"""The card host: looks at the certificate that the browser gave, and sends the browser back with what it found."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard import ceremony, handover
from carekey.authenticators.smartcard.events import CardAdded, LogInRefused
from carekey.authenticators.smartcard.evidence import Evidence
from carekey.authenticators.smartcard.handover import Ask, Fault
from carekey.authenticators.smartcard.log_in_http import ENTRANCE, handing_over
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardState, Purpose
from carekey.authenticators.smartcard.path import CardIdentity, Reason, Refused
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.revocation import NeedRevocation
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.kernel import actor, entropy
from carekey.kernel.assurance import Amr
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, get
from carekey.web.peer_certificate import MalformedCertificate, from_proxy, from_tls
from carekey.web.problem import Problem

TxT = TypeVar("TxT", bound=CardTx)

ROUNDS = 4
"""How often revocation may ask for more: each round may name what only the last one's answer led to."""


class CardHost(Generic[TxT]):
    """The routes of the listener that asks for a certificate. None of them is on the main listener."""

    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._store = store
        self._terms = terms

    def routes(self) -> Sequence[Route]:
        return [get(ENTRANCE, self.judge)]

    async def judge(self, request: Request) -> Response:
        """Raises: Problem."""
        now = request.site.clock.now()
        ask = await self._asked(request, now)
        outcome = await self._outcome(self._chain(request), ask, self._terms.amr(request.zone), now)
        code = entropy.token(request.site.entropy)

        def work(tx: TxT) -> None:
            tx.challenges.put(handover.sealed(handover.finding(ask.login, outcome), code=code, now=now))
            if isinstance(outcome, Refused):
                tx.audit.record(
                    LogInRefused(
                        at=now,
                        actor=actor.UNKNOWN,
                        reference=ask.reference,
                        login=ask.login,
                        reason=outcome.why,
                        detail=outcome.detail,
                        claimed_person=outcome.claimed_person,
                    )
                )

        await self._store.write(work)
        home = self._terms.log_in_hosts[ask.issuer]
        return handing_over(f"{home}/login/{ask.login}/{WAY.name}/done?code={code}")

    async def _asked(self, request: Request, now: datetime) -> Ask:
        """Which log-in sent the browser here. The code is spent even where it is refused.

        Raises: Problem."""
        zone, code = request.zone, request.query().get("code") or ""
        if self._terms.proxied and not request.from_proxy:
            raise _not_from_here()
        accepted = self._terms.accepts_from(zone)

        def work(tx: TxT) -> Ask | None:
            ask = handover.opened(tx.challenges.take(digest(code), now=now), Ask)
            if ask is not None and not accepted:
                tx.audit.record(
                    LogInRefused(
                        at=now,
                        actor=actor.UNKNOWN,
                        reference=ask.reference,
                        login=ask.login,
                        reason=Fault.WRONG_ZONE,
                        detail=zone,
                    )
                )
            return ask

        ask = await self._store.write(work)
        if not accepted:
            raise _not_from_here()
        if ask is None:
            raise _gone()
        return ask

    def _chain(self, request: Request) -> Sequence[bytes] | Refused:
        if not self._terms.proxied:
            return from_tls(request)
        try:
            return from_proxy(request)
        except MalformedCertificate:
            return Refused(why=Reason.MALFORMED, detail="Client-Cert is not what RFC 9440 describes")

    async def _outcome(self, chain: Sequence[bytes] | Refused, ask: Ask, amr: Amr, now: datetime) -> Verified | Refused:
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


def _not_from_here() -> Problem:
    return Problem(
        status=403,
        heading="You cannot use a smartcard from here",
        what_to_do=(
            "Smartcards can be used on some networks only.",
            "Go back to your application, start again and use another way to log in.",
        ),
    )


def _gone() -> Problem:
    return Problem(
        status=410,
        heading="You took too long, or this address was used before",
        what_to_do=(
            "Each time that you use your smartcard, start from the log in page.",
            "Go back to your application and start again.",
        ),
    )
