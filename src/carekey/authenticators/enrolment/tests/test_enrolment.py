"""Adding a passkey or security key by a one-time link (ux.md B4, B11)."""

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from carekey.authenticators.base import Credential
from carekey.authenticators.conformance.contract import ASHA, BEN, AnyWorld
from carekey.authenticators.conformance.world import NOW, FixedClock, OpenAttempts, World
from carekey.authenticators.enrolment import invitation
from carekey.authenticators.enrolment.http import EnrolmentPages
from carekey.authenticators.enrolment.invitation import NoSuchPersonError
from carekey.authenticators.webauthn.evidence import decode
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.tests.examples import KNOWN, MAKER, RP
from carekey.directory.model import Person, PersonStatus
from carekey.kernel import actor
from carekey.kernel.assurance import AAL
from carekey.kernel.secret import Secret, digest
from carekey.storage.memory.store import MemoryStore
from carekey.web import csrf
from support.soft_authenticator import Manner, SoftAuthenticator, SoftCredential

pytestmark = pytest.mark.anyio

TOKEN = "link-token-of-43-characters-made-for-a-test"
HELPDESK = actor.operator("Sam at the help desk")


async def people(store: MemoryStore, *given: Person) -> None:
    await store.write(lambda tx: tx.people.put(given))


async def invite(world: AnyWorld, token: str = TOKEN, person: str = ASHA, level: AAL = AAL.AAL3) -> None:
    await world.store.write(
        lambda tx: invitation.invite(tx, person, token=Secret(token), by=HELPDESK, now=world.clock.now(), level=level)
    )


@pytest.fixture
async def world() -> AnyWorld:
    store, attempts = MemoryStore(), OpenAttempts[Any]()
    await people(
        store,
        Person(id=ASHA, given_name="Asha", family_name="Patel"),
        Person(id=BEN, given_name="Ben", family_name="Okoro"),
    )
    webauthn = WebAuthn(store=store, attempts=attempts, rp=RP, metadata=KNOWN, policy=Policy())
    pages = EnrolmentPages(store=store, ways=webauthn.ways)
    world = World(
        webauthn,
        store=store,
        attempts=attempts,
        clock=FixedClock(),
        templates=pages.templates,
        routes=pages.routes(),
    )
    await invite(world)
    return world


async def get(world: AnyWorld, path: str = "", token: str = TOKEN) -> httpx2.Response:
    return await world.browser.get(f"/register/{token}{path}")


async def send(world: AnyWorld, path: str = "", token: str = TOKEN, **fields: str) -> httpx2.Response:
    form = {"csrf": csrf.token(world.site.csrf_key, token), **fields}
    return await world.browser.post(f"/register/{token}{path}", data=form)


async def answer(
    world: AnyWorld,
    token: str = TOKEN,
    *,
    authenticator: SoftAuthenticator | None = None,
    manner: Manner | None = None,
) -> tuple[httpx2.Response, SoftCredential]:
    options = (await send(world, "/security-key/options", token)).json()["options"]
    made, soft = (authenticator or SoftAuthenticator(ca=MAKER)).register(options, manner)
    return await send(world, "/security-key", token, answer=json.dumps(made)), soft


def ticket_of(response: httpx2.Response) -> str:
    found = re.search(r'name="registration" value="([^"]+)"', response.text)
    assert found is not None
    return found[1]


async def add(world: AnyWorld, token: str = TOKEN, label: str = "My key") -> tuple[httpx2.Response, SoftCredential]:
    response, soft = await answer(world, token)
    return await send(world, "/security-key/name", token, registration=ticket_of(response), label=label), soft


async def held(world: AnyWorld, person: str = ASHA) -> Sequence[Credential]:
    return await world.store.read(lambda tx: tx.credentials.held_by(person))


async def tags(world: AnyWorld) -> list[str]:
    return [row.tag for row in await world.store.read(lambda tx: tx.audit.search())]


async def test_b11_the_link_says_who_invited_whom_and_until_when(world: AnyWorld) -> None:
    response = await get(world)
    assert response.status_code == 200
    for words in ("You are <strong>Asha Patel</strong>", "Sam at the help desk", "9:00am on 24 November 2026"):
        assert words in response.text
    assert ASHA not in response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "same-origin"


async def test_b11_a_way_is_chosen_first(world: AnyWorld) -> None:
    refused = await send(world)
    assert (refused.status_code, "Select what you want to add" in refused.text) == (422, True)
    assert "<title>Error: " in refused.text
    assert (await send(world, way="security-key")).headers["location"] == f"/register/{TOKEN}/security-key"
    assert (await send(world, way="../../logout")).status_code == 422


async def test_b4_a_key_is_added_named_and_the_link_used_up(world: AnyWorld) -> None:
    named, soft = await add(world, label="  Ward   key ")
    assert (named.status_code, named.headers["location"]) == (303, f"/register/{TOKEN}/done")
    [credential] = await held(world)
    assert (credential.label, credential.handle, credential.kind) == ("Ward key", soft.id, "webauthn")
    assert credential.counter == 1
    done = await get(world, "/done")
    assert "You have added a way to log in" in done.text
    assert "Ward key" in done.text
    assert (await get(world)).status_code == 410
    expected = [
        "enrolment:link:made",
        "enrolment:link:used",
        "webauthn:credential:registered",
        "enrolment:link:refused",
    ]
    assert await tags(world) == expected


async def test_b4_the_name_is_filled_in_from_the_model(world: AnyWorld) -> None:
    response, _ = await answer(world)
    assert 'value="Soft Key 1"' in response.text
    assert "very high log-in security" in response.text


async def test_800_63b_6_1_2_a_link_made_at_aal2_adds_nothing_that_gives_aal3(world: AnyWorld) -> None:
    token = "own-" + TOKEN
    await invite(world, token, level=AAL.AAL2)
    response, _ = await answer(world, token)
    assert response.status_code == 422
    assert "This device gives very high security" in response.text
    assert await held(world) == []
    assert await world.refusals() == ["level_not_accepted"]
    named = await answer(
        world, token, authenticator=SoftAuthenticator(ca=MAKER, backup_eligible=True), manner=Manner(backed_up=True)
    )
    assert named[0].status_code == 200, "one that is copied between devices gives AAL2"


@pytest.mark.parametrize("label", ["", "   ", "x" * 61, "tab\x07bell"])
async def test_b4_a_name_that_will_not_do_is_asked_for_again(world: AnyWorld, label: str) -> None:
    response, _ = await answer(world)
    ticket = ticket_of(response)
    again = await send(world, "/security-key/name", registration=ticket, label=label)
    assert again.status_code == 422
    assert await held(world) == []
    assert (await send(world, "/security-key/name", registration=ticket_of(again), label="Key")).status_code == 303


async def test_the_success_page_does_not_stay_open(world: AnyWorld) -> None:
    await add(world)
    world.clock.pass_by(timedelta(minutes=16))
    assert (await get(world, "/done")).status_code == 410


@pytest.mark.parametrize(
    ("manner", "why"),
    [
        (Manner(origin="https://evil.example"), "wrong_origin"),
        (Manner(user_verified=False), "user_not_verified"),
        (Manner(spoil_signature=True), "not_verified"),
        (Manner(challenge=b"x" * 32), "challenge_gone"),
    ],
)
async def test_a_wrong_registration_is_refused_and_leaves_the_link_alone(
    world: AnyWorld, manner: Manner, why: str
) -> None:
    response, _ = await answer(world, manner=manner)
    assert response.status_code == 422
    assert await world.refusals() == [why]
    assert await held(world) == []
    named, _ = await add(world)
    assert named.status_code == 303


async def test_what_is_held_is_excluded_and_the_user_handle_kept(world: AnyWorld) -> None:
    _, soft = await add(world)
    await invite(world, "second")
    options = (await send(world, "/passkey/options", "second")).json()["options"]
    assert [one["id"] for one in options["excludeCredentials"]] == [soft.assertion(options)["id"]]
    [credential] = await held(world)
    assert soft.user_handle == decode(credential.data).user_handle
    _, other = await add(world, "second")
    assert other.user_handle == soft.user_handle


async def test_a_credential_that_somebody_has_is_not_added_twice(world: AnyWorld) -> None:
    response, _ = await answer(world)
    [asked] = [ticket_of(response)]
    made = await send(world, "/security-key/name", registration=asked, label="Key")
    assert made.status_code == 303
    [credential] = await held(world)
    await invite(world, "second", BEN)
    options = (await send(world, "/security-key/options", "second")).json()["options"]
    from unittest.mock import patch

    with patch("support.soft_authenticator.os.urandom", return_value=credential.handle):
        again, _ = SoftAuthenticator(ca=MAKER).register(options)
    refused = await send(world, "/security-key", "second", answer=json.dumps(again))
    assert refused.status_code == 422
    assert "This device is already added" in refused.text
    assert await held(world, BEN) == []


async def test_of_two_registrations_at_once_one_wins(world: AnyWorld) -> None:
    tickets = [ticket_of((await answer(world))[0]) for _ in range(4)]
    done = await asyncio.gather(
        *[send(world, "/security-key/name", registration=ticket, label="Key") for ticket in tickets]
    )
    assert sorted(response.status_code for response in done) == [303, 410, 410, 410]
    assert len(await held(world)) == 1
    assert (await tags(world)).count("enrolment:link:used") == 1


async def test_one_persons_registration_does_not_count_for_anothers_link(world: AnyWorld) -> None:
    await invite(world, "bens", BEN)
    response, _ = await answer(world)
    refused = await send(world, "/security-key/name", "bens", registration=ticket_of(response), label="Key")
    assert refused.status_code == 422
    assert await held(world, BEN) == []


async def test_one_links_challenge_does_not_answer_for_another(world: AnyWorld) -> None:
    await invite(world, "bens", BEN)
    options = (await send(world, "/security-key/options")).json()["options"]
    made, _ = SoftAuthenticator(ca=MAKER).register(options)
    refused = await send(world, "/security-key", "bens", answer=json.dumps(made))
    assert refused.status_code == 422
    assert await world.refusals() == ["other_subject"]


async def test_a_log_ins_challenge_does_not_answer_for_a_registration(world: AnyWorld) -> None:
    login = world.begin()
    form = {"csrf": world.csrf(login)}
    asked = (await world.browser.post(f"/login/{login}/passkey/options", data=form)).json()["options"]
    options = (await send(world, "/security-key/options")).json()["options"]
    made, _ = SoftAuthenticator(ca=MAKER).register({**options, "challenge": asked["challenge"]})
    assert (await send(world, "/security-key", answer=json.dumps(made))).status_code == 422
    assert await world.refusals() == ["other_subject"]


PATHS = ["", "/passkey", "/security-key"]


@pytest.mark.parametrize("path", PATHS)
async def test_b11_a_link_that_ran_out_says_so(world: AnyWorld, path: str) -> None:
    world.clock.pass_by(timedelta(hours=24))
    response = await get(world, path)
    assert response.status_code == 410
    assert "This link no longer works" in response.text
    assert "Asha" not in response.text
    assert await world.refusals() == ["expired"]


@pytest.mark.parametrize("path", PATHS)
async def test_b11_an_unknown_link_says_so_and_fills_no_record(world: AnyWorld, path: str) -> None:
    response = await get(world, path, "made-up")
    assert response.status_code == 404
    assert "We do not know this link" in response.text
    assert await tags(world) == ["enrolment:link:made"]


async def test_a_person_who_was_suspended_cannot_use_the_link(world: AnyWorld) -> None:
    suspended = Person(id=ASHA, given_name="Asha", family_name="Patel", status=PersonStatus.SUSPENDED)
    response, _ = await answer(world)
    await people(world.store, suspended)
    assert (await get(world)).status_code == 403
    refused = await send(world, "/security-key/name", registration=ticket_of(response), label="Key")
    assert refused.status_code == 403
    assert await held(world) == []


@pytest.mark.parametrize("path", ["", "/security-key", "/security-key/options", "/security-key/name"])
async def test_forms_of_another_site_are_refused(world: AnyWorld, path: str) -> None:
    response = await world.browser.post(
        f"/register/{TOKEN}{path}",
        data={"csrf": csrf.token(world.site.csrf_key, TOKEN)},
        headers={"origin": "https://evil.example"},
    )
    assert response.status_code == 403


@pytest.mark.parametrize("status", [None, PersonStatus.CLOSED, PersonStatus.SUSPENDED])
async def test_nobody_is_invited_who_may_not_log_in(world: AnyWorld, status: PersonStatus | None) -> None:
    if status:
        await people(world.store, Person(id=BEN, given_name="Ben", family_name="Okoro", status=status))
    with pytest.raises(NoSuchPersonError):
        await invite(world, "another", BEN if status else "555099999999")
    assert await world.store.read(lambda tx: tx.enrolments.find(digest("another"))) is None


async def test_the_link_is_nowhere_in_what_is_kept(world: AnyWorld) -> None:
    await add(world)
    rows = await world.store.read(lambda tx: tx.audit.search())
    assert TOKEN not in repr(rows)
    kept = await world.store.read(lambda tx: tx.enrolments.find(digest(TOKEN)))
    assert kept is not None
    assert (TOKEN in repr(kept), kept.used_at) == (False, NOW)


async def test_options_for_a_used_link_lead_to_what_it_says(world: AnyWorld) -> None:
    await add(world)
    response = await send(world, "/security-key/options")
    assert (response.status_code, response.json()) == (409, {"next": f"/register/{TOKEN}"})
