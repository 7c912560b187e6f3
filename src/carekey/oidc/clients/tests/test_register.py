from typing import Any

import pytest

from carekey.kernel.actor import operator
from carekey.kernel.secret import digest
from carekey.oidc.clients.metadata import InvalidMetadata
from carekey.oidc.clients.register import Created, create_client
from carekey.oidc.clients.tests.test_logo import GOOD
from carekey.oidc.tests.world import CALLBACK, NOW, WARD, World, basic

pytestmark = pytest.mark.anyio

METADATA = {"client_name": "Ward 7", "redirect_uris": [CALLBACK]}


async def create(world: World, **changes: Any) -> Created:
    return await create_client(
        world.store,
        {**METADATA, **changes},
        issuer=world.issuer,
        sealing=world.sealing,
        entropy=world.entropy,
        by=operator("sam"),
        now=NOW,
        fetch=_fetch,
    )


async def _fetch(uri: str) -> bytes:
    assert uri == "https://ward.example/logo.png"
    return GOOD


async def test_registration_2_the_logo_is_kept_of_a_third_party_that_an_operator_registers(world: World) -> None:
    for consent, picture in ((True, GOOD), (False, None)):
        made = await create(world, logo_uri="https://ward.example/logo.png", consent=consent)
        assert await world.store.read(lambda tx, made=made: tx.logos.find(world.issuer.name, made.client.id)) == picture


async def test_the_secret_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    created = await create(world)
    assert created.secret is not None
    kept = await world.store.read(lambda tx: tx.clients.find(world.issuer.name, created.client.id))
    assert kept == created.client
    assert kept.secret == digest(created.secret.reveal())
    assert created.secret.reveal() not in repr(created)
    (event,) = await world.events("client:registration:created")
    assert (event.actor.id, event.data["client"]) == ("sam", created.client.id)


async def test_a_client_that_was_just_made_can_get_tokens(world: World) -> None:
    created = await create(world)
    await world.code(client=created.client.id)
    request = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}
    headers = basic(created.client.id, created.secret.reveal())
    assert (await world.token(request, headers=headers)).status_code == 200


async def test_a_secret_for_macs_is_sealed(world: World) -> None:
    created = await create(world, token_endpoint_auth_method="client_secret_jwt")
    assert len(created.secret.reveal()) >= 64
    assert created.secret.reveal().encode() not in created.client.secret


async def test_a_client_with_keys_gets_no_secret(world: World) -> None:
    created = await create(world, token_endpoint_auth_method="private_key_jwt", jwks_uri="https://ward.example/jwks")
    assert created.secret is None


async def test_a_client_may_bring_its_id_from_elsewhere_but_not_a_taken_one(world: World) -> None:
    assert (await create(world, client_id="123456789012.apps.national")).client.id == "123456789012.apps.national"
    before = await world.store.read(lambda tx: tx.clients.find(world.issuer.name, WARD))
    with pytest.raises(InvalidMetadata, match="taken"):
        await create(world, client_id=WARD)
    assert await world.store.read(lambda tx: tx.clients.find(world.issuer.name, WARD)) == before


@pytest.mark.parametrize("id", ["", "a" * 256, "ä", "a\nb", 7])
async def test_an_odd_id_is_refused(world: World, id: Any) -> None:
    with pytest.raises(InvalidMetadata, match="client_id"):
        await create(world, client_id=id)


async def test_nothing_is_registered_of_bad_metadata(world: World) -> None:
    before = len(await world.store.read(lambda tx: tx.clients.list()))
    with pytest.raises(InvalidMetadata):
        await create(world, redirect_uris=["http://ward.example/"])
    assert len(await world.store.read(lambda tx: tx.clients.list())) == before
