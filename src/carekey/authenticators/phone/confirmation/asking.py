"""Asking a person to confirm a text, and looking how it stands: an `authenticators.confirming.Confirming`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from carekey.authenticators.confirming import Answer, CannotAsk, Standing, Wanted
from carekey.authenticators.phone import keeping
from carekey.authenticators.phone.confirmation.events import (
    ConfirmationAsked,
    ConfirmationNotAsked,
    ConfirmationWithdrawn,
)
from carekey.authenticators.phone.confirmation.model import MOST_WAITING, Confirmation, State
from carekey.authenticators.phone.confirmation.ports import ConfirmationTx
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.terms import Terms
from carekey.authenticators.uaf import transaction
from carekey.authenticators.uaf.messages import Transaction
from carekey.authenticators.uaf.model import Registration
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import Actor
from carekey.kernel.ids import ConfirmationId, PersonId


class Tx(PhoneTx, ConfirmationTx, Protocol): ...


TxT = TypeVar("TxT", bound=Tx)

_ANY_TEXT = transaction.plain_text("?")


@dataclass(frozen=True, slots=True)
class OnPhones(Generic[TxT]):
    terms: Terms

    def can_ask(self, tx: TxT, person: PersonId) -> bool:
        return any(shows(self.terms, one, _ANY_TEXT) for one in _phones(tx, person))

    def ask(self, tx: TxT, wanted: Wanted, *, id: ConfirmationId, now: datetime) -> CannotAsk | None:
        forms = self._forms(tx, wanted, now)
        if isinstance(forms, CannotAsk):
            tx.audit.record(
                ConfirmationNotAsked(
                    at=now,
                    actor=wanted.by,
                    reference=wanted.reference,
                    person=wanted.person,
                    application=wanted.application,
                    reason=forms,
                )
            )
            return forms
        tx.confirmations.ask(
            Confirmation(
                id=id,
                person=wanted.person,
                application=wanted.application,
                text=wanted.text,
                forms=forms,
                asked_at=now,
                expires_at=wanted.until,
            )
        )
        tx.audit.record(
            ConfirmationAsked(
                at=now,
                actor=wanted.by,
                reference=wanted.reference,
                confirmation=id,
                person=wanted.person,
                application=wanted.application,
                until=wanted.until,
            )
        )
        return None

    def look(self, tx: TxT, id: ConfirmationId, *, now: datetime) -> Answer | None:
        found = tx.confirmations.find(id)
        if found is None:
            return None
        if found.state is State.PENDING and not found.waits(now):
            return Answer(standing=Standing.EXPIRED)
        return Answer(standing=Standing(found.state), proof=found.proof)

    def answered(self, tx: TxT, *, now: datetime) -> Mapping[ConfirmationId, Standing]:
        decided = {State.CONFIRMED, State.REFUSED}
        return {id: Standing(state) for id, state in tx.confirmations.moved(now=now).items() if state in decided}

    def withdraw(self, tx: TxT, id: ConfirmationId, *, now: datetime, by: Actor) -> bool:
        found = tx.confirmations.find(id)
        if found is None or not found.waits(now):
            return False
        if not tx.confirmations.change(replace(found, state=State.WITHDRAWN), was=State.PENDING):
            return False
        tx.audit.record(ConfirmationWithdrawn(at=now, actor=by, confirmation=id))
        return True

    def _forms(self, tx: TxT, wanted: Wanted, now: datetime) -> tuple[Transaction, ...] | CannotAsk:
        """The forms that one of the person's phones or another can show."""
        person = tx.people.find(wanted.person)
        if person is None or person.status is not PersonStatus.ACTIVE:
            return CannotAsk.PERSON
        try:
            offered = [transaction.plain_text(wanted.text)]
            offered += [transaction.image(wanted.picture)] if wanted.picture else []
        except ValueError:
            return CannotAsk.TEXT
        phones = list(_phones(tx, wanted.person))
        forms = tuple(form for form in offered if any(shows(self.terms, one, form) for one in phones))
        if not forms:
            return CannotAsk.NO_DEVICE
        if len(tx.confirmations.pending(wanted.person, now=now)) >= MOST_WAITING:
            return CannotAsk.TOO_MANY
        return forms


def shows(terms: Terms, registration: Registration, form: Transaction) -> bool:
    model = terms.party.metadata.find(registration.aaid)
    return (
        model is not None
        and not registration.suspended
        and transaction.can_show(model.statement, form, registration.png)
    )


def _phones(tx: PhoneTx, person: PersonId) -> Iterable[Registration]:
    return (keeping.registration_of(one) for one in tx.credentials.held_by(person) if one.kind == keeping.KIND)
