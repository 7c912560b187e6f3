"""A JWT as a grant: for the client itself, and by policy for people."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel.ids import ClientId
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.apis import APPLICATION, BEARER, RECORDS, world_of_apis
from carekey.oidc.tests.world import ASHA, ASHA_MARLOW, JWKS_URI, WARD, World, client_key

pytestmark = pytest.mark.anyio

SCOPED = replace(APPLICATION, scopes=frozenset({"openid", "profile", "records.read", "jobs"}))
TRUSTED = replace(SCOPED, assert_people=True)


@pytest.fixture
async def world() -> World:
    world = await world_of_apis()
    await world.save(TRUSTED)
    return world


async def ask(world: World, assertion: str | None, **changes: Any):
    fields = {"grant_type": BEARER, "assertion": assertion, "code": None, "redirect_uri": None, **changes}
    return await world.token(world.code_request(**fields))


async def test_rfc7523_2_1_a_client_for_itself(world: World) -> None:
    await world.save(SCOPED)
    body = (await ask(world, world.assertion(), scope="jobs")).json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert body["scope"] == "jobs"
    assert (await world.userinfo(body["access_token"])).status_code == 403


async def test_rfc7523_2_1_a_client_for_a_person_by_policy(world: World) -> None:
    body = (await ask(world, world.assertion(sub=ASHA), scope="openid profile")).json()
    assert "id_token" not in body
    assert "refresh_token" not in body
    assert (await world.userinfo(body["access_token"])).json()["sub"] == ASHA
    (event,) = await world.events("token:grant:issued")
    assert (event.data["grant_type"], event.data["person"], event.data["session"]) == (BEARER, ASHA, "")


async def test_rfc8707_2_2_for_a_resource_and_nobody_is_said_to_have_logged_in(world: World) -> None:
    body = (await ask(world, world.assertion(sub=ASHA), resource=RECORDS)).json()
    claims = (await world.verified(body["access_token"])).claims
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (ASHA, WARD, "records.read")
    assert not {"acr", "amr", "auth_time", "sid"} & claims.keys()


async def test_rfc7523_2_1_without_the_policy_for_nobody_else(world: World) -> None:
    await world.save(SCOPED)
    response = await ask(world, world.assertion(sub=ASHA))
    assert response.json()["error"] == "invalid_grant"
    assert await world.reasons() == ["assertion_not_allowed"]


async def test_rfc7523_3_keys_that_are_fetched(world: World) -> None:
    await world.save(replace(TRUSTED, jwks=None, jwks_uri=JWKS_URI))
    world.jwks_answers.append({"keys": [client_key().as_dict(private=False)]})
    assert (await ask(world, world.assertion(sub=ASHA))).status_code == 200


async def test_rfc7523_3_an_assertion_works_once_as_a_grant_or_to_authenticate(world: World) -> None:
    assertion = world.assertion(sub=ASHA)
    assert (await ask(world, assertion)).status_code == 200
    assert (await ask(world, assertion)).json()["error"] == "invalid_grant"
    both = world.assertion()
    assert (await ask(world, both, client_assertion=both)).json()["error"] == "invalid_grant"
    assert await world.reasons() == ["assertion_replayed"] * 2


ASSERTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://elsewhere.example"}, "assertion_issuer"),
    "no subject": ({"sub": None}, "assertion_issuer"),
    "a subject of control characters": ({"sub": "a\x01"}, "assertion_issuer"),
    "an endless subject": ({"sub": "a" * 256}, "assertion_issuer"),
    "a number for subject": ({"sub": 7}, "assertion_issuer"),
    "another audience": ({"aud": "https://elsewhere.example"}, "assertion_audience"),
    "expired": ({"exp": 1}, "assertion_expired"),
    "no exp": ({"exp": None}, "assertion_expired"),
    "too long": ({"exp": 9_999_999_999}, "assertion_too_long"),
    "no jti": ({"jti": None}, "assertion_jti"),
    "another key": ({"key": client_key("other")}, "assertion_signature"),
    "an unknown kid": ({"header": {"kid": "other"}}, "assertion_unknown_key"),
    "another typ": ({"header": {"typ": "at+jwt"}}, "assertion_typ"),
    "a person that is not there": ({"sub": "555099999999"}, "person_not_active"),
}


@pytest.mark.parametrize("name", list(ASSERTIONS))
async def test_rfc7523_3_1_refused_assertions_are_an_invalid_grant(world: World, name: str) -> None:
    changes, reason = ASSERTIONS[name]
    response = await ask(world, world.assertion(**{"sub": ASHA, **changes}))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert await world.reasons() == [reason]


@pytest.mark.parametrize(
    ("assertion", "error", "reason"),
    [
        (None, "invalid_request", "missing_parameter"),
        ("nonsense", "invalid_grant", "assertion_malformed"),
        ("a.b.c", "invalid_grant", "assertion_malformed"),
        ("x" * 20_000, "invalid_grant", "too_large"),
    ],
)
async def test_rfc7523_2_1_what_is_no_assertion(world: World, assertion: str | None, error: str, reason: str) -> None:
    assert (await ask(world, assertion)).json()["error"] == error
    assert await world.reasons() == [reason]


async def test_rfc7523_3_an_assertion_is_signed_as_the_client_registered(world: World) -> None:
    await world.save(replace(TRUSTED, auth_signing_alg="RS256"))
    right = {"header": {"alg": "RS256"}}
    assert (await ask(world, world.assertion(**right), client_assertion=world.assertion(**right))).status_code == 200
    answer = await ask(world, world.assertion(header={"alg": "RS512"}), client_assertion=world.assertion(**right))
    assert answer.json()["error"] == "invalid_grant"
    assert await world.reasons() == ["assertion_alg"]


async def test_a_suspended_person_cannot_be_spoken_for(world: World) -> None:
    await world.change(lambda tx: tx.people.put([replace(ASHA_MARLOW, status=PersonStatus.SUSPENDED)]))
    assert (await ask(world, world.assertion(sub=ASHA))).json()["error"] == "invalid_grant"


async def test_rfc7523_2_1_scopes_are_those_registered_by_name(world: World) -> None:
    await world.save(replace(TRUSTED, scopes=None))
    assert (await ask(world, world.assertion(sub=ASHA), scope="openid")).json()["error"] == "invalid_scope"


async def test_a_public_client_asserts_nothing(world: World) -> None:
    await world.save(replace(TRUSTED, id=ClientId("public"), auth_method=ClientAuthMethod.NONE))
    fields = {"grant_type": BEARER, "client_id": "public", "assertion": world.assertion(iss="public", sub=ASHA)}
    assert (await world.token(fields)).json()["error"] == "unauthorized_client"
