"""Which requests go to the phone, and what its answers decide. Real phones answer in tests/journeys/test_phone.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from carekey.authenticators.base import Credential, Verified
from carekey.authenticators.confirming import Answer, CannotAsk, Standing, Wanted
from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import ClientId, ConfirmationId, CredentialId, PersonId
from carekey.login.tests.make import ASHA, BRYN, NOW
from carekey.oidc.ciba.phone import ByPhone, PhoneAnswers
from carekey.oidc.ciba.tests.world import DESK, PINGED, CibaWorld, agree, ciba_world, decide, log_in
from carekey.oidc.decoupled.deciding import Decisions
from carekey.registration.standing import remove_way, set_status

pytestmark = pytest.mark.anyio

PHONE = Credential(
    id=CredentialId("phone"), person=ASHA, kind="uaf", handle=b"phone", label="Phone", data=b"", created_at=NOW
)
TRUSTING = {"acr_values": "AAL2_OR_AAL3_ANY"}


@dataclass
class Phones:
    """A `Confirming` whose answers a test gives."""

    holders: set[PersonId] = field(default_factory=lambda: {ASHA})
    asked: dict[ConfirmationId, Wanted] = field(default_factory=dict)
    answers: dict[ConfirmationId, Answer] = field(default_factory=dict)

    def can_ask(self, tx: Any, person: PersonId) -> bool:
        return person in self.holders

    def ask(self, tx: Any, wanted: Wanted, *, id: ConfirmationId, now: datetime) -> CannotAsk | None:
        self.asked[id] = wanted
        return None

    def look(self, tx: Any, id: ConfirmationId, *, now: datetime) -> Answer | None:
        return self.answers.get(id, Answer(standing=Standing.PENDING)) if id in self.asked else None

    def answered(self, tx: Any, *, now: datetime) -> Mapping[ConfirmationId, Standing]:
        return {id: one.standing for id, one in self.answers.items()}

    def withdraw(self, tx: Any, id: ConfirmationId, *, now: datetime, by: Any) -> bool:
        if id in self.answers or id not in self.asked:
            return False
        self.answers[id] = Answer(standing=Standing.WITHDRAWN)
        return True

    def say(self, standing: Standing, **proof: Any) -> None:
        """To the last question."""
        given = Verified(
            **{
                "person": ASHA,
                "credential": CredentialId("phone"),
                "kind": "phone",
                "aal": AAL.AAL2,
                "amr": Amr.UAF,
                "at": next(iter(self.asked.values())).until,
                **proof,
            }
        )
        self.answers[list(self.asked)[-1]] = Answer(
            standing=standing, proof=given if standing is Standing.CONFIRMED else None
        )


class PhoneWorld:
    def __init__(self, ciba: CibaWorld) -> None:
        self.ciba, self.phones = ciba, Phones()
        by_phone: ByPhone[Any] = ByPhone(self.phones)
        ciba.tell = by_phone.tell  # type: ignore[method-assign]
        ciba.decisions._over = by_phone.over
        decisions: Decisions[Any] = ciba.decisions
        self.answers: PhoneAnswers[Any] = PhoneAnswers(
            store=ciba.store, confirming=self.phones, decisions=decisions, clock=ciba.clock
        )


@pytest.fixture
async def world() -> PhoneWorld:
    made = PhoneWorld(await ciba_world(held=1))
    await made.ciba.store.write(lambda tx: tx.credentials.add(PHONE))
    return made


async def test_ciba_7_1_the_phone_shows_who_asks_and_the_binding_message_and_agreeing_there_gives_tokens(
    world: PhoneWorld,
) -> None:
    told = await world.ciba.begun(binding_message="W4SCT", **TRUSTING)
    (wanted,) = world.phones.asked.values()
    assert (wanted.person, wanted.application) == (ASHA, "Pharmacy desk")
    assert wanted.text == "Log in to Pharmacy desk: W4SCT"
    await world.answers.collect()
    assert (await world.ciba.fetch(told)).json()["error"] == "authorization_pending"
    world.ciba.clock.pass_by(seconds=6)
    world.phones.say(Standing.CONFIRMED)
    await world.answers.collect()
    answer = await world.ciba.fetch(told)
    assert answer.status_code == 200, answer.text
    (agreed,) = await world.ciba.events("decoupled:request:agreed")
    assert agreed.actor.id == ASHA
    assert (await world.ciba.fetch(told)).json()["error"] == "invalid_grant"


async def test_ciba_11_refusing_on_the_phone_refuses(world: PhoneWorld) -> None:
    told = await world.ciba.begun(**TRUSTING)
    world.phones.say(Standing.REFUSED)
    await world.answers.collect()
    assert (await world.ciba.fetch(told)).json()["error"] == "access_denied"


async def test_ciba_10_2_a_client_is_pinged_of_what_the_phone_decided(world: PhoneWorld) -> None:
    told = await world.ciba.begun(PINGED, **TRUSTING)
    world.phones.say(Standing.CONFIRMED)
    await world.answers.collect()
    await world.ciba.notifications.deliver()
    ((body, _),) = world.ciba.desk.came
    assert body == {"auth_req_id": told["auth_req_id"]}


@pytest.mark.parametrize(
    ("changes", "client"),
    [
        ({}, DESK),
        ({"acr_values": "AAL3_SMARTCARD"}, DESK),
        ({"login_hint": BRYN, **TRUSTING}, DESK),
        ({"login_hint": "555999999999", **TRUSTING}, DESK),
        (TRUSTING, replace(DESK, id=ClientId("third"), consent=True)),
        (TRUSTING, replace(DESK, id=ClientId("strict"), minimum_aal=AAL.AAL3)),
    ],
    ids=["the default level", "a card", "no phone", "nobody", "a third party", "a client's minimum"],
)
async def test_what_a_phone_cannot_decide_is_asked_on_the_page_alone(
    world: PhoneWorld, changes: dict[str, str], client: Any
) -> None:
    await world.ciba.save(client)
    await world.ciba.begun(client, **changes)
    assert world.phones.asked == {}


async def test_who_has_to_choose_a_role_is_asked_on_the_page_alone() -> None:
    world = PhoneWorld(await ciba_world(held=3))
    await world.ciba.begun(scope="openid profile selectedrole", **TRUSTING)
    assert world.phones.asked == {}
    await world.ciba.begun(scope="openid profile", **TRUSTING)
    assert len(world.phones.asked) == 1


@pytest.mark.parametrize(
    "proof", [{"person": BRYN}, {"aal": AAL.AAL1}], ids=["somebody else's", "weaker than was asked for"]
)
async def test_an_answer_that_is_not_good_enough_decides_nothing(world: PhoneWorld, proof: dict[str, Any]) -> None:
    told = await world.ciba.begun(**TRUSTING)
    world.phones.say(Standing.CONFIRMED, **proof)
    await world.answers.collect()
    assert (await world.ciba.fetch(told)).json()["error"] == "authorization_pending"


async def test_an_answer_that_comes_after_the_end_decides_nothing(world: PhoneWorld) -> None:
    told = await world.ciba.begun(**TRUSTING)
    world.phones.say(Standing.CONFIRMED)
    world.ciba.clock.pass_by(minutes=10)
    await world.answers.collect()
    assert (await world.ciba.fetch(told)).json()["error"] == "expired_token"


@pytest.mark.parametrize("decision", ["yes", "no"])
async def test_what_was_decided_on_the_page_is_asked_on_the_phone_no_more(world: PhoneWorld, decision: str) -> None:
    browser = world.ciba.browser()
    await log_in(world.ciba, browser)
    told = await world.ciba.begun(**TRUSTING)
    await (agree(world.ciba, browser, told) if decision == "yes" else decide(browser, told, "no"))
    (answer,) = world.phones.answers.values()
    assert answer.standing is Standing.WITHDRAWN


@pytest.mark.parametrize("status", [PersonStatus.SUSPENDED, PersonStatus.CLOSED])
async def test_who_was_suspended_or_closed_after_answering_agreed_to_nothing(
    world: PhoneWorld, status: PersonStatus
) -> None:
    told = await world.ciba.begun(**TRUSTING)
    world.phones.say(Standing.CONFIRMED)
    now, by = world.ciba.clock.now(), actor.operator("ann")
    await world.ciba.store.write(lambda tx: set_status(tx, ASHA, status, by=by, now=now))
    await world.answers.collect()
    assert (await world.ciba.fetch(told)).json()["error"] == "authorization_pending"
    assert await world.ciba.events("decoupled:request:agreed") == []
    assert await world.ciba.store.read(lambda tx: tx.sessions.of_person(ASHA)) == []


async def test_a_phone_that_was_removed_after_answering_agreed_to_nothing(world: PhoneWorld) -> None:
    told = await world.ciba.begun(**TRUSTING)
    world.phones.say(Standing.CONFIRMED)
    now, by = world.ciba.clock.now(), actor.operator("ann")
    await world.ciba.store.write(lambda tx: remove_way(tx, ASHA, PHONE.id, by=by, now=now))
    await world.answers.collect()
    assert (await world.ciba.fetch(told)).json()["error"] == "authorization_pending"
    assert await world.ciba.events("decoupled:request:agreed") == []


async def test_two_nodes_that_collect_one_answer_agree_once(world: PhoneWorld) -> None:
    await world.ciba.begun(**TRUSTING)
    world.phones.say(Standing.CONFIRMED)
    found = await world.ciba.store.read(lambda tx: list(world.answers._open(tx, world.ciba.clock.now())))
    for _ in range(2):
        await world.ciba.store.write(lambda tx: world.answers.settle(tx, found[0], world.ciba.clock.now()))
    assert len(await world.ciba.events("decoupled:request:agreed")) == 1
