"""The pages of passkeys and security keys, over HTTP with a store."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carekey.authenticators.base import Credential
from carekey.authenticators.conformance.contract import ASHA, BEN, AnyWorld, ChallengedContract, Form, Holder
from carekey.authenticators.conformance.world import FixedClock, OpenAttempts, World
from carekey.authenticators.webauthn.enrol import Registered
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.tests.examples import KNOWN, MAKER, RP, credential_of, register
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import CredentialId, LoginId, PersonId
from carekey.storage.memory.store import MemoryStore
from support.soft_authenticator import Manner, SoftAuthenticator, SoftCredential

pytestmark = pytest.mark.anyio


def new_world() -> AnyWorld:
    store, attempts = MemoryStore(), OpenAttempts[Any]()
    webauthn = WebAuthn(store=store, attempts=attempts, rp=RP, metadata=KNOWN, policy=Policy())
    return World(webauthn, store=store, attempts=attempts, clock=FixedClock())


class SoftHolder(Holder):
    def __init__(self, soft: SoftCredential, credential: Credential, way: str = "security-key") -> None:
        self.soft = soft
        self.credential = credential
        self.way = way

    async def options(self, world: AnyWorld, login: LoginId, **fields: str) -> dict[str, Any]:
        response = await world.browser.post(
            f"/login/{login}/{self.way}/options", data={"csrf": world.csrf(login), **fields}
        )
        assert response.status_code == 200, response.text
        return response.json()["options"]

    async def answer(
        self, world: AnyWorld, login: LoginId, manner: Manner | None = None, counter: int | None = None, **fields: str
    ) -> Form:
        options = await self.options(world, login, **fields)
        return {"answer": json.dumps(self.soft.assertion(options, manner, counter=counter))}


async def enrol(
    world: AnyWorld, person: PersonId, authenticator: SoftAuthenticator | None = None, manner: Manner | None = None
) -> SoftHolder:
    registered, soft = register(authenticator or SoftAuthenticator(ca=MAKER), manner)
    assert isinstance(registered, Registered)
    credential = credential_of(registered, person, id=CredentialId(soft.id.hex()))
    assert await world.store.write(lambda tx: tx.credentials.add(credential))
    return SoftHolder(soft, credential)


class TestSecurityKey(ChallengedContract):
    way = "security-key"
    worth = AAL.AAL3
    answers_within = timedelta(minutes=2)

    @pytest.fixture
    def world(self) -> AnyWorld:
        return new_world()

    async def holder(self, world: AnyWorld, person: PersonId) -> Holder:
        return await enrol(world, person)


class TestPasskey(ChallengedContract):
    way = "passkey"
    worth = AAL.AAL2
    answers_within = timedelta(minutes=2)

    @pytest.fixture
    def world(self) -> AnyWorld:
        return new_world()

    async def holder(self, world: AnyWorld, person: PersonId) -> Holder:
        synced = SoftAuthenticator(ca=MAKER, backup_eligible=True, counter=0)
        holder = await enrol(world, person, synced, Manner(transports=("internal", "hybrid")))
        holder.way = self.way
        return holder


@pytest.fixture
def world() -> AnyWorld:
    return new_world()


async def send(world: AnyWorld, login: LoginId, form: Form, way: str = "security-key") -> Any:
    return await world.browser.post(f"/login/{login}/{way}", data={"csrf": world.csrf(login), **form})


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        (Manner(origin="https://evil.example"), "wrong_origin"),
        (Manner(user_verified=False), "user_not_verified"),
        (Manner(spoil_signature=True), "not_verified"),
        (Manner(challenge=b"x" * 32), "challenge_gone"),
    ],
)
async def test_a_wrong_answer_is_refused_and_on_record(world: AnyWorld, manner: Manner, why: str) -> None:
    holder, login = await enrol(world, ASHA), world.begin()
    response = await send(world, login, await holder.answer(world, login, manner))
    assert response.status_code == 422
    assert await world.refusals() == [why]
    [row] = await world.store.read(lambda tx: tx.audit.search(tag="webauthn:log-in:refused"))
    assert row.reference in response.text
    assert row.data["claimed_person"] == (ASHA)
    assert world.attempts.concluded == []


async def test_a_refused_answer_cannot_be_mended(world: AnyWorld) -> None:
    """The challenge is gone with the first answer, right or wrong."""
    holder, login = await enrol(world, ASHA), world.begin()
    options = await holder.options(world, login)
    wrong = {"answer": json.dumps(holder.soft.assertion(options, Manner(spoil_signature=True)))}
    right = {"answer": json.dumps(holder.soft.assertion(options))}
    assert (await send(world, login, wrong)).status_code == 422
    assert (await send(world, login, right)).status_code == 422
    assert await world.refusals() == ["not_verified", "challenge_gone"]


async def test_webauthn_6_1_1_a_counter_that_goes_back_is_a_suspected_clone(world: AnyWorld) -> None:
    holder, login = await enrol(world, ASHA), world.begin()
    assert (await send(world, login, await holder.answer(world, login, counter=9))).status_code == 303
    for passed in (9, 8, 0):
        response = await send(world, login, await holder.answer(world, login, counter=passed))
        assert response.status_code == 422
        assert "There may be a copy" in response.text
    assert len(world.attempts.concluded) == 1
    clones = await world.store.read(lambda tx: tx.audit.search(tag="webauthn:credential:clone-suspected"))
    assert [(row.data["counter"], row.data["stored"]) for row in clones] == [(9, 9), (8, 9), (0, 9)]
    assert (await send(world, login, await holder.answer(world, login, counter=10))).status_code == 303


async def test_an_authenticator_that_does_not_count_may_stay_at_nought(world: AnyWorld) -> None:
    holder, login = await enrol(world, ASHA, SoftAuthenticator(ca=MAKER, counter=0)), world.begin()
    for _ in range(2):
        assert (await send(world, login, await holder.answer(world, login))).status_code == 303


async def test_an_unknown_passkey_is_refused_and_the_browser_told_to_drop_it(world: AnyWorld) -> None:
    _, soft = register()
    login = world.begin()
    holder = SoftHolder(soft, None)  # type: ignore[arg-type] # not enrolled
    response = await send(world, login, await holder.answer(world, login))
    assert response.status_code == 422
    assert "This security key is not linked to an account here" in response.text
    assert re.search(r'data-webauthn-forget="[\w-]{43}" data-rp-id="localhost"', response.text)


async def test_a_typed_user_id_names_that_persons_credentials(world: AnyWorld) -> None:
    holder, login = await enrol(world, ASHA), world.begin()
    options = await holder.options(world, login, user="5550 3663 2103")
    [named] = options["allowCredentials"]
    assert named["transports"] == ["usb"]
    form = {"answer": json.dumps(holder.soft.assertion(options, Manner(user_handle=None)))}
    assert (await send(world, login, form)).status_code == 303


async def test_webauthn_14_6_2_a_typed_user_id_does_not_tell_who_exists(world: AnyWorld) -> None:
    holder, login = await enrol(world, ASHA), world.begin()
    known = (await holder.options(world, login, user=ASHA))["allowCredentials"]
    unknown = (await holder.options(world, login, user=BEN))["allowCredentials"]
    again = (await holder.options(world, login, user=BEN))["allowCredentials"]
    assert unknown == again
    assert [one.keys() for one in unknown] == [one.keys() for one in known]


async def test_a_user_id_that_is_none_is_said_to_be_none(world: AnyWorld) -> None:
    login = world.begin()
    response = await world.browser.post(
        f"/login/{login}/passkey/options", data={"csrf": world.csrf(login), "user": "asha"}
    )
    assert (response.status_code, response.json()) == (422, {"problem": "User ID must be 12 numbers"})


async def test_a_person_who_was_named_is_asked_for_their_own_credentials(world: AnyWorld) -> None:
    holder, login = await enrol(world, ASHA), world.begin(person=ASHA)
    options = await holder.options(world, login, user=BEN)
    assert [one["id"] for one in options["allowCredentials"]] == [holder.soft.assertion(options)["id"]]


async def test_options_for_a_log_in_that_ended_lead_back_to_it(world: AnyWorld) -> None:
    login = world.begin()
    world.attempts.end(login)
    response = await world.browser.post(f"/login/{login}/passkey/options", data={"csrf": world.csrf(login)})
    assert (response.status_code, response.json()) == (409, {"next": f"/login/{login}"})


async def test_a_security_key_at_the_passkey_page_passes_where_both_are_allowed(world: AnyWorld) -> None:
    holder, login = await enrol(world, ASHA), world.begin()
    holder.way = "passkey"
    assert (await send(world, login, await holder.answer(world, login), "passkey")).status_code == 303


async def test_a_page_that_is_allowed_lets_no_other_kind_in(world: AnyWorld) -> None:
    """Zones allow ways: a security key gains nothing by going through the passkey page."""
    holder, login = await enrol(world, ASHA), world.begin()
    world.attempts.ways = frozenset({"passkey"})
    holder.way = "passkey"
    response = await send(world, login, await holder.answer(world, login), "passkey")
    assert response.status_code == 422
    assert await world.refusals() == ["way_not_allowed"]
    assert world.attempts.concluded == []


async def test_an_oversized_answer_is_refused(world: AnyWorld) -> None:
    login = world.begin()
    assert (await send(world, login, {"answer": "x" * 70_000})).status_code == 413


async def test_a_credential_describes_itself(world: AnyWorld) -> None:
    holder = await enrol(world, ASHA)
    described = world.authenticator.describe(replace(holder.credential, label="My key"))
    assert (described.kind, described.label, described.aal) == ("Security key", "My key", AAL.AAL3)
    assert described.facts == ("Stays on one device",)


async def test_metadata_that_is_older_is_not_taken_up(world: AnyWorld) -> None:
    from carekey.authenticators.webauthn.metadata import Metadata

    holder = await enrol(world, ASHA)
    webauthn = world.authenticator
    assert isinstance(webauthn, WebAuthn)
    webauthn.use_metadata(Metadata(number=1))
    assert webauthn.describe(holder.credential).aal is AAL.AAL3
    webauthn.use_metadata(Metadata(number=8))
    assert webauthn.describe(holder.credential).aal is AAL.AAL2
