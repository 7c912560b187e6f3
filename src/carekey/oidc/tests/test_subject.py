"""What a client calls a person, and what it is told encrypted: the same everywhere."""

import json
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, RSAKey

from carekey.jose.encryption import ALGS, ENCS
from carekey.kernel.ids import ClientId, PersonId
from carekey.kernel.secret import digest
from carekey.oidc import subject
from carekey.oidc.logout import logout_token
from carekey.oidc.model import Client, ClientAuthMethod, Encryption
from carekey.oidc.tests.world import ASHA, CALLBACK, ISSUER, NOW, SECRET, SESSION, WARD_CLIENT, World, basic, make_world
from carekey.sessions.model import LogoutDelivery

pytestmark = pytest.mark.anyio

ISSUER_WITH_KEY = replace(ISSUER, pairwise_key=b"p" * 64)
KEYS = {"rsa": RSAKey.generate_key(2048), "ec": ECKey.generate_key("P-256")}
JWKS = {"keys": [{**key.as_dict(private=False), "use": "enc", "kid": kid} for kid, key in KEYS.items()]}
PLAIN = replace(
    WARD_CLIENT,
    id=ClientId("plain"),
    auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC,
    secret=digest(SECRET),
    jwks=JWKS,
    grant_types=("authorization_code", "refresh_token"),
    offline_access=True,
)
PAIRED = replace(PLAIN, id=ClientId("paired"), sector="ward.example")


async def world_of(*clients: Client, **issuer: Any) -> World:
    world = await make_world(pairwise_key=b"p" * 64, **issuer)
    await world.store.write(lambda tx: [tx.clients.add(client) for client in clients])
    return world


async def tokens(world: World, client: Client, code: str = "code-1", **changes: Any) -> dict[str, Any]:
    await world.code(code, client=client.id, **changes)
    request = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    answer = await world.token(request, headers=basic(client.id, SECRET))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def claims(token: str) -> dict[str, Any]:
    return dict(json.loads(jws.extract_compact(token.encode()).payload))


def opened(token: str, alg: str, enc: str) -> str:
    key = KEYS["rsa" if alg.startswith("RSA") else "ec"]
    found = jwe.decrypt_compact(token, key, algorithms=[alg, enc])
    assert found.protected["alg"] == alg
    assert found.plaintext is not None
    return found.plaintext.decode()


def test_core_8_1_a_subject_is_stable_within_a_sector_and_another_one_outside() -> None:
    same = replace(PAIRED, id=ClientId("second"))
    other = replace(PAIRED, sector="other.example")
    elsewhere = replace(ISSUER_WITH_KEY, name=ISSUER.name + "2")  # type: ignore[arg-type]
    sub = subject.of(ASHA, PAIRED, ISSUER_WITH_KEY)
    assert subject.of(ASHA, same, ISSUER_WITH_KEY) == sub
    others = [
        subject.of(ASHA, other, ISSUER_WITH_KEY),
        subject.of(ASHA, PAIRED, elsewhere),
        subject.of(PersonId("555012345679"), PAIRED, ISSUER_WITH_KEY),
        ASHA,
    ]
    assert sub not in others
    assert len(set(others)) == 4
    assert len(sub) <= 255


def test_core_8_1_only_the_sector_can_mean_somebody_by_it() -> None:
    sub = subject.of(ASHA, PAIRED, ISSUER_WITH_KEY)
    other = replace(PAIRED, sector="other.example")
    assert subject.person(sub, PAIRED, ISSUER_WITH_KEY) == ASHA
    assert subject.person(sub, other, ISSUER_WITH_KEY) == subject.NOBODY
    for odd in (ASHA, "", "é", sub[:-1], sub + "A", "\ud800"):
        assert subject.person(odd, PAIRED, ISSUER_WITH_KEY) == subject.NOBODY


async def test_core_8_1_the_subject_is_the_same_wherever_the_client_is_told_of_the_person() -> None:
    world = await world_of(PAIRED)
    got = await tokens(world, PAIRED)
    sub = subject.of(ASHA, PAIRED, world.issuer)
    headers = basic(PAIRED.id, SECRET)
    seen = [
        (await world.post("/introspect", {"token": got[name]}, headers=headers)).json()["sub"]
        for name in ("access_token", "refresh_token")
        if name in got
    ]
    delivery = LogoutDelivery(
        session=SESSION, client=PAIRED.id, issuer=ISSUER.name, person=ASHA, queued_at=NOW, due_at=NOW
    )
    told = logout_token.claims(
        delivery,
        sub=subject.of(delivery.person, PAIRED, world.issuer),
        issuer=world.issuer,
        jti="j",
        issued_at=NOW,
    )
    assert {claims(got["id_token"])["sub"], (await world.userinfo(got["access_token"])).json()["sub"], *seen} == {sub}
    assert told["sub"] == sub != ASHA


@pytest.mark.parametrize("enc", ENCS)
@pytest.mark.parametrize("alg", ALGS)
async def test_core_10_2_an_id_token_is_signed_and_then_encrypted(alg: str, enc: str) -> None:
    client = replace(PLAIN, id_token_encryption=Encryption(alg=alg, enc=enc))
    world = await world_of(client)
    inner = opened((await tokens(world, client))["id_token"], alg, enc)
    assert claims(inner)["sub"] == ASHA


@pytest.mark.parametrize("signed", [None, "RS256"])
async def test_core_5_3_2_userinfo_is_encrypted_signed_or_not(signed: str | None) -> None:
    alg, enc = "ECDH-ES", "A128GCM"
    client = replace(PLAIN, userinfo_alg=signed, userinfo_encryption=Encryption(alg=alg, enc=enc))
    world = await world_of(client)
    answer = await world.userinfo((await tokens(world, client))["access_token"])
    assert answer.headers["content-type"] == "application/jwt"
    inner = opened(answer.text, alg, enc)
    assert (claims(inner) if signed else json.loads(inner))["sub"] == ASHA


async def test_rfc9701_6_an_introspection_answer_is_encrypted() -> None:
    alg, enc = "RSA-OAEP-256", "A256GCM"
    client = replace(PLAIN, introspection_encryption=Encryption(alg=alg, enc=enc))
    world = await world_of(client)
    access = (await tokens(world, client))["access_token"]
    headers = {**basic(client.id, SECRET), "accept": "application/token-introspection+jwt"}
    answer = await world.post("/introspect", {"token": access}, headers=headers)
    assert claims(opened(answer.text, alg, enc))["token_introspection"]["active"] is True


async def test_without_a_key_to_encrypt_to_nothing_is_told_and_nothing_is_spent() -> None:
    wanted = Encryption(alg="RSA-OAEP-256", enc="A256GCM")
    client = replace(PLAIN, jwks={"keys": []}, id_token_encryption=wanted)
    world = await world_of(client)
    await world.code(client=client.id)
    request = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}
    answer = await world.token(request, headers=basic(client.id, SECRET))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["no_encryption_key"]
    await world.store.write(lambda tx: tx.clients.replace(replace(client, jwks=JWKS)))
    assert (await world.token(request, headers=basic(client.id, SECRET))).status_code == 200


async def test_discovery_says_how_request_objects_can_be_encrypted_if_there_are_keys_for_it() -> None:
    for offered in (False, True):
        world = await world_of(encrypted_requests=offered)
        told = (await world.get("/.well-known/openid-configuration")).json()
        keys = (await world.get("/connect/jwk_uri")).json()["keys"]
        assert ("request_object_encryption_alg_values_supported" in told) is offered
        assert any(key["use"] == "enc" for key in keys) is offered
        assert all(key.keys().isdisjoint({"d", "p", "q"}) for key in keys)
