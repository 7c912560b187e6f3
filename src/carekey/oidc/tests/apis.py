"""Two APIs and the clients around them, for tests of tokens that are for somebody in particular."""

from dataclasses import replace
from typing import Any

from carekey.kernel.ids import ClientId
from carekey.kernel.secret import digest
from carekey.oidc.model import ActingAs, ClientAuthMethod, Resource
from carekey.oidc.tests.world import SECRET, WARD, WARD_CLIENT, World, basic, make_world
from carekey.storage.store import Store

RECORDS, IMAGES = "https://records.example", "https://images.example/api"
RESOURCES = {
    RECORDS: Resource(uri=RECORDS, scopes=frozenset({"records.read", "records.write"}), jwt=True),
    IMAGES: Resource(uri=IMAGES, scopes=frozenset({"images.read"})),
}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

APPLICATION = replace(
    WARD_CLIENT,
    grant_types=("authorization_code", "refresh_token", "client_credentials", EXCHANGE, BEARER),
    resources=frozenset(RESOURCES),
)
GATEWAY = replace(
    APPLICATION,
    id=ClientId("gateway"),
    auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC,
    secret=digest(SECRET),
    jwks=None,
    resources=frozenset({IMAGES}),
    serves=frozenset({RECORDS}),
    scopes=frozenset({"images.read", "jobs"}),
    exchange_from={WARD: ActingAs.DELEGATION},
)
SCOPES = ("openid", "profile", "selectedrole", "records.read", "images.read")


async def world_of_apis(store: Store | None = None) -> World:
    world = await make_world(store, resources=RESOURCES)
    await world.save(APPLICATION, GATEWAY)
    return world


async def bought(world: World, *, code: str = "code-1", resource: str | None = RECORDS, **grant: Any) -> dict[str, Any]:
    """What the application gets for a code that names the records API, asking for a token for `resource`."""
    await world.code(code, **{"scopes": SCOPES, "resource": RECORDS, **grant})
    response = await world.token(world.code_request(code, resource=resource))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def as_gateway(world: World, path: str, fields: Any, **headers: str):
    return await world.post(path, fields, headers={**basic("gateway", SECRET), **headers})
