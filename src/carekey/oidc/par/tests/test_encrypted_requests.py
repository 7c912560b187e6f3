"""Request objects that are encrypted to us (RFC 9101 section 6.1)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey, import_key

from carekey.jose.encryption import ALGS
from carekey.oidc.authorize.tests.world import AUTHORIZE, Provider, provider
from carekey.oidc.par.tests.world import KEYED, proof, push, request_object

pytestmark = pytest.mark.anyio


async def sealed(world: Provider, text: str, alg: str = "RSA-OAEP-256", key: Any = None, **header: Any) -> str:
    await world.decrypter.refresh(world.clock.now())
    kty = "RSA" if alg.startswith("RSA") else "EC"
    keys = json.loads(world.decrypter.jwks())["keys"]
    ours = next(one for one in keys if one["use"] == "enc" and one["kty"] == kty)
    header = {"alg": alg, "enc": "A128CBC-HS256", "kid": ours["kid"], "cty": "JWT", **header}
    registry = jwe.JWERegistry(algorithms=[alg, "A128CBC-HS256", "DEF"])
    return jwe.encrypt_compact(header, text, key or import_key(ours), registry=registry)


async def answer_to(world: Provider, text: str) -> Any:
    return await push(world.browser(), {"request": text, "client_id": KEYED.id, **proof(world)})


@pytest.mark.parametrize("alg", ALGS)
async def test_rfc9101_6_1_an_encrypted_object_is_opened_and_its_signature_checked(alg: str) -> None:
    world = await provider(KEYED, encrypted_requests=True)
    answer = await answer_to(world, await sealed(world, request_object(world), alg))
    assert answer.status_code == 201, answer.text


async def test_rfc9101_6_1_an_encrypted_object_is_fetched_from_its_address() -> None:
    address = "https://ward.example/request.jwt"
    world = await provider(replace(KEYED, request_uris=(address,)), encrypted_requests=True)
    world.published[address] = (await sealed(world, request_object(world))).encode()
    answer = await world.browser().http.get(AUTHORIZE, params={"client_id": KEYED.id, "request_uri": address})
    assert answer.status_code == 303
    assert "error" not in answer.headers["location"]


async def test_rfc9101_6_1_refusals() -> None:
    world = await provider(KEYED, encrypted_requests=True)
    good = request_object(world)
    for text in (
        await sealed(world, json.dumps({"client_id": KEYED.id})),  # encrypted alone: anybody could have
        await sealed(world, good, key=RSAKey.generate_key(2048)),
        await sealed(world, good, kid="other"),
        await sealed(world, "0" * 9000, zip="DEF"),
        await sealed(world, await sealed(world, good)),
        (await sealed(world, good))[:-4] + "AAAA",
        "....",
    ):
        answer = await answer_to(world, text)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request_object")


async def test_rfc9101_6_1_where_no_keys_are_published_an_encrypted_object_is_refused() -> None:
    world = await provider(KEYED)
    answer = await answer_to(world, await sealed(world, request_object(world)))
    assert answer.json()["error"] == "invalid_request_object"
