import asyncio
from dataclasses import replace
from typing import Any

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.apis import APPLICATION, as_gateway, bought, world_of_apis
from carekey.oidc.tests.world import ASHA, ISSUER_URL, SECRET, WARD, World, basic
from carekey.storage.store import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(store: Store) -> World:
    return await world_of_apis(store)


async def revoke(world: World, token: str | None, **fields: Any):
    request = world.code_request(grant_type=None, code=None, redirect_uri=None, token=token, **fields)
    return await world.post("/token/revoke", request)


async def refreshed(world: World, token: str):
    fields = {"grant_type": "refresh_token", "code": None, "redirect_uri": None}
    return await world.token(world.code_request(**fields, refresh_token=token))


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "something_else"])
async def test_rfc7009_2_1_an_access_token_whatever_the_hint(world: World, hint: str | None) -> None:
    body = await bought(world, resource=None)
    response = await revoke(world, body["access_token"], token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert (await world.userinfo(body["access_token"])).status_code == 401
    assert (await refreshed(world, body["refresh_token"])).status_code == 200
    (event,) = await world.events("token:token:revoked")
    assert (event.actor.id, event.data["kind"], event.data["person"]) == (WARD, "access_token", ASHA)


async def test_rfc7009_2_1_with_a_refresh_token_goes_all_that_it_bought(world: World) -> None:
    body = await bought(world, resource=None)
    second = (await refreshed(world, body["refresh_token"])).json()
    assert (await revoke(world, second["refresh_token"])).status_code == 200
    for tokens in (body, second):
        assert (await world.userinfo(tokens["access_token"])).status_code == 401
    assert (await refreshed(world, second["refresh_token"])).status_code == 400
    (event,) = await world.events("token:token:revoked")
    assert (event.data["kind"], event.data["revoked"]) == ("refresh_token", 2)


async def test_a_used_refresh_token_revokes_its_family_too(world: World) -> None:
    body = await bought(world)
    second = (await refreshed(world, body["refresh_token"])).json()
    await revoke(world, body["refresh_token"])
    assert (await refreshed(world, second["refresh_token"])).status_code == 400
    assert await world.events("token:refresh:replayed") == []


async def test_a_jwt_is_revoked_for_whoever_introspects_it(world: World) -> None:
    body = await bought(world)
    await revoke(world, body["access_token"])
    assert (await as_gateway(world, "/introspect", {"token": body["access_token"]})).json() == {"active": False}


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "é", "a" * 91, "x" * 9000])
async def test_rfc7009_2_2_what_is_no_token_is_revoked_already(world: World, token: str) -> None:
    assert (await revoke(world, token)).status_code == 200
    assert await world.events() == []


async def test_rfc7009_2_2_revoking_twice_is_revoking_once(world: World) -> None:
    body = await bought(world)
    for kind in ("access_token", "refresh_token"):
        for _ in range(2):
            assert (await revoke(world, body[kind])).status_code == 200
    assert len(await world.events("token:token:revoked")) == 2


async def test_of_many_who_revoke_at_once_one_is_on_record(world: World) -> None:
    body = await bought(world)
    responses = await asyncio.gather(*(revoke(world, body["refresh_token"]) for _ in range(8)))
    assert {response.status_code for response in responses} == {200}
    assert len(await world.events("token:token:revoked")) == 1


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_rfc7009_2_1_another_clients_token_is_refused_and_stays(world: World, kind: str) -> None:
    body = await bought(world, resource=None)
    response = await as_gateway(world, "/token/revoke", {"token": body[kind]})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert (await world.userinfo(body["access_token"])).status_code == 200
    assert (await refreshed(world, body["refresh_token"])).status_code == 200
    (event,) = await world.events("token:token:revocation-refused")
    assert (event.actor.id, event.data["reason"]) == ("gateway", "token_of_another_client")


async def test_rfc7009_2_1_a_public_client_says_who_it_is(world: World) -> None:
    await world.save(replace(APPLICATION, id=ClientId("public"), auth_method=ClientAuthMethod.NONE, jwks=None))
    body = await bought(world)
    mine = await world.post("/token/revoke", {"token": "x", "client_id": "public"})
    assert mine.status_code == 200
    theirs = await world.post("/token/revoke", {"token": body["refresh_token"], "client_id": "public"})
    assert theirs.json()["error"] == "invalid_grant"


REFUSED: dict[str, tuple[dict[str, Any], dict[str, str], int, str, str]] = {
    "nobody": ({"token": "x"}, {}, 401, "invalid_client", "no_client"),
    "wrong secret": ({"token": "x"}, basic("gateway", "wrong"), 401, "invalid_client", "wrong_secret"),
    "no token": ({}, basic("gateway", SECRET), 400, "invalid_request", "missing_parameter"),
    "empty token": ({"token": ""}, basic("gateway", SECRET), 400, "invalid_request", "missing_parameter"),
}


@pytest.mark.parametrize("name", list(REFUSED))
async def test_rfc7009_2_2_1_refused_requests(world: World, name: str) -> None:
    fields, headers, status, error, reason = REFUSED[name]
    response = await world.post("/token/revoke", fields, headers=headers)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert await world.reasons() == [reason]


async def test_rfc7523_3_an_assertion_is_used_up_by_a_refused_revocation(world: World) -> None:
    assertion = world.assertion()
    assert (await revoke(world, None, client_assertion=assertion)).status_code == 400
    assert (await revoke(world, "x", client_assertion=assertion)).status_code == 401


async def test_rfc7009_2_1_the_endpoint_takes_posts_alone(world: World) -> None:
    async with world.http() as http:
        assert (await http.get(f"{ISSUER_URL}/token/revoke?token=x")).status_code == 405
