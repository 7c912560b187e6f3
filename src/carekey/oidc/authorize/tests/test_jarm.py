"""Signed and encrypted authorization responses (JARM)."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwk, jwt
from jwskate import JweCompact, Jwk, SignedJwt

from carekey.jose.encryption import ALGS, ENCS
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.ids import ClientId
from carekey.oidc.authorize.tests.world import CALLBACK, URL, WARD, authorize, log_in, provider, told
from carekey.oidc.fetch import FetchFailed, Flaw
from carekey.oidc.model import Encryption

pytestmark = pytest.mark.anyio

ES256 = replace(WARD, id=ClientId("es256"), response_alg="ES256")
KEYS = {"rsa": jwk.RSAKey.generate_key(2048), "ec": jwk.ECKey.generate_key("P-256")}
JWKS = {"keys": [{**key.as_dict(private=False), "use": "enc", "kid": kid} for kid, key in KEYS.items()]}
JWKS_URI = "https://ward.example.test/jwks"
SEALED = replace(
    WARD,
    id=ClientId("sealed"),
    response_alg="ES256",
    response_encryption=Encryption(alg="ECDH-ES+A256KW", enc="A256GCM"),
    jwks_uri=JWKS_URI,
)


@pytest.fixture
async def world():
    return await provider(WARD, ES256)


@pytest.fixture
def browser(world):
    return world.browser()


def response(answer: Any) -> tuple[str, dict[str, Any]]:
    """Algorithm and claims; nothing else comes along."""
    assert answer.headers["location"].startswith(f"{CALLBACK}?response=")
    ((name, token),) = parse_qsl(urlsplit(answer.headers["location"]).query)
    assert name == "response"
    alg, _, claims = token.partition(".")
    return alg, json.loads(claims)


@pytest.mark.parametrize("mode", ["jwt", "query.jwt"])
async def test_jarm_2_1_the_parameters_are_claims_of_one_jwt(world, browser, mode):
    alg, claims = response(await log_in(world, browser, response_mode=mode))
    assert alg == "RS256"
    assert len(claims.pop("code")) == 43
    lifetime = claims.pop("exp") - int(world.clock.now().timestamp())
    assert 0 < lifetime <= 600
    assert claims == {"iss": URL, "aud": WARD.id, "state": "state-1", "client_id": WARD.id}


async def test_jarm_2_1_errors_too(world, browser):
    alg, claims = response(await authorize(browser, response_mode="jwt", prompt="none", client_id=ES256.id))
    assert alg == "ES256"
    assert (claims["error"], claims["aud"], claims["state"]) == ("login_required", ES256.id, "state-1")
    _, claims = response(await authorize(browser, response_mode="jwt", response_type="token"))
    assert claims["error"] == "unsupported_response_type"


async def test_jarm_2_1_a_person_who_cancels(world, browser):
    begun = await authorize(browser, response_mode="jwt")
    await browser.get(begun.headers["location"])
    _, claims = response(await browser.post(f"{begun.headers['location']}/cancel"))
    assert claims["error"] == "access_denied"


async def test_jarm_2_3_3_form_post_jwt(world, browser):
    await log_in(world, browser, response_mode="form_post.jwt")
    assert 'name="response"' in browser.page
    assert 'name="code"' not in browser.page
    assert 'name="state"' not in browser.page


async def test_form_post_jwt_follows_the_switch_of_form_post():
    world = await provider(WARD, form_post=False)
    answer = await authorize(world.browser(), response_mode="form_post.jwt")
    assert "error=invalid_request" in answer.headers["location"]


async def test_jarm_2_4_an_independent_library_verifies_it(world, browser):
    signer = Signer(issuer=world.issuer.name, store=world.store, sealing=Sealing(b"m" * 32, entropy=world.entropy))
    world.sign_with(signer)
    answer = await log_in(world, browser, response_mode="jwt", client_id=ES256.id)
    ((_, token),) = parse_qsl(urlsplit(answer.headers["location"]).query)
    read = jwt.decode(token, jwk.KeySet.import_key_set(json.loads(signer.jwks())), algorithms=["ES256"])
    assert read.claims["aud"] == ES256.id
    assert "code" in read.claims


def real_signer(world: Any) -> Signer:
    signer = Signer(issuer=world.issuer.name, store=world.store, sealing=Sealing(b"m" * 32, entropy=world.entropy))
    world.sign_with(signer)
    return signer


def opened(token: str, signer: Signer, alg: str, enc: str) -> dict[str, Any]:
    """As an independent library decrypts and verifies it."""
    sealed = JweCompact(token)
    assert (sealed.alg, sealed.enc, sealed.headers["cty"]) == (alg, enc, "JWT")
    key = Jwk(KEYS["rsa" if alg.startswith("RSA") else "ec"].as_dict(private=True))
    signed = SignedJwt(sealed.decrypt(key, alg=alg))
    published = {one["kid"]: one for one in json.loads(signer.jwks())["keys"]}
    assert signed.verify_signature(Jwk(published[signed.kid]), alg="ES256")
    return dict(signed.claims)


@pytest.mark.parametrize("enc", ENCS)
@pytest.mark.parametrize("alg", ALGS)
async def test_jarm_2_2_signed_and_then_encrypted_for_an_independent_library(alg, enc):
    client = replace(SEALED, jwks=JWKS, jwks_uri=None, response_encryption=Encryption(alg=alg, enc=enc))
    world = await provider(client)
    signer = real_signer(world)
    answer = await log_in(world, world.browser(), response_mode="jwt", client_id=client.id)
    ((name, token),) = parse_qsl(urlsplit(answer.headers["location"]).query)
    claims = opened(token, signer, alg, enc)
    assert name == "response"
    assert (claims["iss"], claims["aud"], claims["state"]) == (URL, client.id, "state-1")
    assert len(claims["code"]) == 43


async def test_jarm_2_2_errors_and_posted_responses_are_encrypted_too():
    world = await provider(SEALED)
    signer = real_signer(world)
    world.published[JWKS_URI] = json.dumps(JWKS).encode()
    answer = await authorize(world.browser(), response_mode="query.jwt", prompt="none", client_id=SEALED.id)
    ((_, token),) = parse_qsl(urlsplit(answer.headers["location"]).query)
    assert opened(token, signer, "ECDH-ES+A256KW", "A256GCM")["error"] == "login_required"
    browser = world.browser()
    await log_in(world, browser, response_mode="form_post.jwt", client_id=SEALED.id)
    token = browser.page.partition('name="response" value="')[2].partition('"')[0]
    assert "code" in opened(token, signer, "ECDH-ES+A256KW", "A256GCM")


async def test_jarm_2_2_a_person_who_cancels():
    world = await provider(SEALED)
    signer = real_signer(world)
    world.published[JWKS_URI] = json.dumps(JWKS).encode()
    browser = world.browser()
    begun = await authorize(browser, response_mode="jwt", client_id=SEALED.id)
    await browser.get(begun.headers["location"])
    answer = await browser.post(f"{begun.headers['location']}/cancel")
    ((_, token),) = parse_qsl(urlsplit(answer.headers["location"]).query)
    assert opened(token, signer, "ECDH-ES+A256KW", "A256GCM")["error"] == "access_denied"


async def test_jarm_2_2_other_modes_are_neither_signed_nor_encrypted():
    world = await provider(SEALED)
    answer = await log_in(world, world.browser(), client_id=SEALED.id)
    assert "code=" in answer.headers["location"]
    assert world.fetches == []


@pytest.mark.parametrize(
    ("published", "reason"),
    [
        (None, "keys_unavailable"),
        ({"keys": []}, "no_encryption_key"),
        ({"keys": JWKS["keys"][:1]}, "no_encryption_key"),
    ],
)
async def test_jarm_2_2_without_a_key_to_encrypt_to_no_code_leaves(published, reason):
    """The keys are there when the person arrives, and gone when the log-in ends, at another node."""
    world = await provider(SEALED)
    world.published[JWKS_URI] = json.dumps(JWKS).encode()
    browser = world.browser()
    begun = await authorize(browser, response_mode="jwt", client_id=SEALED.id)
    del world.published[JWKS_URI]
    if published is not None:
        world.published[JWKS_URI] = json.dumps(published).encode()
    answer = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "We could not send you back to the application" in answer.text
    assert reason in answer.text
    assert [event.data["reason"] for event in await world.events("authorization:request:refused")] == [reason]


async def test_jarm_2_2_a_client_removed_meanwhile_is_sent_no_code():
    world = await provider(SEALED)
    world.published[JWKS_URI] = json.dumps(JWKS).encode()
    browser = world.browser()
    begun = await authorize(browser, response_mode="jwt", client_id=SEALED.id)
    await world.save(replace(SEALED, removed=True))
    del world.published[JWKS_URI]
    answer = await browser.prove(begun.headers["location"].rsplit("/", 1)[1], aal=3)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


NOBODY = ({"keys": []}, {"keys": JWKS["keys"][:1]}, None)


@pytest.mark.parametrize("published", NOBODY)
@pytest.mark.parametrize("silent", [True, False])
async def test_jarm_2_2_who_could_not_be_told_learns_so_before_anybody_logs_in(published, silent):
    world = await provider(SEALED)
    browser = world.browser()
    if silent:
        await log_in(world, browser, client_id=SEALED.id)  # not encrypted, and a session stays
    if published is not None:
        world.published[JWKS_URI] = json.dumps(published).encode()
    started = len(await world.events("login:login:started"))
    answer = await authorize(browser, response_mode="jwt", client_id=SEALED.id, prompt="none" if silent else None)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "There is a problem with the application that sent you here" in answer.text
    reason = "keys_unavailable" if published is None else "no_encryption_key"
    assert reason in answer.text
    assert [event.data["reason"] for event in await world.events("authorization:request:refused")] == [reason]
    assert len(await world.events("login:login:started")) == started


@pytest.mark.parametrize("member", ["id_token_encryption", "userinfo_encryption"])
@pytest.mark.parametrize("published", NOBODY)
async def test_core_10_2_who_could_not_be_told_of_the_person_learns_so_before_they_log_in(member, published):
    wanted = Encryption(alg="ECDH-ES", enc="A128GCM")
    client = replace(SEALED, response_encryption=None, **{member: wanted})
    world = await provider(client)
    if published is not None:
        world.published[JWKS_URI] = json.dumps(published).encode()
    said = told(await authorize(world.browser(), client_id=client.id))
    assert (said["error"], said["state"], said["iss"]) == ("invalid_request", "state-1", URL)
    described = "not to be had" if published is None else "no key for ECDH-ES"
    assert described in said["error_description"]
    assert await world.events("login:login:started") == []


async def test_core_10_2_a_key_by_value_is_all_that_it_takes():
    client = replace(SEALED, jwks=JWKS, jwks_uri=None, id_token_encryption=Encryption(alg="RSA-OAEP", enc="A128GCM"))
    world = await provider(client)
    begun = await authorize(world.browser(), client_id=client.id, response_mode="jwt")
    assert "/login/" in begun.headers["location"]
    assert world.fetches == []


async def test_core_10_2_1_a_key_that_was_just_published_is_found():
    world = await provider(SEALED)
    world.published[JWKS_URI] = json.dumps({"keys": JWKS["keys"][:1]}).encode()
    asked = {"response_mode": "jwt", "client_id": SEALED.id}
    assert (await authorize(world.browser(), **asked)).status_code == 400
    world.published[JWKS_URI] = json.dumps(JWKS).encode()
    world.clock.pass_by(seconds=30)
    assert (await authorize(world.browser(), **asked)).status_code == 303
    assert world.fetches == [JWKS_URI] * 2


async def test_a_key_server_that_hangs_is_asked_once_however_many_arrive():
    world = await provider(SEALED)
    asked, begun, released = 0, asyncio.Event(), asyncio.Event()

    async def hangs(_: str) -> bytes:
        nonlocal asked
        asked += 1
        begun.set()
        await released.wait()
        raise FetchFailed(Flaw.TOO_SLOW)

    world.fetch_by = hangs
    arriving = [
        asyncio.create_task(authorize(world.browser(), response_mode="jwt", client_id=SEALED.id)) for _ in range(20)
    ]
    await begun.wait()
    released.set()
    assert {answer.status_code for answer in await asyncio.gather(*arriving)} == {400}
    # From now on it is known for half a minute that it does not answer.
    released.clear()
    for _ in range(20):
        assert (await authorize(world.browser(), response_mode="jwt", client_id=SEALED.id)).status_code == 400
    assert asked == 1
    world.clock.pass_by(seconds=30)
    released.set()
    await authorize(world.browser(), response_mode="jwt", client_id=SEALED.id)
    assert asked == 2
