"""What is taken away from somebody at the moment at which they agree to a request that waits elsewhere."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from time import sleep
from typing import Any

import pytest

from carekey.authenticators.confirming import Answer, CannotAsk, Standing, Wanted
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import Actor, operator
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.clock import SystemClock
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import ConfirmationId, CredentialId, RoleProfileId
from carekey.login.model import Issue
from carekey.oidc.ciba.phone import PhoneAnswers
from carekey.oidc.decoupled.deciding import Decided, Decisions
from carekey.oidc.decoupled.model import DecoupledRequest, Kind
from carekey.oidc.model import Issuer
from carekey.registration.standing import NoSuchRole, NoSuchWay, remove_way, set_status, take_role
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import race
from carekey.storage.conformance.samples import ASHA, ISSUER, LATER, NOW

ROLE, PHONE = RoleProfileId("555000000301"), CredentialId("phone")
BY = operator("test")


def _late(*_: object) -> None:
    sleep(0.1)  # wide enough for whoever does not wait


def _suspend(tx: Tx) -> None:
    set_status(tx, ASHA, PersonStatus.SUSPENDED, by=BY, now=LATER)


def _take_role(tx: Tx) -> None:
    with suppress(NoSuchRole):
        take_role(tx, ASHA, ROLE, by=BY, now=NOW)


def _remove_phone(tx: Tx) -> None:
    with suppress(NoSuchWay):
        remove_way(tx, ASHA, PHONE, by=BY, now=LATER)


class _Confirmed:
    """A phone on which the person has agreed to everything. A `Confirming`."""

    def can_ask(self, tx: Tx, person: object) -> bool:
        return True

    def ask(self, tx: Tx, wanted: Wanted, *, id: ConfirmationId, now: datetime) -> CannotAsk | None:
        return None

    def look(self, tx: Tx, id: ConfirmationId, *, now: datetime) -> Answer | None:
        return Answer(standing=Standing.CONFIRMED, proof=samples.verified(credential=PHONE, aal=AAL.AAL3, amr=Amr.UAF))

    def answered(self, tx: Tx, *, now: datetime) -> Mapping[ConfirmationId, Standing]:
        return {}

    def withdraw(self, tx: Tx, id: ConfirmationId, *, now: datetime, by: Actor) -> bool:
        return True


class _Slow(Decisions[Tx]):
    def agree(self, *given: Any, **more: Any) -> Decided:
        _late()
        return super().agree(*given, **more)


class TakenAwayContract:
    @pytest.mark.parametrize("take", [_suspend, _take_role])
    async def test_agreeing_as_it_is_taken_away_leaves_no_session(
        self, store: Store, other: Store, take: Callable[[Tx], None]
    ) -> None:
        """Whichever is faster."""
        decisions: Decisions[Tx] = Decisions(
            [Issuer(name=ISSUER, url="https://care.example")],
            SystemEntropy(),
            pages=dict.fromkeys(Kind, ""),
            over=_late,
        )
        proof, verdict = samples.session().proof, Issue(acr="AAL3_ANY", aal=AAL.AAL3, role=ROLE)

        def agree(tx: Tx, request: DecoupledRequest) -> None:
            decisions.agree(tx, request, ASHA, proof, verdict, reference="", now=NOW)

        await _compete(store, other, agree, take)

    async def test_agreeing_on_a_phone_that_is_taken_away_leaves_no_session(self, store: Store, other: Store) -> None:
        decisions = _Slow(
            [Issuer(name=ISSUER, url="https://care.example")], SystemEntropy(), pages=dict.fromkeys(Kind, "")
        )
        answers: PhoneAnswers[Tx] = PhoneAnswers(
            store=store, confirming=_Confirmed(), decisions=decisions, clock=SystemClock()
        )
        await _compete(store, other, lambda tx, request: answers.settle(tx, request, NOW), _remove_phone)


async def _compete(
    store: Store, other: Store, agree: Callable[[Tx, DecoupledRequest], None], take: Callable[[Tx], None]
) -> None:
    request = samples.decoupled()

    def prepare(tx: Tx) -> None:
        tx.clients.add(samples.client())
        tx.people.put([samples.person()])
        tx.organisations.put([samples.organisation()])
        tx.roles.put([samples.membership()], [samples.profile(id=ROLE)])
        tx.credentials.add(samples.credential(id=PHONE))
        tx.decoupled_requests.put(request)

    def take_meanwhile(tx: Tx) -> None:
        sleep(0.02)
        take(tx)

    await store.write(prepare)
    race([store, other], lambda tx: agree(tx, request), take_meanwhile)
    assert list(await store.read(lambda tx: tx.sessions.of_person(ASHA))) == []
