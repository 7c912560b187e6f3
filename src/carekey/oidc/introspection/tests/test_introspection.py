from dataclasses import replace
from typing import Any

import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel.ids import ClientId
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.apis import APPLICATION, GATEWAY, RECORDS, as_gateway, bought, world_of_apis
from carekey.oidc.tests.world import ASHA, ASHA_MARLOW, ISSUER_URL, NOW, SECRET, SESSION, WARD, World, basic

pytestmark = pytest.mark.anyio

INACTIVE = {"active": False}


@pytest.fixture
async def world() -> World:
    return await world_of_apis()


async def look(world: World, token: str, **headers: str):
    return await as_gateway(world, "/introspect", {"token": token}, **headers)


async def own_look(world: World, token: str) -> dict[str, Any]:
    fields = world.code_request(grant_type=None, code=None, redirect_uri=None, token=token)
    return (await world.post("/introspect", fields)).json()


async def test_rfc7662_2_2_a_resource_server_is_told_of_a_token_for_it(world: World) -> None:
    body = await bought(world)
    response = await look(world, body["access_token"])
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    told = response.json()
    issued = int(NOW.timestamp())
    assert told.pop("jti")
    assert told == {
        "active": True,
        "token_type": "Bearer",
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


async def test_rfc7662_4_nobody_is_told_of_tokens_that_are_not_for_them(world: World) -> None:
    body = await bought(world, resource=None)
    assert (await look(world, body["access_token"])).json() == INACTIVE
    assert (await look(world, body["refresh_token"])).json() == INACTIVE
    events = await world.events("token:introspection:refused")
    assert [(event.actor.id, event.refusal) for event in events] == [("gateway", True)] * 2
    assert (await own_look(world, body["access_token"]))["active"] is True
    await world.save(replace(GATEWAY, introspect_any=True))
    assert (await look(world, body["access_token"])).json()["sub"] == ASHA
    assert (await look(world, body["refresh_token"])).json() == INACTIVE


async def test_rfc7662_2_1_a_refresh_token_is_its_clients_to_look_into(world: World) -> None:
    body = await bought(world)
    told = await own_look(world, body["refresh_token"])
    assert (told["active"], told["sub"], told["client_id"]) == (True, ASHA, WARD)
    fields = {"grant_type": "refresh_token", "code": None, "redirect_uri": None}
    await world.token(world.code_request(**fields, refresh_token=body["refresh_token"]))
    assert await own_look(world, body["refresh_token"]) == INACTIVE


async def test_rfc7662_2_2_a_refresh_token_that_was_revoked_is_not_active(world: World) -> None:
    body = await bought(world)
    fields = world.code_request(grant_type=None, code=None, redirect_uri=None, token=body["refresh_token"])
    assert (await world.post("/token/revoke", fields)).status_code == 200
    assert await own_look(world, body["refresh_token"]) == INACTIVE


def _suspend(tx) -> None:
    tx.people.put([replace(ASHA_MARLOW, status=PersonStatus.SUSPENDED)])


def _disable(tx) -> None:
    tx.clients.replace(replace(APPLICATION, disabled_at=NOW))


ENDINGS: dict[str, Any] = {
    "expired": (lambda tx: None, 600),
    "logged out": (lambda tx: tx.sessions.end(SESSION, at=NOW), 0),
    "suspended": (_suspend, 0),
    "client disabled": (_disable, 0),
}


@pytest.mark.parametrize("name", list(ENDINGS))
async def test_rfc7662_4_a_token_is_active_only_if_it_is_good_in_every_respect(world: World, name: str) -> None:
    change, seconds = ENDINGS[name]
    body = await bought(world)
    await world.change(change)
    world.clock.pass_by(seconds=seconds)
    assert (await look(world, body["access_token"])).json() == INACTIVE


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 5000, "é", "a.b", "..", "a" * 91])
async def test_rfc7662_2_2_what_is_no_token_is_not_active(world: World, token: str) -> None:
    response = await look(world, token)
    assert (response.status_code, response.json()) == (200, INACTIVE)


async def test_an_id_token_is_no_access_token(world: World) -> None:
    body = await bought(world)
    assert await own_look(world, body["id_token"]) == INACTIVE


REFUSED: dict[str, tuple[dict[str, Any], dict[str, str], int, str, str]] = {
    "nobody": ({"token": "x"}, {}, 401, "invalid_client", "no_client"),
    "wrong secret": ({"token": "x"}, basic("gateway", "wrong"), 401, "invalid_client", "wrong_secret"),
    "an access token instead": ({"token": "x"}, {"authorization": "Bearer x"}, 401, "invalid_client", "malformed_basic"),
    "public client": ({"token": "x", "client_id": "public"}, {}, 401, "invalid_client", "not_for_public_clients"),
    "no token": ({}, basic("gateway", SECRET), 400, "invalid_request", "missing_parameter"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
async def test_rfc7662_2_3_refused_requests(world: World, name: str) -> None:
    fields, headers, status, error, reason = REFUSED[name]
    await world.save(replace(APPLICATION, id=ClientId("public"), auth_method=ClientAuthMethod.NONE, jwks=None))
    response = await world.post("/introspect", fields, headers=headers)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert await world.reasons() == [reason]


@pytest.mark.parametrize("name", ["token", "token_type_hint", "client_id"])
async def test_rfc7662_2_1_no_parameter_comes_twice(world: World, name: str) -> None:
    response = await as_gateway(world, "/introspect", [("token", "x"), (name, "x"), (name, "x")])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_rfc7523_3_an_assertion_works_once_here_and_at_the_token_endpoint(world: World) -> None:
    body = await bought(world)
    assertion = world.assertion(aud=f"{ISSUER_URL}/introspect")
    fields = world.code_request(token=body["access_token"], client_assertion=assertion)
    assert (await world.post("/introspect", fields)).json()["active"] is True
    assert (await world.post("/introspect", fields)).status_code == 401
    await world.code("code-2")
    assert (await world.token(world.code_request("code-2", client_assertion=assertion))).status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_rfc7662_2_1_the_endpoint_takes_posts_alone(world: World, method: str) -> None:
    async with world.http() as http:
        assert (await http.request(method, f"{ISSUER_URL}/introspect?token=x")).status_code == 405


SIGNED = "application/token-introspection+jwt"


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
async def test_rfc9701_5_a_signed_answer_for_whom_asks(world: World, alg: str) -> None:
    await world.save(replace(GATEWAY, introspection_alg=alg))
    body = await bought(world)
    response = await look(world, body["access_token"], accept=SIGNED)
    assert response.headers["content-type"] == SIGNED
    token = await world.verified(response.text, alg)
    assert token.header["typ"] == "token-introspection+jwt"
    plain = (await look(world, body["access_token"])).json()
    assert token.claims == {
        "iss": ISSUER_URL,
        "aud": "gateway",
        "iat": int(NOW.timestamp()),
        "token_introspection": plain,
    }


async def test_rfc9701_5_of_a_token_that_is_not_active_nothing_else_is_said(world: World) -> None:
    response = await look(world, "nonsense", accept=SIGNED)
    assert (await world.verified(response.text)).claims["token_introspection"] == INACTIVE


async def test_rfc9701_8_1_a_signed_answer_is_no_token(world: World) -> None:
    body = await bought(world)
    signed = (await look(world, body["access_token"], accept=SIGNED)).text
    assert (await look(world, signed)).json() == INACTIVE
    assert world.own.id_token(signed) is None


async def test_rfc7662_5_looking_writes_nothing(world: World) -> None:
    body = await bought(world)
    before = len(await world.events())
    await look(world, body["access_token"])
    await look(world, "nonsense")
    assert len(await world.events()) == before
