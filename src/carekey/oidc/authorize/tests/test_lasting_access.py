"""What an authorization request can ask for beyond userinfo: an API, and access that lasts."""

from dataclasses import replace

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc.authorize.tests.world import WARD, authorize, log_in, provider, told
from carekey.oidc.model import Resource

pytestmark = pytest.mark.anyio

RECORDS, IMAGES = "https://records.example", "https://images.example"
RESOURCES = {
    RECORDS: Resource(uri=RECORDS, scopes=frozenset({"records.read", "records.write"})),
    IMAGES: Resource(uri=IMAGES, scopes=frozenset({"images.read"})),
}
LASTING = ("authorization_code", "refresh_token")
API = replace(WARD, id=ClientId("api"), resources=frozenset({RECORDS}), grant_types=LASTING)
OFFLINE = replace(API, id=ClientId("offline"), offline_access=True)
THIRD_PARTY = replace(API, id=ClientId("third"), consent=True)
NARROW = replace(API, id=ClientId("narrow"), scopes=frozenset({"profile", "records.read"}))
WANTED = "openid profile offline_access records.read records.write images.read"


@pytest.fixture
async def world():
    return await provider(WARD, API, OFFLINE, THIRD_PARTY, NARROW, resources=RESOURCES)


@pytest.mark.parametrize(
    ("client", "resource", "granted"),
    [
        (API, RECORDS, "openid profile records.read records.write"),
        (API, None, "openid profile"),
        (OFFLINE, RECORDS, "openid profile offline_access records.read records.write"),
        (NARROW, RECORDS, "openid profile records.read"),
        (WARD, None, "openid profile"),
    ],
    ids=["a resource", "no resource", "offline by policy", "registered scopes", "neither"],
)
async def test_rfc8707_2_1_and_core_11_scopes_are_those_of_the_resource_and_of_the_policy(
    world, client, resource, granted
):
    answer = await log_in(world, world.browser(), client_id=client.id, resource=resource, scope=WANTED)
    grant = await world.grant(answer)
    assert grant.scopes == tuple(granted.split())
    assert grant.resource == resource


TARGETS = {
    "unknown": ("&resource=https%3A%2F%2Felsewhere.example", "unknown_resource"),
    "not registered": (f"&resource={IMAGES}", "resource_not_registered"),
    "several": (f"&resource={RECORDS}&resource={IMAGES}", "several_resources"),
}


@pytest.mark.parametrize("name", list(TARGETS))
async def test_rfc8707_2_1_refused_targets_go_back_to_the_application(world, name):
    extra, reason = TARGETS[name]
    answer = told(await authorize(world.browser(), extra, client_id=API.id))
    assert (answer["error"], answer["state"]) == ("invalid_target", "state-1")
    (event,) = await world.events("authorization:request:refused")
    assert event.data["reason"] == reason


async def test_core_11_a_third_party_has_offline_access_by_consent(world):
    browser = world.browser()
    await log_in(world, browser, client_id=THIRD_PARTY.id, resource=RECORDS, scope=WANTED)
    assert "the same information later, while you are not logged in" in browser.page
    assert f"what {RECORDS} lets it see and do in your name" in browser.page
    id = browser.page.split('action="/login/')[1].split("/")[0]
    grant = await world.grant(await browser.post(f"/login/{id}/share", share="yes"))
    assert grant.offline


async def test_rfc9700_4_14_2_a_grant_knows_the_way_to_log_in_that_it_was_bought_with(world):
    grant = await world.grant(await log_in(world, world.browser(), client_id=OFFLINE.id, scope=WANTED))
    session = await world.store.read(lambda tx: tx.sessions.get(grant.session))
    assert grant.credential is not None
    assert grant.credential == session.proof.credential
