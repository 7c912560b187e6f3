import asyncio
import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from joserfc import jwk, jwt
from joserfc.errors import SecurityWarning

from carekey.jose import base64url
from carekey.jose.algorithms import SIGNING
from carekey.jose.jwt import Flaw, InvalidJwt
from carekey.jose.keyring import Rotation
from carekey.jose.model import KeyState
from carekey.jose.sealing import Sealing
from carekey.jose.signer import KeyUnusable, Signer
from carekey.jose.tests.conftest import NOW, CountingEntropy
from carekey.kernel.actor import operator
from carekey.kernel.ids import IssuerName
from carekey.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio

ISSUER = IssuerName("healthcare")
DAY = timedelta(days=1)


@pytest.fixture
def signer(store: MemoryStore, sealing: Sealing) -> Signer:
    return Signer(issuer=ISSUER, store=store, sealing=sealing)


def published(signer: Signer) -> dict[str, dict[str, str]]:
    return {key["kid"]: key for key in json.loads(signer.jwks())["keys"]}


def header(token: str) -> dict[str, str]:
    return json.loads(base64url.decode(token.split(".", maxsplit=1)[0].encode()))


@pytest.mark.parametrize("alg", list(SIGNING))
async def test_an_independent_library_verifies_what_we_sign(signer: Signer, alg: str) -> None:
    await signer.refresh(NOW, alg=alg)
    token = signer.sign({"sub": "555012345678", "name": "Åsa"}, alg=alg)
    keys = jwk.KeySet.import_key_set(json.loads(signer.jwks()))
    # The library warns that RFC 9864 gave EdDSA on this curve a name of its own.
    with pytest.warns(SecurityWarning) if alg == "EdDSA" else nullcontext():
        verified = jwt.decode(token, keys, algorithms=[alg])
    assert verified.claims == {"sub": "555012345678", "name": "Åsa"}
    assert signer.verify(token) == verified.claims


async def test_cis2_2_10_the_header_has_typ_kid_and_alg(signer: Signer) -> None:
    await signer.refresh(NOW)
    (kid,) = published(signer)
    assert header(signer.sign({})) == {"typ": "JWT", "kid": kid, "alg": "RS256"}
    assert header(signer.sign({}, typ="logout+jwt"))["typ"] == "logout+jwt"


async def test_cis2_2_17_every_published_key_has_use_kid_and_alg_and_nothing_private(signer: Signer) -> None:
    for alg in SIGNING:
        await signer.refresh(NOW, alg=alg)
    keys = published(signer)
    assert sorted(key["alg"] for key in keys.values()) == sorted(SIGNING)
    for kid, key in keys.items():
        assert key["use"] == "sig"
        assert key["kid"] == kid
        assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()


async def test_private_keys_are_sealed_in_the_store(signer: Signer, store: MemoryStore) -> None:
    await signer.refresh(NOW)
    (kept,) = await store.read(lambda tx: tx.keys.list(ISSUER))
    assert b"RSA" not in kept.sealed
    assert kept.sealed[0] == 1
    with pytest.raises(KeyUnusable, match="master key"):
        await Signer(issuer=ISSUER, store=store, sealing=Sealing(b"x" * 32, entropy=CountingEntropy())).refresh(NOW)


async def test_the_self_test_finds_a_key_that_is_filed_under_a_wrong_algorithm(
    signer: Signer, store: MemoryStore, sealing: Sealing
) -> None:
    await signer.refresh(NOW, alg="ES256")
    kept = next(key for key in await store.read(lambda tx: tx.keys.list(ISSUER)) if key.alg == "ES256")

    def spoil(tx) -> None:
        tx.keys.remove(kept.id)
        tx.keys.add(replace(kept, alg="PS256"))

    await store.write(spoil)
    with pytest.raises(KeyUnusable, match="does not verify"):
        await Signer(issuer=ISSUER, store=store, sealing=sealing).refresh(NOW)


async def test_a_key_is_published_before_use_and_after(signer: Signer) -> None:
    await signer.refresh(NOW)
    (first,) = published(signer)
    early = signer.sign({})
    ahead = NOW + 84 * DAY
    await signer.refresh(ahead)
    assert len(published(signer)) == 2
    assert header(signer.sign({}))["kid"] == first

    in_use = ahead + 7 * DAY
    await signer.refresh(in_use)
    second = header(signer.sign({}))["kid"]
    assert second != first
    assert set(published(signer)) == {first, second}
    assert next(iter(published(signer))) == second
    signer.verify(early)

    await signer.refresh(in_use + 2 * DAY)
    assert set(published(signer)) == {second}
    with pytest.raises(InvalidJwt) as refused:
        signer.verify(early)
    assert refused.value.flaw is Flaw.UNKNOWN_KEY


async def test_another_nodes_rotation_is_noticed_within_a_minute(
    signer: Signer, store: MemoryStore, sealing: Sealing
) -> None:
    other = Signer(issuer=ISSUER, store=store, sealing=sealing)
    await signer.refresh(NOW)
    await other.refresh(NOW)
    await other.rotate(NOW, at_once=True, by=operator("sam"))
    await signer.refresh(NOW + timedelta(seconds=59))
    assert signer.jwks() != other.jwks()
    assert other.verify(signer.sign({"n": 1})) == {"n": 1}
    await signer.refresh(NOW + timedelta(seconds=60))
    assert signer.jwks() == other.jwks()


async def test_of_nodes_that_begin_or_rotate_at_once_one_wins(store: MemoryStore, sealing: Sealing) -> None:
    nodes = [
        Signer(issuer=ISSUER, store=store, sealing=sealing, rotation=Rotation(publish_ahead=timedelta(0)))
        for _ in range(4)
    ]
    await asyncio.gather(*(node.refresh(NOW) for node in nodes))
    assert len({node.jwks() for node in nodes}) == 1
    later = NOW + 90 * DAY
    await asyncio.gather(*(node.refresh(later) for node in nodes))
    states = [key.state for key in await store.read(lambda tx: tx.keys.list(ISSUER))]
    assert sorted(states) == [KeyState.ACTIVE, KeyState.RETIRING]
    assert len({node.jwks() for node in nodes}) == 1


async def test_rotating_by_hand_is_on_the_audit_record(signer: Signer, store: MemoryStore) -> None:
    await signer.refresh(NOW)
    await signer.rotate(NOW, by=operator("sam"))
    await signer.rotate(NOW, at_once=True, by=operator("sam"))
    events = await store.read(lambda tx: tx.audit.search())
    assert [(event.tag, event.actor.id) for event in events] == [
        ("key:signing:made", "keyring"),
        ("key:signing:made", "sam"),
        ("key:signing:moved", "sam"),
        ("key:signing:moved", "sam"),
    ]


async def test_issuers_do_not_share_keys(signer: Signer, store: MemoryStore, sealing: Sealing) -> None:
    sandbox = Signer(issuer=IssuerName("sandbox"), store=store, sealing=sealing)
    await signer.refresh(NOW)
    await sandbox.refresh(NOW)
    assert not published(signer).keys() & published(sandbox).keys()
    with pytest.raises(InvalidJwt):
        sandbox.verify(signer.sign({}))


async def test_an_unknown_algorithm_makes_no_key(signer: Signer, store: MemoryStore) -> None:
    with pytest.raises(KeyError):
        await signer.refresh(NOW, alg="none")
    assert await store.read(lambda tx: tx.keys.list(ISSUER)) == []
