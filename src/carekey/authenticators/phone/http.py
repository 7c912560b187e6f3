"""Phones and tablets as the application takes them up."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from carekey.authenticators.base import Credential
from carekey.authenticators.http import Described
from carekey.authenticators.phone.ceremonies import Ceremonies
from carekey.authenticators.phone.confirmation.asking import OnPhones
from carekey.authenticators.phone.confirmation.ceremony import Confirmations
from carekey.authenticators.phone.confirmation.phone_http import ConfirmationsHttp
from carekey.authenticators.phone.confirmation.waiting_http import WaitingPage
from carekey.authenticators.phone.conformance_http import Conformance
from carekey.authenticators.phone.enrol_http import RegistrationPages
from carekey.authenticators.phone.keeping import KIND, registration_of
from carekey.authenticators.phone.log_in_http import LogInPages
from carekey.authenticators.phone.phone_http import PhonePages
from carekey.authenticators.phone.push.ports import Tx
from carekey.authenticators.phone.push.push_http import PushHttp
from carekey.authenticators.phone.terms import ELSEWHERE, HERE, Terms
from carekey.authenticators.phone.transport_http import Transport
from carekey.authenticators.phone.waiting import Watch
from carekey.authenticators.phone.worth import worth
from carekey.authenticators.ports import Attempts
from carekey.kernel.clock import Clock
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Route

TxT = TypeVar("TxT", bound=Tx)


class Phone(Generic[TxT]):
    """Satisfies `authenticators.http.Authenticator`; phones can be added by link (`authenticators/enrolment`)."""

    kind = KIND
    ways = (ELSEWHERE, HERE)
    sandbox_only = False
    templates: Mapping[str, Path] = {
        "phone": Path(__file__).parent / "templates",
        "confirmation": Path(__file__).parent / "confirmation" / "templates",
    }

    def __init__(self, *, store: Store[TxT], attempts: Attempts[TxT], terms: Terms, clock: Clock, service: str) -> None:
        self._terms = terms
        self._clock = clock
        watch = Watch(partial(_moved, store, clock))
        self._conformance = (Conformance(store=store, terms=terms),) if terms.conformance else ()
        self._push = (PushHttp(store=store),) if terms.push else ()
        confirmations: Confirmations[TxT] = Confirmations(terms)
        asking: OnPhones[TxT] = OnPhones(terms)
        ceremonies = Ceremonies(terms=terms, attempts=attempts, confirmations=confirmations)
        self._parts = (
            LogInPages(store=store, attempts=attempts, terms=terms, watch=watch),
            RegistrationPages(store=store, terms=terms),
            Transport(store=store, ceremonies=ceremonies, confirmations=confirmations, watch=watch),
            PhonePages(store=store, watch=watch, service=service, push=terms.push.public if terms.push else ""),
            ConfirmationsHttp(store=store, confirmations=confirmations, watch=watch),
            WaitingPage(store=store, asking=asking, watch=watch),
        )

    def routes(self) -> Sequence[Route]:
        return [route for part in (*self._parts, *self._push, *self._conformance) for route in part.routes()]

    def describe(self, credential: Credential) -> Described:
        """As the metadata have it at this moment: a model that was revoked since shows it."""
        its = registration_of(credential)
        aal, fact = worth(its, self._terms.party, now=self._clock.now())
        facts = ["Suspended: there may be a copy of its key"] if its.suspended else []
        return Described(
            kind="Phone or tablet",
            label=credential.label,
            aal=None if its.suspended else aal,
            facts=tuple([*facts, fact] if fact else facts),
        )


async def _moved(store: Store[TxT], clock: Clock) -> Mapping[str, str]:
    now = clock.now()

    def work(tx: TxT) -> Mapping[str, str]:
        moved = [*tx.approvals.moved(now=now).items(), *tx.confirmations.moved(now=now).items()]
        return {str(id): str(state) for id, state in moved}

    return await store.read(work)
