"""Rich authorization requests (RFC 9396)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.kernel.ids import ClientId
from carekey.oidc.authorize import authorization_details
from carekey.oidc.authorize.authorization_details import RECORD_ACCESS
from carekey.oidc.authorize.errors import InvalidAuthorizationDetails
from carekey.oidc.authorize.tests.world import authorize, log_in, provider, told, wanted
from carekey.oidc.par.tests.world import KEYED, arrive, proof, push, request_object
from carekey.oidc.tests.apis import EXCHANGE, RECORDS, as_gateway, bought, world_of_apis
from carekey.oidc.tests.world import World, make_world
from carekey.oidc.token.grants.token_exchange import ACCESS_TOKEN

pytestmark = pytest.mark.anyio

DETAIL = {"type": "record_access", "actions": ["read"], "datatypes": ["medication", "allergies"]}
MAY = replace(KEYED, authorization_details_types=("record_access",))
MAY_NOT = replace(KEYED, id=ClientId("may-not"))
THIRD = replace(MAY, id=ClientId("third"), consent=True)


@pytest.fixture
async def world():
    return await provider(MAY, MAY_NOT, THIRD)


@pytest.fixture
def browser(world):
    return world.browser()


def encoded(*details: Any) -> str:
    return json.dumps(details)


async def test_rfc9396_3_they_are_kept_with_the_grant(world, browser):
    answer = await log_in(world, browser, authorization_details=encoded(DETAIL))
    assert (await world.grant(answer)).authorization_details == (DETAIL,)


async def test_rfc9396_3_in_a_pushed_request_object(world, browser):
    text = request_object(world, authorization_details=[DETAIL])
    answer = await push(browser, {"request": text, **proof(world)})
    begun = await arrive(browser, answer.json()["request_uri"])
    answer = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
    assert (await world.grant(answer)).authorization_details == (DETAIL,)


async def test_rfc9396_7_the_token_response_says_what_was_granted():
    world: World = await make_world()
    code = await world.code(authorization_details=(DETAIL,))
    assert (await world.token(world.code_request(code))).json()["authorization_details"] == [DETAIL]
    code = await world.code("code-2")
    assert "authorization_details" not in (await world.token(world.code_request(code))).json()


async def told_of(world: World, token: str) -> Any:
    answer = await as_gateway(world, "/introspect", {"token": token})
    return answer.json().get("authorization_details")


async def test_rfc9396_9_resources_are_told_what_was_granted_by_the_token_or_by_introspection():
    world = await world_of_apis()
    body = await bought(world, authorization_details=(DETAIL,))
    assert (await world.verified(body["access_token"])).claims["authorization_details"] == [DETAIL]
    assert await told_of(world, body["access_token"]) == [DETAIL]
    fields = world.code_request(grant_type=None, code=None, redirect_uri=None, token=body["refresh_token"])
    assert (await world.post("/introspect", fields)).json()["authorization_details"] == [DETAIL]
    other = await bought(world, code="code-2")
    assert "authorization_details" not in (await world.verified(other["access_token"])).claims
    assert await told_of(world, other["access_token"]) is None


async def test_rfc9396_7_a_refresh_says_it_again_whatever_scopes_it_asks_for():
    world = await world_of_apis()
    body = await bought(world, authorization_details=(DETAIL,))
    for scope in (None, "records.read"):
        fields = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], "scope": scope}
        request = world.code_request(code=None, redirect_uri=None, resource=RECORDS, **fields)
        body = (await world.token(request)).json()
        assert body["authorization_details"] == [DETAIL]
        assert await told_of(world, body["access_token"]) == [DETAIL]


async def test_rfc9396_what_is_exchanged_has_no_details():
    """They were granted to the application that asked for them, and for what it does."""
    world = await world_of_apis()
    body = await bought(world, authorization_details=(DETAIL,))
    fields = {"grant_type": EXCHANGE, "subject_token": body["access_token"], "subject_token_type": ACCESS_TOKEN}
    got = (await as_gateway(world, "/access_token", fields)).json()
    assert "authorization_details" not in got
    assert await told_of(world, got["access_token"]) is None


async def test_rfc9396_4_a_third_partys_person_is_told(world, browser):
    await log_in(world, browser, client_id=THIRD.id, authorization_details=encoded(DETAIL))
    assert "parts of patients’ records, to read them: allergies and medication" in browser.page


REFUSALS: dict[str, tuple[str, str]] = {
    "not JSON": ("[", "details_malformed"),
    "an object": (json.dumps(DETAIL), "details_malformed"),
    "texts": ('["record_access"]', "details_malformed"),
    "none": ("[]", "details_malformed"),
    "too many": (encoded(*[DETAIL] * 21), "details_malformed"),
    "no type": (encoded({"actions": ["read"]}), "details_type"),
    "a type that is no text": (encoded({**DETAIL, "type": ["record_access"]}), "details_type"),
    "an unknown type": (encoded({**DETAIL, "type": "payment"}), "details_type"),
    "one good and one not": (encoded(DETAIL, {**DETAIL, "type": "payment"}), "details_type"),
    "an unknown member": (encoded({**DETAIL, "locations": ["https://a.example"]}), "details_members"),
    "a missing member": (encoded({"type": "record_access", "actions": ["read"]}), "details_members"),
    "an unknown value": (encoded({**DETAIL, "actions": ["read", "delete"]}), "details_members"),
    "no value": (encoded({**DETAIL, "actions": []}), "details_members"),
    "a value twice": (encoded({**DETAIL, "actions": ["read", "read"]}), "details_members"),
    "a text for a list": (encoded({**DETAIL, "actions": "read"}), "details_members"),
    "a value of another type": (encoded({**DETAIL, "actions": [["read"]]}), "details_members"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_rfc9396_5_refusals(world, browser, name):
    value, reason = REFUSALS[name]
    answer = told(await authorize(browser, authorization_details=value))
    assert (answer["error"], answer["state"]) == ("invalid_authorization_details", "state-1")
    assert (await world.events())[-1].data["reason"] == reason
    pushed = await push(browser, {**wanted(authorization_details=value), **proof(world)})
    assert (pushed.status_code, pushed.json()["error"]) == (400, "invalid_authorization_details")


async def test_rfc9396_10_a_client_asks_for_the_types_that_it_registered(world, browser):
    answer = told(await authorize(browser, client_id=MAY_NOT.id, authorization_details=encoded(DETAIL)))
    assert answer["error"] == "invalid_authorization_details"
    assert (await world.events())[-1].data["reason"] == "details_type_not_registered"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["read", "medication", "record_access", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "actions", "datatypes", "x"]), inner, max_size=4)
    ),
)


@given(JSON.map(json.dumps) | st.text())
def test_any_details_at_all(value):
    types = {RECORD_ACCESS.name: RECORD_ACCESS}
    try:
        found = authorization_details.read(value, MAY, types)
    except InvalidAuthorizationDetails:
        return
    assert len(authorization_details.words(found, types)) == len(found)
