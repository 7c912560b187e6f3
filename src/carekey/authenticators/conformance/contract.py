"""The contract. Each test is an obligation of every authenticator; a subclass says how it is enrolled and answers."""

import asyncio
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any, ClassVar

import httpx2
import pytest

from carekey.authenticators.base import Credential
from carekey.authenticators.conformance.world import World
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import LoginId, PersonId

ASHA = PersonId("555036632103")
BEN = PersonId("555036633104")

AnyWorld = World[Any]
Form = dict[str, str]


class Holder(ABC):
    """Somebody who has a credential, and can answer with it."""

    credential: Credential

    @abstractmethod
    async def answer(self, world: AnyWorld, login: LoginId) -> Form:
        """The form for the page of the way, without its csrf field; a question is put first if there is one."""


class AuthenticatorContract(ABC):
    way: ClassVar[str]
    worth: ClassVar[AAL]
    """The level that the holder's credential proves."""

    @pytest.fixture
    @abstractmethod
    def world(self) -> AnyWorld:
        """A new one."""

    @abstractmethod
    async def holder(self, world: AnyWorld, person: PersonId) -> Holder:
        """A person with a credential in the world's store."""

    async def send(self, world: AnyWorld, login: LoginId, form: Form, **how: Any) -> httpx2.Response:
        browser = how.pop("browser", world.browser)
        fields = {"csrf": world.csrf(login), **form}
        response: httpx2.Response = await browser.post(f"/login/{login}/{self.way}", data=fields, **how)
        return response

    async def test_a_fresh_answer_passes(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        response = await self.send(world, login, await holder.answer(world, login))
        assert (response.status_code, response.headers["location"]) == (303, f"/login/{login}")
        [(concluded, proof)] = world.attempts.concluded
        assert (concluded, proof.person, proof.credential) == (login, ASHA, holder.credential.id)
        assert (proof.kind, proof.aal, proof.at) == (world.authenticator.kind, self.worth, world.clock.now())
        kept = await self.kept(world, holder)
        assert kept is not None
        assert kept.last_used_at == world.clock.now()

    async def test_the_page_opens(self, world: AnyWorld) -> None:
        response = await world.browser.get(f"/login/{world.begin()}/{self.way}")
        assert response.status_code == 200
        assert "Ward List" in response.text
        assert response.headers["cache-control"] == "no-store"

    async def test_without_the_pages_token_nothing_is_judged(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        response = await self.send(world, login, {**form, "csrf": "made up"})
        await self.refused(world, response, 403, holder)

    async def test_from_another_site_nothing_is_judged(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        response = await self.send(world, login, form, headers={"origin": "https://evil.example"})
        await self.refused(world, response, 403, holder)

    async def test_another_browser_cannot_answer(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        response = await self.send(world, login, form, browser=world.new_browser())
        await self.refused(world, response, 403, holder)

    async def test_an_attempt_that_ended_takes_no_answer(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        world.attempts.end(login)
        response = await self.send(world, login, form)
        assert response.headers["location"] == f"/login/{login}"
        await self.refused(world, response, 303, holder)

    async def test_a_way_that_is_not_allowed_here_takes_no_answer(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        world.attempts.ways = frozenset()
        await self.refused(world, await self.send(world, login, form), 303, holder)

    async def test_somebody_else_cannot_prove_the_expected_person(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        world.ask_for(login, BEN)
        await self.refused(world, await self.send(world, login, form), 422, holder)
        assert await world.refusals() == ["wrong_person"]

    async def test_a_revoked_credential_is_refused(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        now = world.clock.now()
        await world.store.write(lambda tx: tx.credentials.revoke(holder.credential.id, at=now))
        response = await self.send(world, login, form)
        assert response.status_code == 422
        assert world.attempts.concluded == []
        assert len(await world.refusals()) == 1

    async def test_a_level_that_is_not_accepted_is_refused(self, world: AnyWorld) -> None:
        holder = await self.holder(world, ASHA)
        login = world.begin(levels=set(AAL) - {self.worth})
        await self.refused(world, await self.send(world, login, await holder.answer(world, login)), 422, holder)
        assert await world.refusals() == ["level_not_accepted"]

    async def test_an_empty_answer_is_refused(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        await self.refused(world, await self.send(world, login, {}), 422, holder)

    async def test_a_refusal_says_nothing_of_people(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        world.ask_for(login, BEN)
        response = await self.send(world, login, form)
        assert ASHA not in response.text
        assert BEN not in response.text

    async def kept(self, world: AnyWorld, holder: Holder) -> Credential | None:
        own = holder.credential
        return await world.store.read(lambda tx: tx.credentials.find(own.kind, own.handle))

    async def refused(self, world: AnyWorld, response: httpx2.Response, status: int, holder: Holder) -> None:
        """And nothing has changed."""
        assert response.status_code == status
        assert world.attempts.concluded == []
        assert await self.kept(world, holder) == holder.credential


class ChallengedContract(AuthenticatorContract):
    """For authenticators whose answers answer a question."""

    answers_within: ClassVar[timedelta]

    async def test_a_late_answer_is_refused(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        world.clock.pass_by(self.answers_within)
        await self.refused(world, await self.send(world, login, form), 422, holder)
        assert await world.refusals() == ["challenge_gone"]

    async def test_an_answer_just_in_time_passes(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        world.clock.pass_by(self.answers_within - timedelta(seconds=1))
        assert (await self.send(world, login, form)).status_code == 303

    async def test_a_replayed_answer_is_refused(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        assert (await self.send(world, login, form)).status_code == 303
        assert (await self.send(world, login, form)).status_code == 422
        assert len(world.attempts.concluded) == 1

    async def test_an_answer_for_another_log_in_is_refused(self, world: AnyWorld) -> None:
        """Two tabs: what the first was asked does not answer for the second."""
        holder, first, second = await self.holder(world, ASHA), world.begin("login-1"), world.begin("login-2")
        form = await holder.answer(world, first)
        await self.refused(world, await self.send(world, second, form), 422, holder)
        assert await world.refusals() == ["other_subject"]

    async def test_of_two_answers_at_once_one_wins(self, world: AnyWorld) -> None:
        holder, login = await self.holder(world, ASHA), world.begin()
        form = await holder.answer(world, login)
        both = await asyncio.gather(*[self.send(world, login, form) for _ in range(5)])
        assert sorted(response.status_code for response in both) == [303, 422, 422, 422, 422]
        assert len(world.attempts.concluded) == 1
