"""Clients whose keys somebody vouches for (draft-ietf-oauth-attestation-based-client-auth-10)."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from carekey.jose.jwt import KeySet
from carekey.kernel.ids import ClientId
from carekey.oidc.clients.metadata import InvalidMetadata, parse
from carekey.oidc.errors import Reason
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.world import (
    CALLBACK,
    CHALLENGE,
    ISSUER,
    ISSUER_URL,
    NOW,
    VERIFIER,
    WARD_CLIENT,
    World,
    make_world,
)

ATTESTER = ECKey.generate_key("P-256", {"kid": "attester-1"})
STRANGER = ECKey.generate_key("P-256", {"kid": "attester-1"})
INSTANCE = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
MOBILE = replace(
    WARD_CLIENT,
    id=ClientId("mobile"),
    jwks=None,
    auth_method=ClientAuthMethod.ATTEST_JWT_CLIENT_AUTH,
    grant_types=("authorization_code", "client_credentials", "refresh_token"),
    scopes=frozenset({"openid", "read"}),
)
NOW_S = int(NOW.timestamp())
ASKED = {"grant_type": "client_credentials", "client_id": MOBILE.id, "scope": "read"}


async def world_with(**issuer: Any) -> World:
    keys = KeySet.of_jwks({"keys": [ATTESTER.as_dict(private=False)]})
    made = await make_world(attesters=keys, client_attesters=True, **issuer)
    await made.save(MOBILE, replace(MOBILE, id=ClientId("other")))
    return made


def signed(key: Any, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A member that is None is left out."""
    head = {name: value for name, value in header.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    return jws.serialize_compact(head, payload, key, registry=registry)


def attestation(key: Any = ATTESTER, *, header: Mapping[str, Any] | None = None, **changed: Any) -> str:
    head = {"typ": "oauth-client-attestation+jwt", "alg": "ES256", "kid": "attester-1", **(header or {})}
    claims = {
        "sub": MOBILE.id,
        "iat": NOW_S - 3600,
        "exp": NOW_S + 3600,
        "cnf": {"jwk": INSTANCE.as_dict(private=False)},
        **changed,
    }
    return signed(key, head, claims)


def proof(world: World, key: Any = INSTANCE, *, header: Mapping[str, Any] | None = None, **changed: Any) -> str:
    now = world.clock.now()
    head = {"typ": "oauth-client-attestation-pop+jwt", "alg": "ES256", **(header or {})}
    claims = {
        "aud": ISSUER_URL,
        "jti": world.entropy.bytes(8).hex(),
        "iat": int(now.timestamp()),
        "challenge": world.challenges.current(now),
        **changed,
    }
    return signed(key, head, claims)


def headers(attested: str, proven: str) -> list[tuple[str, str]]:
    return [("OAuth-Client-Attestation", attested), ("OAuth-Client-Attestation-PoP", proven)]


async def test_draft_7_an_attested_key_is_the_client() -> None:
    world = await world_with()
    answer = await post(world, headers(attestation(), proof(world)))
    assert answer.status_code == 200, answer.text
    # Section 10.2: the same attestation, with a new proof.
    assert (await post(world, headers(attestation(), proof(world)))).status_code == 200


async def post(world: World, sent: list[tuple[str, str]], fields: Mapping[str, str] = ASKED, path="/access_token"):
    async with world.http() as http:
        return await http.post(ISSUER_URL + path, data=dict(fields), headers=sent)


async def test_draft_7_5_the_client_id_may_be_missing() -> None:
    world = await world_with()
    fields = {name: value for name, value in ASKED.items() if name != "client_id"}
    assert (await post(world, headers(attestation(), proof(world)), fields)).status_code == 200


@pytest.mark.parametrize("path", ["/introspect", "/token/revoke"])
async def test_at_every_endpoint_that_asks_who_it_is(path: str) -> None:
    world = await world_with()
    answer = await post(world, headers(attestation(), proof(world)), {"client_id": MOBILE.id, "token": "x"}, path)
    assert answer.status_code == 200


RSA = RSAKey.generate_key(2048)
MAC = OctKey.import_key("s" * 32)
REFUSED_ATTESTATIONS: dict[str, tuple[Any, Reason]] = {
    "junk": (lambda: "junk", Reason.ATTESTATION_MALFORMED),
    "by a stranger": (lambda: attestation(STRANGER), Reason.ATTESTATION_UNTRUSTED),
    "by an unknown key": (lambda: attestation(header={"kid": "attester-2"}), Reason.ATTESTATION_UNTRUSTED),
    "by the client itself": (lambda: attestation(INSTANCE, header={"kid": None}), Reason.ATTESTATION_UNTRUSTED),
    "with a MAC": (lambda: attestation(MAC, header={"alg": "HS256"}), Reason.ATTESTATION_ALG),
    "of another type": (lambda: attestation(header={"typ": "JWT"}), Reason.ATTESTATION_TYP),
    "without type": (lambda: attestation(header={"typ": None}), Reason.ATTESTATION_TYP),
    "critical": (lambda: attestation(header={"b64": True, "crit": ["b64"]}), Reason.ATTESTATION_MALFORMED),
    "without subject": (lambda: attestation(sub=None), Reason.ATTESTATION_MALFORMED),
    "without iat": (lambda: attestation(iat=None), Reason.ATTESTATION_MALFORMED),
    "without exp": (lambda: attestation(exp=None), Reason.ATTESTATION_MALFORMED),
    "with an odd exp": (lambda: attestation(exp="tomorrow"), Reason.ATTESTATION_MALFORMED),
    "without a key": (lambda: attestation(cnf=None), Reason.ATTESTATION_MALFORMED),
    "with a thumbprint for a key": (lambda: attestation(cnf={"jkt": "x"}), Reason.ATTESTATION_MALFORMED),
    "with a private key": (
        lambda: attestation(cnf={"jwk": INSTANCE.as_dict(private=True)}),
        Reason.ATTESTATION_KEY,
    ),
    "for another client": (lambda: attestation(sub="other"), Reason.ATTESTATION_CLIENT),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED_ATTESTATIONS.values(), ids=REFUSED_ATTESTATIONS.keys())
async def test_draft_7_1_refused_attestations(make: Any, reason: Reason) -> None:
    world = await world_with()
    answer = await post(world, headers(make(), proof(world)))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await world.reasons() == [reason]


@pytest.mark.parametrize("changed", [{"exp": NOW_S - 61}, {"iat": NOW_S + 90}], ids=["old", "from the future"])
async def test_draft_7_4_an_attestation_that_is_not_fresh(changed: dict[str, int]) -> None:
    world = await world_with()
    answer = await post(world, headers(attestation(**changed), proof(world)))
    assert (answer.status_code, answer.json()["error"]) == (400, "use_fresh_attestation")
    assert await world.reasons() == [Reason.ATTESTATION_NOT_FRESH]


REFUSED_PROOFS: dict[str, tuple[Any, Reason]] = {
    "junk": (lambda _: "junk", Reason.ATTESTATION_PROOF_MALFORMED),
    "by another key": (lambda world: proof(world, OTHER), Reason.ATTESTATION_PROOF_SIGNATURE),
    "by the attester": (lambda world: proof(world, ATTESTER), Reason.ATTESTATION_PROOF_SIGNATURE),
    "of another kind of key": (
        lambda world: proof(world, RSA, header={"alg": "RS256"}),
        Reason.ATTESTATION_PROOF_SIGNATURE,
    ),
    "with a MAC": (lambda world: proof(world, MAC, header={"alg": "HS256"}), Reason.ATTESTATION_PROOF_ALG),
    "of another type": (lambda world: proof(world, header={"typ": "dpop+jwt"}), Reason.ATTESTATION_PROOF_TYP),
    "without jti": (lambda world: proof(world, jti=None), Reason.ATTESTATION_PROOF_MALFORMED),
    "without iat": (lambda world: proof(world, iat=None), Reason.ATTESTATION_PROOF_MALFORMED),
    "old": (lambda world: proof(world, iat=NOW_S - 61), Reason.ATTESTATION_PROOF_TIME),
    "from the future": (lambda world: proof(world, iat=NOW_S + 62), Reason.ATTESTATION_PROOF_TIME),
    "for another server": (lambda world: proof(world, aud="https://other.example"), Reason.ATTESTATION_PROOF_AUDIENCE),
    "for two servers": (
        lambda world: proof(world, aud=[ISSUER_URL, "https://other.example"]),
        Reason.ATTESTATION_PROOF_AUDIENCE,
    ),
    "for nobody": (lambda world: proof(world, aud=None), Reason.ATTESTATION_PROOF_AUDIENCE),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED_PROOFS.values(), ids=REFUSED_PROOFS.keys())
async def test_draft_7_2_refused_proofs(make: Any, reason: Reason) -> None:
    world = await world_with()
    answer = await post(world, headers(attestation(), make(world)))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await world.reasons() == [reason]


async def test_draft_7_1_and_7_2_precisely_one_header_of_each() -> None:
    world = await world_with()
    one, two = headers(attestation(), proof(world))
    for sent, reason in (
        ([], Reason.ATTESTATION_MISSING),
        ([two], Reason.ATTESTATION_MISSING),
        ([one], Reason.ATTESTATION_PROOF_MISSING),
        ([one, one, two], Reason.ATTESTATION_SEVERAL),
        ([one, two, two], Reason.ATTESTATION_PROOF_SEVERAL),
    ):
        answer = await post(world, sent)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert (await world.reasons())[-1] == reason


@pytest.mark.parametrize("challenge", [None, "", "x", 7, "é"])
async def test_draft_6_1_a_challenge_of_ours_is_needed_and_comes_with_the_answer(challenge: Any) -> None:
    world = await world_with()
    answer = await post(world, headers(attestation(), proof(world, challenge=challenge)))
    assert (answer.status_code, answer.json()["error"]) == (400, "use_attestation_challenge")
    assert await world.reasons() == [Reason.ATTESTATION_CHALLENGE]
    fresh = answer.headers["oauth-client-attestation-challenge"]
    again = await post(world, headers(attestation(), proof(world, challenge=fresh)))
    assert again.status_code == 200
    # Section 6.2: and with every answer.
    assert again.headers["oauth-client-attestation-challenge"] == fresh


async def test_draft_6_a_challenge_does_not_last() -> None:
    world = await world_with()
    old = world.challenges.current(world.clock.now())
    world.clock.pass_by(minutes=5)
    answer = await post(world, headers(attestation(), proof(world, challenge=old)))
    assert (answer.status_code, answer.json()["error"]) == (400, "use_attestation_challenge")


async def test_draft_6_3_the_challenge_endpoint() -> None:
    world = await world_with()
    told = (await world.get("/.well-known/openid-configuration")).json()
    assert told["challenge_endpoint"] == f"{ISSUER_URL}/attestation_challenge"
    async with world.http() as http:
        answer = await http.post(told["challenge_endpoint"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["dpop-nonce"] == world.nonces.current(world.clock.now())
    challenge = answer.json()["attestation_challenge"]
    assert (await post(world, headers(attestation(), proof(world, challenge=challenge)))).status_code == 200


async def test_draft_12_1_a_proof_works_once() -> None:
    world = await world_with()
    sent = headers(attestation(), proof(world))
    assert (await post(world, sent)).status_code == 200
    again = await post(world, sent)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert await world.reasons() == [Reason.ASSERTION_REPLAYED]


async def test_draft_10_3_a_refresh_token_is_its_installations_own() -> None:
    world = await world_with()
    code = await world.code(client=MOBILE.id, code_challenge=CHALLENGE)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": MOBILE.id,
        "code_verifier": VERIFIER,
    }
    first = (await post(world, headers(attestation(), proof(world)), fields)).json()
    assert first["token_type"] == "Bearer"
    again = {"grant_type": "refresh_token", "client_id": MOBILE.id, "refresh_token": first["refresh_token"]}
    other = attestation(cnf={"jwk": OTHER.as_dict(private=False)})
    stolen = await post(world, headers(other, proof(world, OTHER)), again)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await world.reasons())[-1] == Reason.NOT_THE_SENDER
    second = await post(world, headers(attestation(), proof(world)), again)
    assert second.status_code == 200, second.text
    # The key that was vouched for binds refresh tokens alone, and is not told.
    seen = {"client_id": MOBILE.id, "token": second.json()["access_token"]}
    told = (await post(world, headers(attestation(), proof(world)), seen, "/introspect")).json()
    assert told["active"] is True
    assert "cnf" not in told


async def test_draft_8_discovery_and_registration_know_it_only_where_it_is_configured() -> None:
    asked = {
        "client_name": "Mobile",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "attest_jwt_client_auth",
    }
    world = await world_with()
    told = (await world.get("/.well-known/openid-configuration")).json()
    assert "attest_jwt_client_auth" in told["token_endpoint_auth_methods_supported"]
    assert "ES256" in told["client_attestation_signing_alg_values_supported"]
    assert "ES256" in told["client_attestation_pop_signing_alg_values_supported"]
    made = parse(asked, id=MOBILE.id, issuer=world.issuer, now=NOW)
    assert made.auth_method is ClientAuthMethod.ATTEST_JWT_CLIENT_AUTH
    plain = await make_world()
    told = (await plain.get("/.well-known/openid-configuration")).json()
    assert "attest_jwt_client_auth" not in told["token_endpoint_auth_methods_supported"]
    assert "challenge_endpoint" not in told
    with pytest.raises(InvalidMetadata, match="token_endpoint_auth_method"):
        parse(asked, id=MOBILE.id, issuer=ISSUER, now=NOW)


async def test_where_it_is_not_configured_nobody_comes_in_by_it() -> None:
    world = await make_world()
    await world.save(MOBILE)
    answer = await post(world, headers(attestation(), proof(world)))
    assert (answer.status_code, await world.reasons()) == (401, [Reason.METHOD_NOT_REGISTERED])


async def test_an_attestation_stands_for_no_other_method() -> None:
    world = await world_with()
    await world.save(replace(MOBILE, id=ClientId("keyed"), auth_method=ClientAuthMethod.PRIVATE_KEY_JWT))
    sent = headers(attestation(sub="keyed"), proof(world))
    answer = await post(world, sent, {**ASKED, "client_id": "keyed"})
    assert (answer.status_code, await world.reasons()) == (401, [Reason.METHOD_NOT_REGISTERED])


async def test_fapi2_allows_no_such_client() -> None:
    world = await world_with(profile="fapi2")
    answer = await post(world, headers(attestation(), proof(world)))
    assert (answer.status_code, await world.reasons()) == (401, [Reason.METHOD_NOT_REGISTERED])
