"""User name and password for sandboxes (AAL1)."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from anyio import CapacityLimiter

from carekey.authenticators.base import Credential
from carekey.authenticators.conformance.contract import ASHA, BEN, AnyWorld, AuthenticatorContract, Form, Holder
from carekey.authenticators.conformance.world import FixedClock, OpenAttempts, World
from carekey.authenticators.slow_digest import HASHER, HASHING_AT_ONCE, LONGEST_QUEUE, NOBODY, matches
from carekey.authenticators.userpass.ceremony import KIND, handle, window
from carekey.authenticators.userpass.http import UserPass
from carekey.authenticators.userpass.passwords import NameTakenError, set_password
from carekey.kernel import actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, LoginId, PersonId
from carekey.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
HASHED = HASHER.hash(PASSWORD)
BY = actor.system("test")


def new_world() -> AnyWorld:
    store, attempts = MemoryStore(), OpenAttempts[Any]()
    return World(UserPass(store=store, attempts=attempts), store=store, attempts=attempts, clock=FixedClock())


async def give(world: AnyWorld, person: PersonId, name: str, hashed: str = HASHED) -> Credential:
    now = world.clock.now()
    await world.store.write(
        lambda tx: set_password(tx, person, name, hashed, id=CredentialId(f"c-{name}"), by=BY, now=now)
    )
    found = await world.store.read(lambda tx: tx.credentials.find(KIND, handle(name)))
    assert found is not None
    return found


class PasswordHolder(Holder):
    def __init__(self, credential: Credential) -> None:
        self.credential = credential

    async def answer(self, world: AnyWorld, login: LoginId) -> Form:
        return {"username": self.credential.handle.decode(), "password": PASSWORD}


class TestUserPass(AuthenticatorContract):
    way = "password"
    worth = AAL.AAL1

    @pytest.fixture
    def world(self) -> AnyWorld:
        return new_world()

    async def holder(self, world: AnyWorld, person: PersonId) -> Holder:
        return PasswordHolder(await give(world, person, "asha"))


@pytest.fixture
def world() -> AnyWorld:
    return new_world()


async def send(world: AnyWorld, login: LoginId, name: str, password: str) -> httpx2.Response:
    form = {"csrf": world.csrf(login), "username": name, "password": password}
    return await world.browser.post(f"/login/{login}/password", data=form)


async def test_the_user_name_may_be_in_capitals_and_the_method_is_pwd(world: AnyWorld) -> None:
    await give(world, ASHA, "asha.patel")
    assert (await send(world, world.begin(), " Asha.PATEL ", PASSWORD)).status_code == 303
    [(_, proof)] = world.attempts.concluded
    assert (proof.person, proof.amr) == (ASHA, Amr.PASSWORD)


async def test_a_wrong_user_name_and_a_wrong_password_look_the_same(world: AnyWorld) -> None:
    await give(world, ASHA, "asha")
    login = world.begin()
    wrong = await send(world, login, "asha", "wrong")
    nobody = await send(world, login, "ashb", PASSWORD)
    assert wrong.status_code == nobody.status_code == 422
    assert wrong.text.replace("asha", "ashb") == nobody.text
    assert "Check your user name and password" in wrong.text
    assert "wrong" not in wrong.text
    assert await world.refusals() == ["wrong", "wrong"]


def test_owasp_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    assert not matches(NOBODY, PASSWORD)
    head = NOBODY.split("$")[1:4]
    assert head == HASHED.split("$")[1:4] == ["argon2id", "v=19", "m=19456,t=2,p=1"]
    assert HASHER.check_needs_rehash(NOBODY) is False


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [("", PASSWORD, "Enter your user name"), ("asha", "", "Enter your password")],
)
async def test_what_is_missing_is_asked_for_and_not_counted(
    world: AnyWorld, name: str, password: str, message: str
) -> None:
    await give(world, ASHA, "asha")
    login = world.begin()
    for _ in range(7):
        response = await send(world, login, name, password)
        assert (response.status_code, message in response.text) == (422, True)
    assert (await send(world, login, "asha", PASSWORD)).status_code == 303


async def test_a4_after_5_tries_there_is_a_pause_until_a_clock_time(world: AnyWorld) -> None:
    await give(world, ASHA, "asha")
    login = world.begin()
    world.clock.pass_by(timedelta(minutes=4))
    for _ in range(5):
        assert (await send(world, login, "asha", "wrong")).status_code == 422
    paused = await send(world, login, "asha", PASSWORD)
    assert paused.status_code == 429
    assert "9:15am" in paused.text
    assert world.attempts.concluded == []
    assert (await world.refusals())[-1] == "paused"
    world.clock.pass_by(timedelta(minutes=11))
    assert (await send(world, login, "asha", PASSWORD)).status_code == 303


async def test_the_pause_holds_for_all_spellings_and_for_names_of_nobody(world: AnyWorld) -> None:
    login = world.begin()
    for name in ("bob", "BOB", " bob", "Bob", "bOB"):
        assert (await send(world, login, name, "wrong")).status_code == 422
    assert (await send(world, login, "bob", "wrong")).status_code == 429
    assert (await send(world, login, "rob", "wrong")).status_code == 422


async def test_tries_at_once_are_no_more_than_tries_one_by_one(world: AnyWorld) -> None:
    login = world.begin()
    done = await asyncio.gather(*[send(world, login, "asha", f"guess {number}") for number in range(12)])
    assert sorted(response.status_code for response in done) == [422] * 5 + [429] * 7


async def test_a_log_in_clears_the_count(world: AnyWorld) -> None:
    await give(world, ASHA, "asha")
    login = world.begin()
    for _ in range(3):
        for _ in range(4):
            assert (await send(world, login, "asha", "wrong")).status_code == 422
        assert (await send(world, login, "asha", PASSWORD)).status_code == 303


async def test_a_flood_is_turned_away(world: AnyWorld) -> None:
    """While every thread is taken, so many may wait; the rest are told to come back."""
    limiter = world.authenticator._digests._limiter = CapacityLimiter(HASHING_AT_ONCE)
    for holder in range(HASHING_AT_ONCE):
        limiter.acquire_on_behalf_of_nowait(holder)
    login = world.begin()
    tries = [
        asyncio.create_task(send(world, login, f"u-{number}", "x"))
        for number in range(HASHING_AT_ONCE + LONGEST_QUEUE + 10)
    ]
    turned_away = [await first for first in itertools.islice(asyncio.as_completed(tries), 10)]
    assert {response.status_code for response in turned_away} == {503}
    for holder in range(HASHING_AT_ONCE):
        limiter.release_on_behalf_of(holder)
    done = await asyncio.gather(*tries)
    assert sorted(response.status_code for response in done) == [422] * (HASHING_AT_ONCE + LONGEST_QUEUE) + [503] * 10


async def test_an_endless_password_is_wrong(world: AnyWorld) -> None:
    await give(world, ASHA, "asha")
    assert (await send(world, world.begin(), "asha", "x" * 50_000)).status_code == 422


async def test_the_record_keeps_nothing_that_was_typed(world: AnyWorld) -> None:
    login = world.begin()
    await send(world, login, "my password by mistake", "hunter2")
    rows = await world.store.read(lambda tx: tx.audit.search())
    assert "mistake" not in repr(rows)
    assert "hunter2" not in repr(rows)


async def test_a_password_is_replaced_and_a_name_is_one_persons(world: AnyWorld) -> None:
    first = await give(world, ASHA, "asha")
    again = await give(world, ASHA, "ASHA", HASHER.hash("another password"))
    assert (again.id, again.data != first.data) == (first.id, True)
    with pytest.raises(NameTakenError):
        await give(world, BEN, "asha")
    assert (await send(world, world.begin(), "asha", PASSWORD)).status_code == 422


def test_the_window_ends_at_a_full_quarter_of_an_hour() -> None:
    moment = datetime(2026, 11, 23, 9, 14, 59, tzinfo=UTC)
    key, ends = window("asha", moment)
    assert ends == datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
    assert window("asha", ends)[0] != key
    assert "asha" not in key


def test_it_is_for_sandboxes_alone() -> None:
    assert UserPass.sandbox_only is True


def test_a_hash_that_is_none_matches_nothing() -> None:
    assert matches("", "") is False
