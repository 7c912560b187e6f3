"""Agreements to let an application see something, remembered where an issuer wants that (OpenID Connect Core
section 3.1.2.4). CIS2 has none: the terms of the care identity stand in for them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from carekey.kernel import actor
from carekey.kernel.actor import Actor
from carekey.kernel.event import Recorder
from carekey.kernel.ids import ClientId, IssuerName, PersonId
from carekey.login.events import ConsentGiven, ConsentWithdrawn
from carekey.login.model import Asked, Consent, Login
from carekey.login.ports import Consents

REMEMBERED = timedelta(days=366)
"""How long it is remembered that an agreement was withdrawn: for longer than any access that rests on it can last."""


class ConsentTx(Protocol):
    @property
    def consents(self) -> Consents: ...
    @property
    def audit(self) -> Recorder: ...


def agreed(tx: ConsentTx, person: PersonId, issuer: IssuerName, asked: Asked, *, now: datetime) -> bool:
    """Whether an earlier agreement covers all that the application wants to see."""
    found = tx.consents.find(person, issuer, asked.client)
    return found is not None and found.covers(asked.share, now=now)


def give(tx: ConsentTx, person: PersonId, login: Login, *, lasts: timedelta, now: datetime) -> None:
    """The person agrees to what the page said; what they agreed to before, and still stands, stays with it."""
    before = tx.consents.find(person, login.issuer, login.asked.client)
    kept = before.items if before is not None and before.covers((), now=now) else ()
    items = tuple(dict.fromkeys((*kept, *login.asked.share)))
    tx.consents.put(
        Consent(
            person=person,
            issuer=login.issuer,
            client=login.asked.client,
            items=items,
            given_at=now,
            expires_at=now + lasts,
        )
    )
    tx.audit.record(
        ConsentGiven(
            at=now,
            actor=actor.person(person),
            reference=login.reference,
            issuer=login.issuer,
            client=login.asked.client,
            items=login.asked.share,
        )
    )


def in_force(tx: ConsentTx, person: PersonId, *, now: datetime) -> Sequence[Consent]:
    return [one for one in tx.consents.of_person(person) if one.covers((), now=now)]


def withdraw(
    tx: ConsentTx,
    person: PersonId,
    issuer: IssuerName,
    client: ClientId,
    *,
    by: Actor,
    now: datetime,
    reference: str = "",
) -> bool:
    """What the application has of lasting access (`offline_access`) ends at its next refresh. False if there was
    nothing to withdraw."""
    found = tx.consents.find(person, issuer, client)
    if (
        found is None
        or not found.covers((), now=now)
        or not tx.consents.withdraw(found, at=now, until=now + REMEMBERED)
    ):
        return False
    tx.audit.record(
        ConsentWithdrawn(at=now, actor=by, reference=reference, issuer=issuer, client=client, person=person)
    )
    return True
