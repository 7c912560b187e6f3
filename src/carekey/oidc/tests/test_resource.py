"""Tokens for one API: RFC 8707, and RFC 9068 for those that verify by themselves."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.jose import base64url
from carekey.jose.algorithms import left_half_digest
from carekey.kernel.secret import digest
from carekey.oidc.tests.apis import APPLICATION, IMAGES, RECORDS, bought, world_of_apis
from carekey.oidc.tests.world import ASHA, ISSUER_URL, NOW, SESSION, WARD, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world() -> World:
    return await world_of_apis()


async def test_rfc9068_2_a_token_for_a_resource_that_verifies_by_itself(world: World) -> None:
    body = await bought(world)
    assert body["scope"] == "records.read"
    assert body["expires_in"] == 599
    token = await world.verified(body["access_token"])
    issued = int(NOW.timestamp())
    jti = token.claims.pop("jti")
    assert token.header["typ"] == "at+jwt"
    assert token.claims == {
        "iss": ISSUER_URL,
        "sub": ASHA,
        "aud": RECORDS,
        "client_id": WARD,
        "iat": issued,
        "exp": issued + 600,
        "scope": "records.read",
        "sid": SESSION,
        "selected_roleid": "555023456789",
        "auth_time": issued - 5,
        "acr": "AAL3_ANY",
        "amr": ["FIDO2"],
        "authentication_assurance_level": "3",
        "id_assurance_level": "3",
    }
    assert await world.store.read(lambda tx: tx.access_tokens.find(digest(jti))) is None


async def test_rfc9068_5_a_jwt_is_good_for_its_resource_alone(world: World) -> None:
    body = await bought(world)
    assert (await world.userinfo(body["access_token"])).status_code == 401
    assert (await world.reasons())[-1] == "unknown_token"


async def test_core_3_1_3_6_the_id_token_has_the_hash_of_the_token_as_presented(world: World) -> None:
    body = await bought(world)
    half = base64url.encode(left_half_digest("RS256", body["access_token"])).decode()
    assert (await world.verified(body["id_token"])).claims["at_hash"] == half


async def test_rfc8707_2_2_without_a_resource_the_token_is_for_userinfo_as_ever(world: World) -> None:
    body = await bought(world, resource=None)
    assert "." not in body["access_token"]
    assert (await world.userinfo(body["access_token"])).json()["sub"] == ASHA


async def test_rfc8707_2_2_each_refresh_may_be_for_the_resource_or_not(world: World) -> None:
    first = await bought(world, resource=None)
    fields = {"code": None, "redirect_uri": None, "grant_type": "refresh_token"}
    second = (
        await world.token(world.code_request(**fields, refresh_token=first["refresh_token"], resource=RECORDS))
    ).json()
    assert (await world.verified(second["access_token"])).claims["aud"] == RECORDS
    third = (await world.token(world.code_request(**fields, refresh_token=second["refresh_token"]))).json()
    assert (await world.userinfo(third["access_token"])).status_code == 200


async def test_a_resource_that_introspects_gets_opaque_tokens(world: World) -> None:
    await world.code(resource=IMAGES, scopes=("openid", "images.read"))
    body = (await world.token(world.code_request(resource=IMAGES))).json()
    assert "." not in body["access_token"]
    assert body["scope"] == "images.read"
    assert (await world.userinfo(body["access_token"])).status_code == 401
    assert (await world.reasons())[-1] == "token_for_another_audience"


TARGETS: dict[str, tuple[Any, str]] = {
    "unknown": ([("resource", "https://elsewhere.example")], "unknown_resource"),
    "with a slash more": ([("resource", f"{RECORDS}/")], "unknown_resource"),
    "not granted": ([("resource", IMAGES)], "resource_not_granted"),
    "several": ([("resource", RECORDS), ("resource", IMAGES)], "several_resources"),
    "the same twice": ([("resource", RECORDS), ("resource", RECORDS)], "several_resources"),
}


@pytest.mark.parametrize("name", list(TARGETS))
async def test_rfc8707_2_2_refused_targets(world: World, name: str) -> None:
    more, reason = TARGETS[name]
    await world.code(resource=RECORDS)
    response = await world.token([*world.code_request().items(), *more])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")
    assert await world.reasons() == [reason]
    assert (await world.token(world.code_request(resource=RECORDS))).status_code == 200


async def test_rfc8707_2_2_a_registration_that_is_taken_back_counts_at_once(world: World) -> None:
    await world.code(resource=RECORDS)
    await world.save(replace(APPLICATION, resources=frozenset()))
    assert (await world.token(world.code_request(resource=RECORDS))).json()["error"] == "invalid_target"
    assert await world.reasons() == ["resource_not_registered"]


async def test_rfc9068_2_2_a_client_on_its_own_behalf_is_the_subject(world: World) -> None:
    await world.save(replace(APPLICATION, scopes=frozenset({"records.write", "jobs"})))
    request = world.code_request(grant_type="client_credentials", code=None, redirect_uri=None, resource=RECORDS)
    body = (await world.token(request)).json()
    claims = (await world.verified(body["access_token"])).claims
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (WARD, WARD, "records.write")
    assert not {"auth_time", "acr", "amr", "sid"} & claims.keys()
    too_much = world.code_request(grant_type="client_credentials", resource=RECORDS, scope="jobs")
    assert (await world.token(too_much)).json()["error"] == "invalid_scope"


async def test_rfc8725_3_11_an_access_token_is_no_id_token_hint(world: World) -> None:
    body = await bought(world)
    assert world.own.id_token(body["access_token"]) is None
    assert world.own.id_token(body["id_token"]) is not None
    assert world.own.access(body["id_token"]) is None
    assert world.own.access(body["access_token"]) is not None
