"""The code that a person gives to an application so that it may ask for them (CIBA Core sections 7.1 and 13)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from carekey.authenticators import slow_digest
from carekey.authenticators.slow_digest import LONGEST_QUEUE
from carekey.authenticators.user_code import keeping
from carekey.kernel import actor
from carekey.kernel.ids import ClientId, PersonId
from carekey.login.tests.make import ASHA, BRYN
from carekey.oidc.ciba.tests.world import DESK, OTHER, CibaWorld, ciba_world, decide, log_in
from carekey.oidc.ciba.user_code import TRIES, TRIES_A_DAY, TRIES_IN
from carekey.oidc.model import Client

pytestmark = pytest.mark.anyio

ASKING = replace(DESK, id=ClientId("asking"), ciba_user_code=True)
SECOND = replace(ASKING, id=ClientId("second"))
CODE = "48k2x9"
WRONG = "48k2x8"
NOBODY = "555999999999"


@pytest.fixture
async def world() -> CibaWorld:
    made = await ciba_world(ASKING, SECOND, DESK, OTHER)
    await choose(made)
    return made


async def choose(world: CibaWorld, code: str = CODE, person: PersonId = ASHA) -> None:
    now = world.clock.now()
    kept = await world.codes.make(code, person, now=now)
    assert await world.store.write(lambda tx: keeping.choose(tx, kept, by=actor.person(person), now=now))


async def tried(world: CibaWorld, code: str | None, client: Client = ASKING, **changes: Any) -> tuple[int, str]:
    """The status, and the error if there is one."""
    answer = await world.back(client, user_code=code, **changes)
    return answer.status_code, answer.json().get("error", "")


async def test_ciba_7_1_with_the_persons_code_they_are_asked(world: CibaWorld) -> None:
    told = await world.begun(ASKING, user_code=CODE)
    browser = world.browser()
    assert "Pharmacy desk" in (await log_in(world, browser)).text
    await decide(browser, told, "no")
    assert (await world.fetch(told, ASKING)).json()["error"] == "access_denied"


@pytest.mark.parametrize("typed", ["48K2X9", "48k-2x9", " 48 k2x9 "])
async def test_a_code_is_the_same_however_it_is_typed(world: CibaWorld, typed: str) -> None:
    await world.begun(ASKING, user_code=typed)


@pytest.mark.parametrize("code", [None, ""])
async def test_ciba_13_missing_user_code(world: CibaWorld, code: str | None) -> None:
    assert await tried(world, code) == (400, "missing_user_code")
    assert (await world.reasons())[-1] == "user_code_missing"
    assert world.told == []


@pytest.mark.parametrize("code", [WRONG, "4?", "48k2x9é", CODE * 20])
async def test_ciba_13_invalid_user_code(world: CibaWorld, code: str) -> None:
    assert await tried(world, code) == (400, "invalid_user_code")
    assert world.told == []
    (refused,) = await world.events("ciba:user-code:refused")
    assert refused.actor == actor.client(ASKING.id)
    assert (refused.data["person"], refused.data["reason"]) == (ASHA, "user_code")
    assert all(code not in str(event.data.values()) for event in await world.events())


async def test_ciba_4_a_client_that_is_not_registered_for_it_needs_none_and_can_try_none(world: CibaWorld) -> None:
    for code in (None, CODE, *[WRONG] * (TRIES + 1)):
        told = await world.begun(DESK, user_code=code)
        browser = world.browser()
        await log_in(world, browser)
        await decide(browser, told, "no")
    assert await world.events("ciba:user-code:refused") == []
    await world.begun(ASKING, user_code=CODE)


async def test_nobody_and_who_has_no_code_are_answered_as_a_wrong_code_is(world: CibaWorld) -> None:
    answers = []
    for person in (ASHA, BRYN, NOBODY):
        for _ in range(TRIES + 1):
            answer = await world.back(ASKING, login_hint=person, user_code=WRONG)
            answers.append((answer.status_code, answer.json()))
    assert answers[: TRIES + 1] == answers[TRIES + 1 : 2 * TRIES + 2] == answers[2 * TRIES + 2 :]


async def test_nobody_is_compared_with_all_the_same(world: CibaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the time would tell."""
    compared: list[str] = []

    def matches(hashed: str, secret: str) -> bool:
        compared.append(hashed[:31])
        return False

    monkeypatch.setattr(slow_digest, "matches", matches)
    for person in (ASHA, BRYN, NOBODY):
        for code in (WRONG, "x"):
            await tried(world, code, login_hint=person)
    assert len(compared) == 6
    assert len(set(compared)) == 1, "of one cost"


async def test_a_request_that_is_wrong_otherwise_tries_no_code(world: CibaWorld) -> None:
    for code in (CODE, WRONG):
        assert await tried(world, code, scope="profile") == (400, "invalid_scope")
    assert await world.events("ciba:user-code:refused") == []


class TestTries:
    async def test_after_so_many_wrong_ones_even_the_right_one_is_refused_for_a_while(self, world: CibaWorld) -> None:
        for _ in range(TRIES):
            assert await tried(world, WRONG) == (400, "invalid_user_code")
        for code in (WRONG, CODE):
            assert await tried(world, code) == (403, "access_denied")
        assert (await world.reasons())[-1] == "too_many_wrong_codes"
        world.clock.pass_by(seconds=TRIES_IN.total_seconds() - 1)
        assert await tried(world, CODE) == (403, "access_denied")
        world.clock.pass_by(seconds=1)
        assert await tried(world, CODE) == (200, "")

    async def test_the_person_is_not_locked_out_of_anything_else(self, world: CibaWorld) -> None:
        for _ in range(TRIES + 3):
            await tried(world, WRONG)
        assert await tried(world, CODE, SECOND) == (200, "")
        assert await tried(world, None, DESK) == (200, "")
        assert "Requests that wait for you" in (await log_in(world, world.browser())).text
        await choose(world, person=BRYN)
        assert await tried(world, CODE, login_hint=BRYN) == (200, "")

    async def test_a_right_one_begins_the_count_afresh(self, world: CibaWorld) -> None:
        for _ in range(2):
            for _ in range(TRIES - 1):
                assert await tried(world, WRONG) == (400, "invalid_user_code")
            assert await tried(world, CODE) == (200, "")

    async def test_who_tries_slowly_is_stopped_for_the_day(self, world: CibaWorld) -> None:
        for number in range(TRIES_A_DAY):
            if number and number % TRIES == 0:
                world.clock.pass_by(seconds=TRIES_IN.total_seconds())
            assert await tried(world, WRONG) == (400, "invalid_user_code")
        world.clock.pass_by(seconds=TRIES_IN.total_seconds())
        assert await tried(world, CODE) == (403, "access_denied")
        world.clock.pass_by(hours=23)
        assert await tried(world, CODE) == (200, "")

    async def test_being_stopped_does_not_last_for_as_long_as_somebody_tries(self, world: CibaWorld) -> None:
        for _ in range(TRIES * 3):
            await tried(world, WRONG)
        world.clock.pass_by(seconds=TRIES_IN.total_seconds())
        assert await tried(world, CODE) == (200, "")

    async def test_of_many_at_once_no_more_than_that_are_told_that_they_are_wrong(self, world: CibaWorld) -> None:
        answers = await asyncio.gather(*(tried(world, WRONG) for _ in range(TRIES + LONGEST_QUEUE - 4)))
        assert answers.count((400, "invalid_user_code")) == TRIES
        assert answers.count((403, "access_denied")) == len(answers) - TRIES
        assert await tried(world, CODE) == (403, "access_denied")

    async def test_a_flood_is_turned_away_and_tries_nothing(self, world: CibaWorld) -> None:
        answers = await asyncio.gather(*(tried(world, WRONG) for _ in range(60)))
        assert (503, "temporarily_unavailable") in answers
        assert answers.count((400, "invalid_user_code")) == TRIES


async def test_what_is_kept_cannot_be_tried_without_the_master_key(world: CibaWorld) -> None:
    kept = await world.store.read(lambda tx: tx.user_codes.find(ASHA))
    assert kept is not None
    assert b"argon2" not in kept.sealed
    moved = replace(kept, person=BRYN)
    await world.store.write(lambda tx: tx.user_codes.put(moved))
    assert await tried(world, CODE, login_hint=BRYN) == (400, "invalid_user_code"), "another person's does not open"


async def test_who_changes_or_removes_theirs_is_asked_with_the_old_one_no_more(world: CibaWorld) -> None:
    await choose(world, "73mq55t")
    assert await tried(world, CODE) == (400, "invalid_user_code")
    assert await tried(world, "73mq55t") == (200, "")
    now = world.clock.now()
    removed = [
        await world.store.write(lambda tx: keeping.remove(tx, ASHA, by=actor.operator("ann"), now=now))
        for _ in range(2)
    ]
    assert removed == [True, False]
    assert await tried(world, "73mq55t") == (400, "invalid_user_code")
    tags = [tag for tag in await world.tags() if tag.startswith("account:user-code:")]
    assert sorted(tags) == ["account:user-code:chosen"] * 2 + ["account:user-code:removed"]


async def test_ciba_7_1_1_in_a_signed_request_the_code_is_inside(world: CibaWorld) -> None:
    beside = {"scope": None, "login_hint": None, "binding_message": None}
    inside = world.object(ASKING, user_code=CODE)
    assert (await world.back(ASKING, request=inside, **beside)).status_code == 200
    answer = await world.back(ASKING, request=world.object(ASKING), user_code=CODE, **beside)
    assert answer.json()["error"] == "invalid_request"
