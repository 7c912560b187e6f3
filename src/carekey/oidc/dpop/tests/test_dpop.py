"""Tokens bound by DPoP, from the code to the resource (RFC 9449)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from carekey.jose.algorithms import ASYMMETRIC
from carekey.oidc.authorize.tests.world import provider, told
from carekey.oidc.authorize.tests.world import wanted as wanted_parameters
from carekey.oidc.clients.metadata import InvalidMetadata, describe, parse
from carekey.oidc.dpop.nonces import PERIOD, Nonces
from carekey.oidc.dpop.tests.proofs import at_userinfo, jkt, proof
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.par.tests import world as par
from carekey.oidc.tests.apis import APPLICATION, EXCHANGE, RECORDS, SCOPES, as_gateway, bought, world_of_apis
from carekey.oidc.tests.world import CHALLENGE as PKCE
from carekey.oidc.tests.world import (
    ISSUER,
    ISSUER_URL,
    NOW,
    TOKEN_URL,
    VERIFIER,
    WARD,
    WARD_CLIENT,
    World,
    make_world,
)

pytestmark = pytest.mark.anyio


async def buy(
    world: World, *, fields: dict[str, Any] | None = None, code: str = "code-1", **changes: Any
) -> dict[str, Any]:
    await world.code(code)
    response = await world.token(world.code_request(code, **(fields or {})), headers={"dpop": proof(world, **changes)})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def userinfo(world: World, token: str, **changes: Any) -> httpx2.Response:
    headers = {"authorization": f"DPoP {token}", "dpop": at_userinfo(world, token, **changes)}
    return await world.get("/userinfo", headers=headers)


@pytest.mark.parametrize("alg", sorted(ASYMMETRIC))
async def test_rfc9449_5_a_token_of_every_algorithm(world: World, alg: str):
    body = await buy(world, alg=alg)
    assert body["token_type"] == "DPoP"
    assert (await userinfo(world, body["access_token"], alg=alg)).json()["sub"]
    (issued,) = await world.events()
    assert issued.data["bound_by"] == ["jkt"]


async def test_a_request_without_a_proof_buys_a_bearer_token(world: World):
    await world.code()
    assert (await world.token(world.code_request())).json()["token_type"] == "Bearer"


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_rfc9449_7_1_the_scheme_in_any_case_by_get_and_post(world: World, scheme: str):
    token = (await buy(world))["access_token"]
    for method in ("GET", "POST"):
        headers = {"authorization": f"{scheme} {token}", "dpop": at_userinfo(world, token, htm=method)}
        async with world.http() as http:
            assert (await http.request(method, f"{ISSUER_URL}/userinfo", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "htu",
    [
        TOKEN_URL,
        TOKEN_URL.replace("https", "HTTPS").replace("am.example", "AM.Example"),
        TOKEN_URL.replace(":443", ":"),
        TOKEN_URL + "?query=1#fragment",
        TOKEN_URL.replace("access_token", "access%5ftoken"),
        TOKEN_URL.replace("/access_token", "/./x/../access_token"),
    ],
)
async def test_rfc9449_4_3_equal_addresses_are_equal(world: World, htu: str):
    assert await buy(world, htu=htu)


@pytest.mark.parametrize("iat", [-59, 0, 0.9, 60])
async def test_rfc9449_11_1_a_clock_may_be_a_minute_wrong(world: World, iat: float):
    assert await buy(world, iat=NOW.timestamp() // 1 + iat)


async def test_rfc9449_4_2_the_header_may_name_the_key(world: World):
    assert await buy(world, header={"kid": "anything"})


async def test_rfc9449_6_1_and_6_2_the_binding_is_told_to_resources():
    world = await world_of_apis()
    await world.code(scopes=SCOPES, resource=RECORDS)
    body = (await world.token(world.code_request(resource=RECORDS), headers={"dpop": proof(world)})).json()
    token = await world.verified(body["access_token"])
    assert token.claims["cnf"] == {"jkt": jkt()}
    seen = (await as_gateway(world, "/introspect", {"token": body["access_token"]})).json()
    assert (seen["active"], seen["token_type"], seen["cnf"]) == (True, "DPoP", {"jkt": jkt()})


async def test_message_signing_5_5_a_message_signing_client_gets_signed_answers_alone():
    world = await world_of_apis()
    await world.save(replace(APPLICATION, profile="fapi2-message-signing", introspection_alg="PS256"))
    signed = {
        "client_assertion_type": par.TYPE,
        "client_assertion": world.assertion(aud=ISSUER_URL, header={"alg": "PS256"}),
    }
    answer = await world.post("/introspect", {"token": "unknown", **signed})
    assert answer.headers["content-type"] == "application/token-introspection+jwt"
    assert (await world.verified(answer.text, "PS256")).claims["token_introspection"] == {"active": False}


async def test_of_a_bearer_token_no_binding_is_told():
    world = await world_of_apis()
    await world.code(scopes=SCOPES, resource=RECORDS)
    body = (await world.token(world.code_request(resource=RECORDS))).json()
    assert "cnf" not in (await world.verified(body["access_token"])).claims
    seen = (await as_gateway(world, "/introspect", {"token": body["access_token"]})).json()
    assert (seen["token_type"], "cnf" in seen) == ("Bearer", False)


@pytest.mark.parametrize("grant_type", ["client_credentials", EXCHANGE])
async def test_rfc9449_5_every_grant_binds(grant_type: str):
    world = await world_of_apis()
    body = await bought(world)  # bound to no key; one that is bound is proven anew (test_token_exchange.py)
    exchange = {
        "subject_token": body["access_token"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": RECORDS,
    }
    fields = world.code_request(
        grant_type=grant_type, code=None, redirect_uri=None, **(exchange if grant_type == EXCHANGE else {})
    )
    told = (await world.token(fields, headers={"dpop": proof(world, by="second")})).json()
    assert told["token_type"] == "DPoP"


class TestRefreshTokens:
    async def test_rfc9449_5_of_a_client_without_credentials_they_are_bound(self, world: World):
        public = replace(
            WARD_CLIENT,
            auth_method=ClientAuthMethod.NONE,
            jwks=None,
            grant_types=("authorization_code", "refresh_token"),
        )
        await world.save(public)
        token = await self.first(world, client_assertion=None, client_assertion_type=None, code_verifier=VERIFIER)
        for headers in ({}, {"dpop": proof(world, by="evil")}):
            refused = await self.refresh(world, token, headers, client_id=WARD)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert await world.reasons() == ["not_the_sender"] * 2
        again = await self.refresh(world, token, {"dpop": proof(world)}, client_id=WARD)
        assert (again.status_code, again.json()["token_type"]) == (200, "DPoP")

    async def test_rfc9449_5_of_a_client_with_credentials_they_are_not(self, world: World):
        """So that it can change its key."""
        await world.save(replace(WARD_CLIENT, grant_types=("authorization_code", "refresh_token")))
        token = await self.first(world)
        proven = {"client_assertion_type": par.TYPE, "client_assertion": world.assertion()}
        again = (await self.refresh(world, token, {"dpop": proof(world, by="second")}, **proven)).json()
        assert (await userinfo(world, again["access_token"], by="second")).status_code == 200
        assert (await userinfo(world, again["access_token"])).status_code == 401

    async def test_fapi2_5_3_2_1_a_refresh_token_stays_as_it_is(self, world: World):
        client = replace(WARD_CLIENT, grant_types=("authorization_code", "refresh_token"))
        await world.save(client)
        token = await self.first(world)
        await world.save(replace(client, profile="fapi2", id_token_alg="RS256"))
        for _ in range(3):
            world.clock.pass_by(minutes=5)
            signed = world.assertion(aud=ISSUER_URL, header={"alg": "PS256"})
            proven = {"client_assertion_type": par.TYPE, "client_assertion": signed}
            answer = await self.refresh(world, token, {"dpop": proof(world)}, **proven)
            assert (answer.status_code, answer.json()["refresh_token"]) == (200, token)

    async def first(self, world: World, **changes: Any) -> str:
        await world.code(code_challenge=PKCE if "code_verifier" in changes else None)
        fields = {name: value for name, value in {**world.code_request(), **changes}.items() if value is not None}
        token: str = (await world.token(fields, headers={"dpop": proof(world)})).json()["refresh_token"]
        return token

    async def refresh(self, world: World, token: str, headers: dict[str, str], **fields: str) -> httpx2.Response:
        return await world.token({"grant_type": "refresh_token", "refresh_token": token, **fields}, headers=headers)


class TestCodes:
    async def bound(self, **changes: Any) -> Any:
        world = await provider(par.KEYED)
        browser = world.browser()
        headers = {"dpop": proof(world, htu=f"{world.issuer.url}/par")} if changes.pop("prove", False) else {}  # type: ignore[arg-type]
        fields = {**wanted_parameters(**changes), **par.proof(world)}
        answer = await par.push(browser, fields, **headers)
        if answer.status_code != 201:
            return answer.json()["error"], (await world.events())[-1].data["reason"]
        begun = await par.arrive(browser, answer.json()["request_uri"])
        ended = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
        assert "code" in told(ended)
        return (await world.grant(ended)).confirmation

    async def test_rfc9449_10_to_the_key_that_the_request_names(self):
        assert await self.bound(dpop_jkt=jkt()) == {"jkt": jkt()}
        assert await self.bound() is None

    async def test_rfc9449_10_1_to_the_key_of_the_proof_that_was_pushed(self):
        assert await self.bound(prove=True) == {"jkt": jkt()}
        assert await self.bound(prove=True, dpop_jkt=jkt()) == {"jkt": jkt()}

    async def test_rfc9449_10_1_both_name_the_same_key(self):
        assert await self.bound(prove=True, dpop_jkt=jkt("other")) == ("invalid_request", "dpop_jkt")

    @pytest.mark.parametrize("value", ["short", "x" * 44, "x" * 42 + "=", "x" * 65])
    async def test_rfc9449_10_a_thumbprint_looks_like_one(self, value: str):
        error, reason = await self.bound(dpop_jkt=value)
        assert (error, reason) in {("invalid_request", "dpop_jkt"), ("invalid_request", "too_large")}


class TestNonces:
    @pytest.fixture
    async def world(self) -> World:
        return await make_world(dpop_nonce=True)

    async def test_rfc9449_8_the_token_endpoint_gives_one_and_then_takes_it(self, world: World):
        await world.code()
        refused = await world.token(world.code_request(), headers={"dpop": proof(world)})
        assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
        nonce = refused.headers["dpop-nonce"]
        good = await world.token(world.code_request(), headers={"dpop": proof(world, nonce=nonce)})
        assert (good.status_code, good.headers["dpop-nonce"]) == (200, nonce)

    async def test_rfc9449_9_userinfo_gives_one_and_then_takes_it(self, world: World):
        token = (await buy(world, nonce=world.nonces.current(NOW)))["access_token"]
        refused = await userinfo(world, token)
        assert (refused.status_code, refused.json()["error"]) == (401, "use_dpop_nonce")
        assert 'DPoP realm="carekey"' in refused.headers["www-authenticate"]
        assert 'error="use_dpop_nonce"' in refused.headers["www-authenticate"]
        assert (await userinfo(world, token, nonce=refused.headers["dpop-nonce"])).status_code == 200

    @pytest.mark.parametrize("nonce", ["", "x", "é", 7, "A" * 43])
    async def test_rfc9449_8_another_nonce_will_not_do(self, world: World, nonce: Any):
        await world.code()
        refused = await world.token(world.code_request(), headers={"dpop": proof(world, nonce=nonce)})
        assert refused.json()["error"] == "use_dpop_nonce"
        assert await world.reasons() == ["dpop_nonce"]

    async def test_rfc9449_8_who_sends_no_proof_is_not_bothered(self, world: World):
        await world.code()
        plain = await world.token(world.code_request())
        assert (plain.status_code, "dpop-nonce" in plain.headers) == (200, False)

    async def test_rfc9449_8_2_the_next_one_comes_in_time(self, world: World):
        first = world.nonces.current(NOW)
        world.clock.pass_by(seconds=PERIOD.total_seconds())
        await world.code()
        answer = await world.token(world.code_request(), headers={"dpop": proof(world, nonce=first)})
        assert (answer.status_code, answer.headers["dpop-nonce"] != first) == (200, True)

    def test_one_is_good_for_its_period_and_the_next(self):
        nonces, other = Nonces(b"a" * 32), Nonces(b"b" * 32)
        begun = NOW - timedelta(seconds=NOW.timestamp() % PERIOD.total_seconds())
        nonce = nonces.current(begun)
        assert nonces.good(nonce, begun + 2 * PERIOD - timedelta(microseconds=1))
        assert not nonces.good(nonce, begun + 2 * PERIOD)
        assert not nonces.good(nonce, begun - timedelta(microseconds=1))
        assert not other.good(nonce, begun)
        assert not nonces.good(None, begun)


async def test_rfc9449_5_1_discovery_names_the_algorithms(world: World):
    listed = (await world.get("/.well-known/openid-configuration")).json()["dpop_signing_alg_values_supported"]
    assert set(listed) == ASYMMETRIC


def test_rfc9449_5_2_the_metadata_comes_back_as_given():
    metadata = {**describe(APPLICATION), "dpop_bound_access_tokens": True}
    metadata = {name: value for name, value in metadata.items() if name != "resources"}
    client = parse(metadata, id=WARD, issuer=ISSUER, now=NOW)
    assert client.dpop_bound_access_tokens
    assert describe(client)["dpop_bound_access_tokens"] is True
    with pytest.raises(InvalidMetadata, match="dpop_bound_access_tokens must be true or false"):
        parse({**metadata, "dpop_bound_access_tokens": "yes"}, id=WARD, issuer=ISSUER, now=NOW)
