"""Phones over HTTP with a store: a software UAF device that shares no code with the server, and a browser."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from carekey.authenticators.conformance.contract import ASHA, BEN, AnyWorld
from carekey.authenticators.conformance.world import ORIGIN, FixedClock, OpenAttempts, World
from carekey.authenticators.enrolment.http import EnrolmentPages
from carekey.authenticators.enrolment.invitation import invite
from carekey.authenticators.phone.http import Phone as PhoneAuthenticator
from carekey.authenticators.phone.keeping import KIND, registration_of
from carekey.authenticators.phone.terms import ENROL, FACETS, Terms, carekey_phone
from carekey.authenticators.phone.transport_http import is_uaf
from carekey.authenticators.uaf import transaction
from carekey.authenticators.uaf.channel_binding import Channel
from carekey.authenticators.uaf.facets import trusted_facets
from carekey.authenticators.uaf.metadata import Metadata, parse_reports, read_statements
from carekey.authenticators.uaf.model import RelyingParty
from carekey.authenticators.uaf.registry import TcDisplay
from carekey.authenticators.uaf.tests.phone import Authority, Faults, Model, Phone, Refusal, b64
from carekey.authenticators.uaf.tests.test_transaction import png
from carekey.directory.model import Person
from carekey.kernel.actor import operator
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import LoginId, PersonId
from carekey.kernel.secret import Secret
from carekey.login import acr
from carekey.storage.memory.store import MemoryStore
from carekey.storage.store import Store
from carekey.web import assets

pytestmark = pytest.mark.anyio

MODEL = Model()
UAF = {"content-type": "application/fido+uaf; charset=utf-8"}
OPERATOR = operator("desk")


def terms(**how: Any) -> Terms:
    models, skipped = read_statements([("test", MODEL.statement())])
    assert not skipped
    return Terms(
        party=RelyingParty(
            facets=trusted_facets(ORIGIN + FACETS, [ORIGIN], loopback=True),
            metadata=Metadata.of([*models, carekey_phone()]),
        ),
        origin=ORIGIN,
        **how,
    )


def new_world(store: Store | None = None, **how: Any) -> AnyWorld:
    store, attempts, clock = store or MemoryStore(), OpenAttempts[Any](), FixedClock()
    phones = PhoneAuthenticator(store=store, attempts=attempts, terms=terms(**how), clock=clock, service="CareKey")
    links = EnrolmentPages(store=store, ways=[ENROL])
    return World(
        phones, store=store, attempts=attempts, clock=clock, templates=links.templates, routes=list(links.routes())
    )


@pytest.fixture
def world() -> AnyWorld:
    return new_world()


def device(**how: Any) -> Phone:
    return Phone(model=MODEL, facet=ORIGIN, trusted=(ORIGIN,), **how)


async def link_for(world: AnyWorld, person: PersonId) -> str:
    secret = Secret(f"link-{world.site.entropy.bytes(8).hex()}")

    def work(tx: Any) -> None:
        if tx.people.find(person) is None:
            tx.people.put([Person(id=person, given_name="Asha", family_name="Patel")])
        invite(tx, person, token=secret, by=OPERATOR, now=world.clock.now())

    await world.store.write(work)
    return f"/register/{secret.reveal()}"


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found
    return found.group(1)


async def activation(world: AnyWorld, link: str) -> str:
    page = await world.browser.get(f"{link}/phone")
    assert page.status_code == 200, page.text
    shown = await world.browser.post(f"{link}/phone", data={"csrf": field(page.text, "csrf")})
    found = re.search(r"/phone#register=([\w-]+)", shown.text)
    assert found
    return found.group(1)


async def ask(world: AnyWorld, op: str, context: dict[str, str], browser: Any = None) -> dict[str, Any]:
    body = json.dumps({"op": op, "context": json.dumps(context)})
    sender = browser or world.new_browser()
    response = await sender.post(f"/uaf/{op.lower()}/request", content=body, headers=UAF)
    assert response.headers["content-type"] == UAF["content-type"]
    assert response.headers["cache-control"] == "no-store"
    said: dict[str, Any] = response.json()
    return said


async def send(world: AnyWorld, op: str, text: str, browser: Any = None) -> dict[str, Any]:
    sender = browser or world.new_browser()
    response = await sender.post(f"/uaf/{op.lower()}/response", content=json.dumps({"uafResponse": text}), headers=UAF)
    said: dict[str, Any] = response.json()
    return said


async def registration(world: AnyWorld, phone: Phone, person: PersonId = ASHA, faults: Faults | None = None) -> int:
    code = await activation(world, await link_for(world, person))
    asked = await ask(world, "Reg", {"activation": code})
    assert asked["statusCode"] == 1200
    status: int = (await send(world, "Reg", phone.answer(asked["uafRequest"], faults)))["statusCode"]
    return status


async def registered(world: AnyWorld, person: PersonId = ASHA, faults: Faults | None = None) -> Phone:
    phone = device()
    assert await registration(world, phone, person, faults) == 1200
    return phone


async def held(world: AnyWorld, person: PersonId = ASHA) -> list[Any]:
    found = await world.store.read(lambda tx: tx.credentials.held_by(person))
    return [one for one in found if one.kind == KIND]


# Registration


async def test_uaf_22_2_a_phone_is_registered_by_an_activation_code_that_works_once(world: AnyWorld) -> None:
    link = await link_for(world, ASHA)
    code = await activation(world, link)
    asked = await ask(world, "Reg", {"activation": code})
    assert (await ask(world, "Reg", {"activation": code}))["statusCode"] == 1491
    assert (await send(world, "Reg", device().answer(asked["uafRequest"])))["statusCode"] == 1200
    [kept] = await held(world)
    assert (kept.person, kept.label) == (ASHA, "A test model")
    after = await world.browser.get(f"{link}/phone")
    assert after.headers["location"] == f"{link}/done"
    assert "A test model" in (await world.browser.get(f"{link}/done")).text
    tags = [row.tag for row in await world.store.read(lambda tx: list(tx.audit.search()))]
    assert {"enrolment:link:used", "uaf:registration:added"} <= set(tags)


async def test_an_activation_code_runs_out(world: AnyWorld) -> None:
    code = await activation(world, await link_for(world, ASHA))
    world.clock.pass_by(timedelta(minutes=10))
    assert (await ask(world, "Reg", {"activation": code}))["statusCode"] == 1491


async def test_a_link_adds_one_phone_however_many_codes_it_showed(world: AnyWorld) -> None:
    link = await link_for(world, ASHA)
    asked = [await ask(world, "Reg", {"activation": await activation(world, link)}) for _ in range(2)]
    assert (await send(world, "Reg", device().answer(asked[0]["uafRequest"])))["statusCode"] == 1200
    assert (await send(world, "Reg", device().answer(asked[1]["uafRequest"])))["statusCode"] == 1491
    assert len(await held(world)) == 1


async def test_uaf_15_3_a_key_is_registered_once_whoever_brings_it(world: AnyWorld) -> None:
    phone = await registered(world)
    other = device(private=phone.keys[0].private)
    assert await registration(world, other, BEN) == 1494
    assert await registration(world, device(), BEN, Faults(key_id=phone.keys[0].key_id)) == 1498
    assert await held(world, BEN) == []
    assert await world.refusals() == ["public-key-already-registered", "key-id-already-registered"]


async def test_a_key_id_that_was_removed_is_still_taken(world: AnyWorld) -> None:
    phone = await registered(world)
    [kept] = await held(world)
    assert await world.store.write(lambda tx: tx.credentials.revoke(kept.id, at=world.clock.now()))
    assert await registration(world, device(), BEN, Faults(key_id=phone.keys[0].key_id)) == 1498


async def test_a_person_has_so_many_phones_and_no_more() -> None:
    world = new_world(per_person=1)
    await registered(world)
    code = await activation(world, await link_for(world, ASHA))
    assert (await ask(world, "Reg", {"activation": code}))["statusCode"] == 1403
    assert await world.refusals() == ["too-many-registrations"]


async def test_uaf_10_4_a_foreign_facet_is_refused_and_changes_nothing(world: AnyWorld) -> None:
    phone = Phone(model=MODEL, facet="https://evil.example", trusted=("https://evil.example",))
    assert await registration(world, phone) == 1403
    assert await held(world) == []
    assert await world.refusals() == ["untrusted-facet"]


# Log-in on the same device


async def log_in(world: AnyWorld, phone: Phone, login: LoginId, faults: Faults | None = None) -> dict[str, Any]:
    asked = await ask(world, "Auth", {"login": login}, world.browser)
    assert asked["statusCode"] == 1200
    return await send(world, "Auth", phone.answer(asked["uafRequest"], faults), world.browser)


async def test_log_in_on_the_same_device(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    assert "Ward List" in (await world.browser.get(f"/login/{login}/this-phone")).text
    assert await log_in(world, phone, login) == {"statusCode": 1200, "location": f"/login/{login}"}
    [(concluded, proof)] = world.attempts.concluded
    assert (concluded, proof.person, proof.kind, proof.aal, proof.amr) == (login, ASHA, KIND, AAL.AAL2, Amr.UAF)
    assert proof.at == world.clock.now()
    [kept] = await held(world)
    assert (kept.counter, kept.last_used_at) == (1, world.clock.now())


async def test_only_the_browser_that_logs_in_gets_a_request_and_can_answer_it(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    assert (await ask(world, "Auth", {"login": login}))["statusCode"] == 1491
    asked = await ask(world, "Auth", {"login": login}, world.browser)
    said = await send(world, "Auth", phone.answer(asked["uafRequest"]))
    assert said["statusCode"] == 1491
    assert world.attempts.concluded == []
    assert await world.refusals() == ["session-unknown-or-used", "wrong-browser"]


async def test_uaf_20_4_an_answer_works_once_even_at_the_same_time(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    text = phone.answer((await ask(world, "Auth", {"login": login}, world.browser))["uafRequest"])
    said = await asyncio.gather(*(send(world, "Auth", text, world.browser) for _ in range(5)))
    assert sorted(each["statusCode"] for each in said) == [1200, 1491, 1491, 1491, 1491]
    assert len(world.attempts.concluded) == 1


async def test_uaf_20_1_a_counter_that_went_back_suspends_the_registration(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    await log_in(world, phone, login)
    said = await log_in(world, phone, login, Faults(counter=1))
    assert said == {"statusCode": 1498}
    assert (await log_in(world, phone, login))["statusCode"] == 1403
    assert len(world.attempts.concluded) == 1
    assert await world.refusals() == ["clone-suspected", "registration-suspended"]
    [kept] = await held(world)
    assert world.authenticator.describe(kept).aal is None


async def test_uaf_21_3_another_finger_ends_the_registration(world: AnyWorld) -> None:
    phone, login = await registered(world, faults=Faults(extensions=((0x0106, b"fingers"),))), world.begin()
    said = await log_in(world, phone, login, Faults(extensions=((0x0106, b"others"),)))
    assert said == {"statusCode": 1492, "location": f"/login/{login}/this-phone/ended"}
    assert await held(world) == []
    told = (await world.browser.get(said["location"])).text
    assert "has to be registered again" in told
    assert "Try again" not in told
    assert (await world.new_browser().get(said["location"])).status_code == 303


async def test_uaf_21_3_the_page_that_waits_says_that_the_phone_has_to_be_registered_again(world: AnyWorld) -> None:
    phone, login = await registered(world, faults=Faults(extensions=((0x0104, b"one"),))), world.begin()
    asked = await matched(world, login)
    said = await send(world, "Auth", phone.answer(asked["uafRequest"], Faults(extensions=((0x0104, b"two"),))))
    assert said == {"statusCode": 1492}
    assert await held(world) == []
    assert "has to be registered again" in (await world.browser.get(f"/login/{login}/phone")).text


# What the metadata say


def reported(world: AnyWorld, *reports: dict[str, str], model: Model = MODEL) -> None:
    """As a refresh does it."""
    terms: Terms = world.authenticator._terms
    (read,), _ = read_statements([("test", model.statement())])
    metadata = Metadata.of([replace(read, reports=parse_reports(reports)), carekey_phone()])
    terms.party = replace(terms.party, metadata=metadata)


REVOKED = {"status": "REVOKED", "effectiveDate": "2020-01-01"}


async def test_uaf_19_4_a_model_that_is_revoked_is_refused_from_then_on(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    code = await activation(world, await link_for(world, BEN))
    asked = await ask(world, "Reg", {"activation": code})
    late = await ask(world, "Auth", {"login": login}, world.browser)
    reported(world, REVOKED)

    assert await send(world, "Reg", device().answer(asked["uafRequest"])) == {"statusCode": 1493}
    assert await send(world, "Auth", phone.answer(late["uafRequest"]), world.browser) == {"statusCode": 1493}
    assert world.attempts.concluded == []
    assert await held(world, BEN) == []
    assert await world.refusals() == ["model-revoked", "model-revoked"]
    new = await ask(world, "Reg", {"activation": await activation(world, await link_for(world, BEN))})
    with pytest.raises(Refusal, match="NO_SUITABLE_AUTHENTICATOR"):
        device().answer(new["uafRequest"])


@pytest.mark.parametrize(
    ("reports", "aal", "fact"),
    [
        ([], AAL.AAL2, ()),
        ([REVOKED], None, ("No longer accepted: its model is not safe any more",)),
        ([{"status": "USER_VERIFICATION_BYPASS"}], None, ("No longer accepted: its model is not safe any more",)),
        (
            [{"status": "USER_VERIFICATION_BYPASS"}, {"status": "UPDATE_AVAILABLE"}],
            None,
            ("Not accepted until its software has been updated",),
        ),
        ([REVOKED | {"effectiveDate": "2999-01-01"}], AAL.AAL2, ()),
    ],
)
async def test_uaf_19_4_a_way_to_log_in_shows_what_became_of_its_model(
    world: AnyWorld, reports: list[dict[str, str]], aal: AAL | None, fact: tuple[str, ...]
) -> None:
    await registered(world)
    reported(world, *reports, model=Model(version=2))
    [kept] = await held(world)
    described = world.authenticator.describe(kept)
    assert (described.aal, described.facts) == (aal, fact)


async def test_a_model_that_is_trusted_no_more_shows_it(world: AnyWorld) -> None:
    await registered(world)
    reported(world, model=Model(aaid="1A2B#0002"))
    [kept] = await held(world)
    assert world.authenticator.describe(kept).aal is None


# AAL3


HARDWARE = Model(authority=Authority())


def hardware(**how: Any) -> AnyWorld:
    world = new_world()
    terms: Terms = world.authenticator._terms
    (read,), _ = read_statements([("test", HARDWARE.statement())])
    terms.party = replace(
        terms.party,
        metadata=Metadata.of([read, carekey_phone()]),
        **{"aal3_models": frozenset({HARDWARE.aaid}), **how},
    )
    return world


async def hardware_phone(world: AnyWorld, **how: Any) -> Phone:
    phone = Phone(model=HARDWARE, facet=ORIGIN, trusted=(ORIGIN,), **how)
    assert await registration(world, phone) == 1200
    return phone


async def test_uaf_24_2_a_model_in_hardware_with_full_attestation_gives_aal3() -> None:
    world = hardware()
    phone, login = await hardware_phone(world), world.begin(levels={AAL.AAL3})
    assert (await log_in(world, phone, login))["statusCode"] == 1200
    [(_, proof)] = world.attempts.concluded
    assert (proof.aal, proof.amr) == (AAL.AAL3, Amr.UAF)
    [kept] = await held(world)
    assert world.authenticator.describe(kept).aal is AAL.AAL3


async def test_a_log_in_at_aal3_asks_for_models_that_can_give_it_alone() -> None:
    world = hardware()
    strong = await hardware_phone(world)
    login = world.begin(levels={AAL.AAL3})
    for person in (None, ASHA, BEN):  # whoever it is, and whatever they have
        world.attempts.open[login] = replace(world.attempts.open[login], person=person)
        asked = json.loads((await ask(world, "Auth", {"login": login}, world.browser))["uafRequest"])
        accepted = {aaid for together in asked[0]["policy"]["accepted"] for one in together for aaid in one["aaid"]}
        assert accepted == {HARDWARE.aaid}
    assert strong.keys


async def test_uaf_24_2_across_devices_aal3_needs_the_operators_word_and_a_bound_channel() -> None:
    seen = b"the certificate that clients see"
    for how, bound, status in (
        ({}, True, 1403),
        ({"cross_device_aal3": True}, False, 1403),
        ({"cross_device_aal3": True}, True, 1200),
    ):
        world = hardware(channel=Channel(certificates=(seen,)), **how)
        binding = {"tlsServerCertificate": b64(seen)} if bound else {}
        phone, login = await hardware_phone(world, binding=binding), world.begin(levels={AAL.AAL2, AAL.AAL3})
        world.attempts.open[login] = replace(world.attempts.open[login], levels=frozenset({AAL.AAL3}))
        asked = await matched(world, login)
        assert (await send(world, "Auth", phone.answer(asked["uafRequest"])))["statusCode"] == status, (how, bound)


def test_cis2_4_2_where_such_models_are_configured_phones_are_offered_at_aal3() -> None:
    before, after = terms(), terms()
    after.party = replace(after.party, aal3_models=frozenset({HARDWARE.aaid}))
    offered = {
        (name, value): bool(acr.CLASSES[value].admits(way))
        for name, its in (("before", before), ("after", after))
        for value in ("AAL3_ANY", "AAL3_IOS", "AAL2_ANY")
        for way in its.ways[1:]
    }
    assert offered == {
        ("before", "AAL3_ANY"): False,
        ("before", "AAL3_IOS"): False,
        ("before", "AAL2_ANY"): True,
        ("after", "AAL3_ANY"): True,
        ("after", "AAL3_IOS"): True,
        ("after", "AAL2_ANY"): True,
    }
    assert after.ways[0].levels == {AAL.AAL2}
    after.party = replace(after.party, cross_device_aal3=True)
    assert after.ways[0].levels == {AAL.AAL2, AAL.AAL3}


async def test_uaf_17_a_phone_that_was_removed_is_told_to_forget(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    [kept] = await held(world)
    asked = await ask(world, "Auth", {"login": login}, world.browser)
    await world.store.write(lambda tx: tx.credentials.revoke(kept.id, at=world.clock.now()))
    said = await send(world, "Auth", phone.answer(asked["uafRequest"]), world.browser)
    assert said["statusCode"] == 1481
    phone.deregister(said["newUAFRequest"])
    assert phone.keys == []


async def test_a_person_other_than_the_one_asked_for_is_refused(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin(person=BEN)
    asked = await ask(world, "Auth", {"login": login}, world.browser)
    assert (await send(world, "Auth", phone.answer(asked["uafRequest"]), world.browser))["statusCode"] == 1481
    assert world.attempts.concluded == []


async def test_a_level_that_is_not_accepted_is_refused(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin(levels={AAL.AAL3})
    assert (await log_in(world, phone, login))["statusCode"] == 1403
    assert world.attempts.concluded == []
    assert await world.refusals() == ["not-allowed"]


# Log-in across devices


async def waiting(world: AnyWorld, login: LoginId) -> tuple[str, str]:
    """The code and the number of a page that waits."""
    address = f"/login/{login}/phone"
    begun = await world.browser.post(address, data={"csrf": world.csrf(login)})
    assert (begun.status_code, begun.headers["location"]) == (303, address)
    html = (await world.browser.get(address)).text
    code, number = re.search(r'id="phone-code">([^<]+)<', html), re.search(r'id="phone-number">(\d\d)<', html)
    assert code
    assert number
    return code.group(1), number.group(1)


async def opened(world: AnyWorld, code: str) -> httpx2.Response:
    response: httpx2.Response = await world.new_browser().post("/phone/approval", json={"code": code})
    return response


async def matched(world: AnyWorld, login: LoginId) -> dict[str, Any]:
    code, number = await waiting(world, login)
    holder = (await opened(world, code)).json()["holder"]
    return await ask(world, "Auth", {"approval": code, "holder": holder, "number": number})


async def test_uaf_23_1_log_in_across_devices(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    code, number = await waiting(world, login)
    about = (await opened(world, code)).json()
    assert (about["application"], about["network"]) == ("Ward List", "the internet")
    asked = await ask(world, "Auth", {"approval": code, "holder": about["holder"], "number": number})
    assert await send(world, "Auth", phone.answer(asked["uafRequest"])) == {"statusCode": 1200}
    assert world.attempts.concluded == [], "the browser that asked has still to take it"
    after = await world.browser.get(f"/login/{login}/phone")
    assert after.headers["location"] == f"/login/{login}"
    [(concluded, proof)] = world.attempts.concluded
    assert (concluded, proof.person, proof.aal) == (login, ASHA, AAL.AAL2)


async def test_uaf_23_2_5_only_the_browser_that_asked_takes_the_proof_and_once(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    asked = await matched(world, login)
    await send(world, "Auth", phone.answer(asked["uafRequest"]))
    stranger = await world.new_browser().get(f"/login/{login}/phone")
    assert stranger.status_code == 303
    assert world.attempts.concluded == []
    await asyncio.gather(*(world.browser.get(f"/login/{login}/phone") for _ in range(4)))
    assert len(world.attempts.concluded) == 1


async def test_uaf_23_2_3_no_request_without_the_number_and_one_try(world: AnyWorld) -> None:
    await registered(world)
    login = world.begin()
    code, number = await waiting(world, login)
    holder = (await opened(world, code)).json()["holder"]
    wrong = "10" if number != "10" else "11"
    said = await ask(world, "Auth", {"approval": code, "holder": holder, "number": wrong})
    assert said == {"statusCode": 1403}
    assert (await ask(world, "Auth", {"approval": code, "holder": holder, "number": number}))["statusCode"] == 1491
    page = await world.browser.get(f"/login/{login}/phone")
    assert "The number was wrong" in page.text
    assert await world.refusals() == ["wrong_number", "session-unknown-or-used"]


async def test_uaf_23_2_2_a_code_is_for_one_phone_and_its_secret(world: AnyWorld) -> None:
    login = world.begin()
    code, number = await waiting(world, login)
    assert (await opened(world, code)).status_code == 200
    assert (await opened(world, code)).status_code == 404
    assert (await ask(world, "Auth", {"approval": code, "holder": "other", "number": number}))["statusCode"] == 1491


async def test_a_new_code_makes_the_old_one_worthless(world: AnyWorld) -> None:
    login = world.begin()
    old, _ = await waiting(world, login)
    new, _ = await waiting(world, login)
    assert (await opened(world, old)).status_code == 404
    assert (await opened(world, new)).status_code == 200


async def test_an_approval_runs_out_after_two_minutes(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    asked = await matched(world, login)
    text = phone.answer(asked["uafRequest"])
    world.clock.pass_by(timedelta(minutes=2))
    assert (await send(world, "Auth", text))["statusCode"] == 1491
    assert "That took too long" in (await world.browser.get(f"/login/{login}/phone")).text
    assert world.attempts.concluded == []


async def test_an_approved_log_in_that_nobody_took_runs_out_too(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    asked = await matched(world, login)
    await send(world, "Auth", phone.answer(asked["uafRequest"]))
    world.clock.pass_by(timedelta(minutes=2))
    assert "That took too long" in (await world.browser.get(f"/login/{login}/phone")).text
    assert world.attempts.concluded == []


async def test_refused_on_the_phone(world: AnyWorld) -> None:
    login = world.begin()
    code, number = await waiting(world, login)
    holder = (await opened(world, code)).json()["holder"]
    stranger = await world.new_browser().post("/phone/approval/refuse", json={"code": code, "holder": "other"})
    assert stranger.status_code == 404
    said = await world.new_browser().post("/phone/approval/refuse", json={"code": code, "holder": holder})
    assert said.status_code == 200
    assert "You refused" in (await world.browser.get(f"/login/{login}/phone")).text
    assert (await ask(world, "Auth", {"approval": code, "holder": holder, "number": number}))["statusCode"] == 1491


async def test_an_answer_that_does_not_hold_ends_the_approval(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    asked = await matched(world, login)
    said = await send(world, "Auth", phone.answer(asked["uafRequest"], Faults(hash=b"x" * 32)))
    assert said == {"statusCode": 1498}
    assert "We could not accept the answer" in (await world.browser.get(f"/login/{login}/phone")).text


async def test_the_page_that_waits_hears_of_it_by_server_sent_events(world: AnyWorld) -> None:
    login = world.begin()
    code, _ = await waiting(world, login)
    holder = (await opened(world, code)).json()["holder"]
    await world.new_browser().post("/phone/approval/refuse", json={"code": code, "holder": holder})
    response = await world.browser.get(f"/login/{login}/phone/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "data: refused\n\n" in response.text


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"nonsense", b'{"code": 1}', b'{"code": "\\ud800"}', b"\xff"])
async def test_what_is_no_question_is_refused(world: AnyWorld, body: bytes) -> None:
    for address in ("/phone/approval", "/phone/approval/refuse"):
        response = await world.new_browser().post(address, content=body, headers={"content-type": "application/json"})
        assert response.status_code in {400, 404}


async def test_another_site_can_open_nothing(world: AnyWorld) -> None:
    code, _ = await waiting(world, world.begin())
    for how in ({"origin": "https://evil.example"}, {"content-type": "text/plain"}):
        headers = {"content-type": "application/json", **how}
        response = await world.new_browser().post(
            "/phone/approval", content=json.dumps({"code": code}), headers=headers
        )
        assert response.status_code == 400


# Transport


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        ("application/fido+uaf; charset=utf-8", True),
        ("Application/FIDO+UAF;CHARSET=UTF-8", True),
        ('application/fido+uaf; x=y; charset="utf-8"', True),
        ("application/fido+uaf", True),
        ("application/fido+uaf; charset=latin-1", False),
        ("application/json", False),
        ("text/plain; application/fido+uaf", False),
        ("", False),
    ],
)
def test_uaf_8_1_the_content_type(content_type: str, good: bool) -> None:
    assert is_uaf(content_type) is good


ADDRESSES = ["/uaf/reg/request", "/uaf/reg/response", "/uaf/auth/request", "/uaf/auth/response"]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_uaf_8_1_faults_of_the_transport(world: AnyWorld, address: str) -> None:
    browser = world.new_browser()
    assert (await browser.get(address)).status_code == 405
    assert (await browser.post(address, content=b"{}", headers={"content-type": "text/plain"})).status_code == 415
    assert (await browser.post(address, content=b"[" * 70_000, headers=UAF)).status_code == 413
    response = await browser.post(address, content=b"{}", headers=UAF)
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 1000,
        b'{"op": "Dereg", "uafResponse": 1}',
        b'{"op": "Reg", "op": "Reg", "uafResponse": ""}',
        b'{"context": "nonsense", "uafResponse": ""}',
        b'{"context": "{\\"login\\": 1}"}',
        b'{"context": "\\ud800"}',
        b'{"context": "{\\"login\\": \\"a\\\\u0000\\"}"}',
    ],
)
async def test_uaf_9_3_what_is_no_envelope_is_1400(world: AnyWorld, address: str, body: bytes) -> None:
    response = await world.new_browser().post(address, content=body, headers=UAF)
    assert response.status_code == 200
    assert response.json() == {"statusCode": 1400}


@pytest.mark.parametrize("text", ["nonsense", "[]", "[{}]", "[{},{}]", '[{"header": {"op": "Auth"}}]'])
async def test_uaf_9_3_what_is_no_message_is_1498_and_on_record(world: AnyWorld, text: str) -> None:
    assert await send(world, "Auth", text) == {"statusCode": 1498}
    [reason] = await world.refusals()
    assert reason


async def test_a_response_is_taken_at_the_address_of_its_operation_alone(world: AnyWorld) -> None:
    phone, login = await registered(world), world.begin()
    text = phone.answer((await ask(world, "Auth", {"login": login}, world.browser))["uafRequest"])
    assert (await send(world, "Reg", text, world.browser))["statusCode"] == 1498
    assert (await send(world, "Auth", text, world.browser))["statusCode"] == 1200


async def test_uaf_10_2_the_list_of_trusted_facets(world: AnyWorld) -> None:
    response = await world.new_browser().get(FACETS)
    assert response.headers["content-type"] == "application/fido.trusted-apps+json"
    listed = msgspec.json.decode(response.content)["trustedFacets"]
    assert [each["version"]["minor"] for each in listed] == [0, 1, 2]
    assert all(each["ids"] == [ORIGIN] for each in listed)


# CareKey Phone


async def test_the_application_is_installable(world: AnyWorld) -> None:
    browser = world.new_browser()
    page = await browser.get("/phone")
    assert "/phone/manifest.json" in page.text
    manifest = (await browser.get("/phone/manifest.json")).json()
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/phone", "/phone", "standalone")
    icons = {(one["sizes"], one["purpose"]): one["src"] for one in manifest["icons"]}
    assert icons.keys() == {("any", "any"), ("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
    worker = await browser.get("/phone/worker.js")
    assert worker.headers["service-worker-allowed"] == "/phone"
    assert worker.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"


async def test_its_modules_are_fetched_at_once_and_kept_for_when_there_is_no_network(world: AnyWorld) -> None:
    """Each that another one imports, wherever it is in the chain, is named in the page and to the worker."""
    needed, look = {"phone.js"}, ["phone.js"]
    while look:
        text = assets.files()[look.pop()].content.decode()
        found = set(re.findall(r"from \"\./(.+?)\";", text)) - needed
        needed |= found
        look += found
    assert len(needed) > 10
    browser = world.new_browser()
    page = (await browser.get("/phone")).text
    fetched = re.findall(r'<link rel="modulepreload" href="(.+?)">', page)
    here = assets.address("phone.js").rpartition("/")[0]
    assert f'<script type="module" src="{here}/phone.js">' in page
    assert sorted(fetched) == sorted(f"{here}/{name}" for name in needed - {"phone.js"})
    kept = (await browser.get("/phone/worker.js")).text
    assert [name for name in needed if assets.address(name) not in kept] == []


def test_its_statement_claims_no_more_than_is_true() -> None:
    statement = carekey_phone().statement
    assert statement.key_protection.name == "SOFTWARE"
    assert statement.matcher_protection.name == "SOFTWARE"
    assert [each.name for each in statement.attestation_types] == ["BASIC_SURROGATE"]
    assert [each.name for each in statement.user_verification] == [
        "PASSCODE_INTERNAL",
        "FINGERPRINT_INTERNAL",
        "FACEPRINT_INTERNAL",
        "PATTERN_INTERNAL",
    ], "a device does not say by which of its ways it was unlocked"
    assert statement.tc_display == TcDisplay.ANY | TcDisplay.PRIVILEGED_SOFTWARE
    assert statement.tc_content_type == "text/plain"
    picture = transaction.image(png())
    assert not transaction.can_show(statement, picture, [transaction.characteristics(png())]), "texts alone"


async def test_uaf_22_2_a_phone_is_bound_at_the_level_of_the_log_in_that_asked(world: AnyWorld) -> None:
    """What a person adds for themself at AAL2 never gives AAL3 (section 24.2)."""
    for level in (AAL.AAL2, AAL.AAL3):
        await link_for(world, ASHA)
        secret = Secret(f"own-{int(level)}")
        await world.store.write(
            lambda tx, level=level, secret=secret: invite(
                tx, ASHA, token=secret, by=OPERATOR, now=world.clock.now(), level=level
            )
        )
        code = await activation(world, f"/register/{secret.reveal()}")
        asked = await ask(world, "Reg", {"activation": code})
        phone = device()
        assert (await send(world, "Reg", phone.answer(asked["uafRequest"])))["statusCode"] == 1200
    assert sorted(registration_of(one).enrolled_at for one in await held(world)) == [AAL.AAL2, AAL.AAL3]
