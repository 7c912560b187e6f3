"""Signed authorization responses (JARM)."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwk, jwt

from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.ids import ClientId
from carekey.oidc.authorize.tests.world import CALLBACK, URL, WARD, authorize, log_in, provider

pytestmark = pytest.mark.anyio

ES256 = replace(WARD, id=ClientId("es256"), response_alg="ES256")


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
