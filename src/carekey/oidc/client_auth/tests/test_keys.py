"""Keys of clients that are fetched from a `jwks_uri`."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from carekey.oidc.client_auth.keys import ClientKeys, KeysUnavailable
from carekey.oidc.tests.world import JWKS_URI, NOW, WARD_CLIENT, World, client_key

pytestmark = pytest.mark.anyio

FETCHING = replace(WARD_CLIENT, jwks=None, jwks_uri=JWKS_URI)


def jwks(*kids: str) -> dict[str, Any]:
    return {"keys": [client_key(kid).as_dict(private=False) for kid in kids]}


@pytest.fixture
async def fetching(world: World) -> World:
    await world.save(FETCHING)
    return world


async def attempt(world: World, key: str = "ward-1", **header: Any) -> int:
    code = f"code {world.entropy.bytes(4).hex()}"
    await world.code(code)
    assertion = world.assertion(key=client_key(key), header={"kid": key, **header})
    return (await world.token(world.code_request(code, client_assertion=assertion))).status_code


async def test_keys_are_fetched_once_and_kept_for_ten_minutes(fetching: World) -> None:
    fetching.jwks_answers = [jwks("ward-1")]
    assert [await attempt(fetching) for _ in range(3)] == [200] * 3
    assert fetching.fetched == 1
    fetching.clock.pass_by(minutes=10)
    assert await attempt(fetching) == 200
    assert fetching.fetched == 2


async def test_cis2_2_8_a_client_rotates_its_key_and_the_new_one_is_found(fetching: World) -> None:
    fetching.jwks_answers = [jwks("ward-1"), jwks("ward-1", "ward-2")]
    assert await attempt(fetching) == 200
    fetching.clock.pass_by(seconds=30)
    assert await attempt(fetching, "ward-2") == 200
    assert fetching.fetched == 2


async def test_a_new_key_without_kid_is_found_too(fetching: World) -> None:
    fetching.jwks_answers = [jwks("ward-1"), jwks("ward-2")]
    assert await attempt(fetching) == 200
    fetching.clock.pass_by(seconds=30)
    assert await attempt(fetching, "ward-2", kid=None) == 200


async def test_unknown_keys_do_not_make_us_hammer_a_clients_server(fetching: World) -> None:
    fetching.jwks_answers = [jwks("ward-1")]
    assert await attempt(fetching) == 200
    fetching.clock.pass_by(seconds=29)
    assert [await attempt(fetching, "evil") for _ in range(5)] == [401] * 5
    assert fetching.fetched == 1
    fetching.clock.pass_by(seconds=1)
    assert [await attempt(fetching, "evil") for _ in range(5)] == [401] * 5
    assert fetching.fetched == 2
    assert set(await fetching.reasons()) == {"assertion_unknown_key"}


async def test_a_forged_signature_under_a_known_kid_fetches_nothing(fetching: World) -> None:
    fetching.jwks_answers = [jwks("ward-1")]
    assert await attempt(fetching) == 200
    fetching.clock.pass_by(minutes=1)
    assert await attempt(fetching, "evil", kid="ward-1") == 401
    assert fetching.fetched == 1


async def test_fetches_at_the_same_time_are_one(fetching: World) -> None:
    release = asyncio.Event()

    async def slow(_: str) -> bytes:
        fetching.fetched += 1
        await release.wait()
        return json.dumps(jwks("ward-1")).encode()

    keys = ClientKeys(slow)
    waiting = [asyncio.create_task(keys.of(FETCHING, now=NOW)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    release.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [len(keyset) for keyset in found[1:]] == [1] * 4
    assert fetching.fetched == 1


async def test_a_server_that_is_down_is_no_open_door_and_is_left_in_peace(fetching: World) -> None:
    assert [await attempt(fetching) for _ in range(3)] == [401] * 3
    assert fetching.fetched == 1
    assert set(await fetching.reasons()) == {"keys_unavailable"}
    fetching.clock.pass_by(seconds=30)
    fetching.jwks_answers = [jwks("ward-1")]
    assert await attempt(fetching) == 200


async def test_known_keys_are_used_for_an_hour_while_the_server_is_down(fetching: World) -> None:
    fetching.jwks_answers = [jwks("ward-1")]
    assert await attempt(fetching) == 200
    fetching.jwks_answers = []
    fetching.clock.pass_by(minutes=59)
    assert await attempt(fetching) == 200
    fetching.clock.pass_by(minutes=1)
    assert await attempt(fetching) == 401


@pytest.mark.parametrize("answer", [b"", b"[]", b"<html>", b'{"keys": {}}', b"\xff", b'{"keys": ' + b"[" * 5000])
async def test_an_answer_that_is_no_key_set_is_no_key(fetching: World, answer: bytes) -> None:
    fetching.jwks_answers = [answer]
    assert await attempt(fetching) == 401
    assert await fetching.reasons() == ["keys_unavailable"]


async def test_a_changed_key_by_value_counts_at_once(world: World) -> None:
    assert await attempt(world) == 200
    await world.save(replace(WARD_CLIENT, jwks=jwks("ward-2")))
    assert await attempt(world) == 401
    assert await attempt(world, "ward-2") == 200


async def test_keys_by_value_are_parsed_once(world: World) -> None:
    first = await world.keys.of(WARD_CLIENT, now=NOW)
    copy = replace(WARD_CLIENT, jwks={"keys": list(WARD_CLIENT.jwks["keys"])})
    assert await world.keys.of(copy, now=NOW) is first


async def test_a_client_without_keys_has_none(world: World) -> None:
    nothing = replace(WARD_CLIENT, jwks=None)
    assert len(await world.keys.of(nothing, now=NOW)) == 0
    assert await world.keys.newer(nothing, now=NOW) is None
    with pytest.raises(KeysUnavailable):
        await world.keys.of(replace(WARD_CLIENT, jwks={"keys": 7}), now=NOW)
