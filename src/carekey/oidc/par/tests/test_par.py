"""Pushed authorization requests (RFC 9126)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA
from carekey.oidc.authorize import pushed as pushed_requests
from carekey.oidc.authorize.parameters import LIMITS
from carekey.oidc.authorize.tests.world import CALLBACK, URL, WARD, authorize, provider, told, wanted
from carekey.oidc.model import ClientAuthMethod, Encryption, Resource
from carekey.oidc.par.tests.world import CHALLENGE, KEYED, OTHER, arrive, proof, push, pushed, request_object

pytestmark = pytest.mark.anyio

PUSHES_ALWAYS = replace(KEYED, id=ClientId("always"), require_par=True)
PUBLIC = replace(KEYED, id=ClientId("public"), auth_method=ClientAuthMethod.NONE, jwks=None)


@pytest.fixture
async def world():
    return await provider(KEYED, OTHER, PUSHES_ALWAYS, PUBLIC)


@pytest.fixture
def browser(world):
    return world.browser()


async def test_rfc9126_2_2_the_answer(world, browser):
    answer = await push(browser, {**wanted(), **proof(world)})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    told = answer.json()
    assert told.keys() == {"request_uri", "expires_in"}
    assert told["expires_in"] == 60
    assert told["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert len(told["request_uri"].rpartition(":")[2]) == 43
    (event,) = await world.events("authorization:request:pushed")
    assert event.data == {"issuer": "healthcare", "client": WARD.id, "signed": False}


async def test_rfc9126_4_the_person_goes_on_with_what_was_pushed(world, browser):
    uri = await pushed(world, browser, code_challenge=CHALLENGE, code_challenge_method="S256", max_age="900")
    begun = await arrive(browser, uri)
    answer = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
    assert told(answer)["state"] == "state-1"
    grant = await world.grant(answer)
    assert (grant.client, grant.person, grant.code_challenge, grant.nonce) == (WARD.id, ASHA, CHALLENGE, "nonce-1")


async def test_rfc9126_4_parameters_beside_the_request_uri_are_passed_over(world, browser):
    uri = await pushed(world, browser)
    begun = await arrive(browser, uri, redirect_uri="https://evil.example", state="mine", scope="openid email")
    grant = await world.grant(await browser.prove(begun.headers["location"].rsplit("/", 1)[1]))
    assert (grant.redirect_uri, grant.state, grant.scopes) == (CALLBACK, "state-1", ("openid", "profile"))


async def test_rfc9126_4_with_a_session_it_is_answered_at_once(world, browser):
    begun = await arrive(browser, await pushed(world, browser))
    await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
    assert "code" in told(await arrive(browser, await pushed(world, browser, prompt="none")))


async def test_rfc9126_4_a_request_uri_works_once(world, browser):
    uri = await pushed(world, browser)
    assert (await arrive(browser, uri)).status_code == 303
    assert (await arrive(browser, uri)).status_code == 400
    assert "request_uri_unknown" in browser.page


async def test_rfc9126_4_of_two_arrivals_at_once_one_wins(world, browser):
    uri = await pushed(world, browser)
    answers = await asyncio.gather(*(arrive(world.browser(), uri) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 7


@pytest.mark.parametrize(
    ("client", "seconds", "reason"),
    [
        (OTHER.id, 0, "request_uri_of_another_client"),
        (None, 0, "no_client"),
        ("nobody", 0, "request_uri_of_another_client"),
        (WARD.id, 60, "request_uri_expired"),
    ],
)
async def test_rfc9126_4_who_may_not_use_it_does_not_use_it_up(world, browser, client, seconds, reason):
    uri = await pushed(world, browser)
    world.clock.pass_by(seconds=seconds)
    answer = await arrive(browser, uri, client)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert (await world.events("authorization:request:refused"))[-1].data["reason"] == reason
    world.clock.pass_by(seconds=-seconds)
    assert (await arrive(browser, uri)).status_code == 303


async def test_a_request_uri_of_another_issuer_is_unknown(world, browser):
    uri = await pushed(world, browser)
    await world.save(replace(KEYED, issuer="sandbox"))
    answer = await browser.get(f"/sandbox/authorize?client_id={WARD.id}&request_uri={uri}")
    assert answer.status_code == 400
    assert "request_uri_unknown" in browser.page


async def test_rules_that_changed_in_between_count(world, browser):
    uri = await pushed(world, browser)
    await world.save(replace(KEYED, redirect_uris=("https://ward.example.test/new",)))
    assert (await arrive(browser, uri)).status_code == 400
    assert "unregistered_redirect_uri" in browser.page


@pytest.mark.parametrize(
    ("changes", "status", "error", "reason"),
    [
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request", "request_uri_pushed"),
        ({"request_uri": "https://ward.example.test/r"}, 400, "invalid_request", "request_uri_pushed"),
        ({"redirect_uri": None}, 400, "invalid_request", "no_redirect_uri"),
        ({"redirect_uri": "https://evil.example"}, 400, "invalid_request", "unregistered_redirect_uri"),
        ({"redirect_uri": f"{CALLBACK}/"}, 400, "invalid_request", "unregistered_redirect_uri"),
        ({"response_type": None}, 400, "invalid_request", "no_response_type"),
        ({"response_type": "token"}, 400, "unsupported_response_type", "response_type"),
        ({"response_mode": "fragment"}, 400, "invalid_request", "response_mode"),
        ({"scope": "profile"}, 400, "invalid_scope", "no_openid_scope"),
        ({"prompt": "none login"}, 400, "invalid_request", "prompt"),
        ({"claims": "{"}, 400, "invalid_request", "claims"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, 400, "invalid_request", "pkce_method"),
        ({"id_token_hint": "garbage"}, 400, "invalid_request", "id_token_hint"),
        ({"nonce": "n" * 2049}, 400, "invalid_request", "too_large"),
        ({"request": "garbage"}, 400, "invalid_request_object", "object_malformed"),
        ({"request": "x" * 16385}, 400, "invalid_request_object", "too_large"),
        ({"client_id": OTHER.id}, 401, "invalid_client", "several_client_ids"),
        ({"client_id": "nobody", "client_assertion": None}, 401, "invalid_client", "assertion_type"),
        (
            {"client_assertion": None, "client_assertion_type": None},
            401,
            "invalid_client",
            "method_not_registered",
        ),
        ({"client_secret": "s"}, 401, "invalid_client", "several_methods"),
    ],
)
async def test_rfc9126_2_3_refusals(world, browser, changes, status, error, reason):
    fields = {**wanted(), **proof(world), **changes}
    answer = await push(browser, {name: value for name, value in fields.items() if value is not None})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "location" not in answer.headers
    (event,) = await world.events()
    assert (event.data["error"], event.data["reason"], event.refusal) == (error, reason, True)


@pytest.mark.parametrize("extra", ["&nonce=2", "&scope=openid", "&client_assertion=x", "&redirect_uri=x"])
async def test_rfc6749_3_1_repeated_parameters(world, browser, extra):
    answer = await push(browser, {**wanted(), **proof(world)}, extra)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_other_methods_and_types(world, browser):
    assert (await browser.http.get(f"{URL.replace(':443', '')}/par")).status_code == 405
    answer = await push(browser, wanted(), **{"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = await push(browser, {"x": "y" * 70_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")


async def test_an_assertion_pushes_once(world, browser):
    fields = {**wanted(), **proof(world)}
    assert (await push(browser, fields)).status_code == 201
    answer = await push(browser, fields)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    refused = {**wanted(scope="profile"), **proof(world)}
    assert (await push(browser, refused)).status_code == 400
    refused["scope"] = "openid"
    assert (await push(browser, refused)).status_code == 401


@pytest.mark.parametrize("audience", [URL, f"{URL}/access_token", f"{URL}/par", f"{URL.replace(':443', '')}/par"])
async def test_rfc9126_2_audiences(world, browser, audience):
    answer = await push(browser, {**wanted(), **proof(world, aud=audience)})
    assert answer.status_code == 201


async def test_a_public_client_pushes_by_its_name(world, browser):
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert (await push(browser, wanted(client_id=PUBLIC.id, **pkce))).status_code == 201
    assert (await push(browser, wanted(client_id=PUBLIC.id))).json()["error"] == "invalid_request"


async def test_rfc9126_5_a_client_that_must_push(world, browser):
    answer = told(await authorize(browser, client_id=PUSHES_ALWAYS.id))
    assert (answer["error"], answer["state"]) == ("invalid_request", "state-1")
    signed = request_object(world, client_id=PUSHES_ALWAYS.id, iss=PUSHES_ALWAYS.id)
    answer = await authorize(browser, client_id=PUSHES_ALWAYS.id, request=signed)
    assert told(answer)["error"] == "invalid_request"
    uri = await pushed(world, browser, client_id=PUSHES_ALWAYS.id)
    assert (await arrive(browser, uri, PUSHES_ALWAYS.id)).headers["location"].startswith("/login/")


async def test_rfc9126_3_a_signed_request_is_pushed(world, browser):
    answer = await push(browser, {"request": request_object(world, state="signed"), "state": "not", **proof(world)})
    assert answer.status_code == 201
    begun = await arrive(browser, answer.json()["request_uri"])
    answer = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
    assert told(answer)["state"] == "signed"
    (event,) = await world.events("authorization:request:pushed")
    assert event.data["signed"] is True


async def test_rfc9126_3_nobody_pushes_what_another_signed(world, browser):
    answer = await push(browser, {"request": request_object(world), **proof(world, OTHER.id)})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request_object")
    assert (await world.events())[-1].data["reason"] == "object_client"


async def test_what_is_kept_holds_neither_the_proof_nor_what_we_do_not_know(world, browser):
    uri = await pushed(world, browser, unknown="x")
    kept = await world.store.write(lambda tx: tx.pushed_requests.take(pushed_requests.key(uri)))
    assert kept.parameters.keys() == wanted().keys()
    assert kept.expires_at - world.clock.now() == timedelta(seconds=60)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(LIMITS)) | st.text(max_size=5), st.text(max_size=20), max_size=5))
async def test_whatever_is_pushed_it_is_no_fault(world, browser, changes):
    changes = {name: value.encode("utf-8", "replace").decode() for name, value in changes.items()}
    fields = {name.encode("utf-8", "replace").decode(): value for name, value in changes.items()}
    answer = await push(browser, {**wanted(), **proof(world), **fields})
    assert answer.status_code in {201, 400, 401}


@pytest.mark.parametrize("signed", [False, True])
async def test_rfc8707_2_a_resource_is_pushed_too(signed):
    records = "https://records.example"
    world = await provider(replace(KEYED, resources=frozenset({records})), resources={records: Resource(uri=records)})
    browser = world.browser()
    fields = {"request": request_object(world, resource=records)} if signed else wanted(resource=records)
    answer = await push(browser, {**fields, **proof(world)})
    begun = await arrive(browser, answer.json()["request_uri"])
    grant = await world.grant(await browser.prove(begun.headers["location"].rsplit("/", 1)[1]))
    assert grant.resource == records
    answer = await push(browser, {**wanted(resource=records), **proof(world)}, f"&resource={records}")
    assert answer.status_code == 400


async def test_core_10_2_a_client_without_a_key_to_encrypt_to_is_told_at_the_push() -> None:
    """Nobody should log in for what could not be told afterwards."""
    wanted_enc = Encryption(alg="ECDH-ES", enc="A128GCM")
    for changes in ({"id_token_encryption": wanted_enc}, {"response_encryption": wanted_enc}):
        client = replace(KEYED, **changes)
        world = await provider(client)
        answer = await push(world.browser(), {**wanted(response_mode="jwt"), **proof(world)})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "no key for ECDH-ES" in answer.json()["error_description"]
        assert [one.data["reason"] for one in await world.events("authorization:push:refused")] == ["no_encryption_key"]
