"""RFC 9449 section 4.3: what is refused, at each place that takes proofs, with the exact answer; and that it changes
nothing."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from joserfc import jwk

from carekey.jose import base64url
from carekey.oidc.authorize.tests.world import provider, wanted
from carekey.oidc.dpop.tests.proofs import USERINFO_URL, at_userinfo, jkt, key, proof
from carekey.oidc.par.tests import world as par
from carekey.oidc.tests.world import NOW, TOKEN_URL, WARD_CLIENT, World
from carekey.web.dispatcher import Dispatcher

pytestmark = pytest.mark.anyio

S = int(NOW.timestamp())
Make = Callable[..., str]
"""Makes a proof for the place under test, changed."""

WEAK = {"kty": "RSA", "e": "AQAB", "n": base64url.encode(b"\xff" * 128).decode()}
"""1,024 bits."""
OFF_THE_CURVE = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}


def _flipped(text: str) -> str:
    return text[:-20] + ("A" if text[-20] != "A" else "B") + text[-19:]


def _header(text: str, change: Callable[[dict[str, Any]], Any]) -> str:
    head, rest = text.split(".", 1)
    members = json.loads(base64url.decode(head.encode()))
    return f"{base64url.encode(json.dumps(change(members)).encode()).decode()}.{rest}"


def _private(make: Make) -> str:
    return make(header={"jwk": key().as_dict(private=True)})


PROOFS: dict[str, tuple[Callable[[Make], list[str]], str]] = {
    # 1
    "two proofs": (lambda make: [make(), make()], "dpop_several"),
    # 2
    "not a JWT": (lambda make: ["nonsense"], "dpop_malformed"),
    "empty": (lambda make: [""], "dpop_malformed"),
    "two in one": (lambda make: [f"{make()}, {make()}"], "dpop_malformed"),
    "too large": (lambda make: [make(more="x" * 9000)], "dpop_malformed"),
    "critical header": (lambda make: [make(header={"crit": ["exp"]})], "dpop_malformed"),
    "no key": (lambda make: [make(header={"jwk": None})], "dpop_malformed"),
    "the key is a text": (lambda make: [make(header={"jwk": "key"})], "dpop_malformed"),
    # 3
    "no jti": (lambda make: [make(jti=None)], "dpop_malformed"),
    "an empty jti": (lambda make: [make(jti="")], "dpop_malformed"),
    "jti is a number": (lambda make: [make(jti=7)], "dpop_malformed"),
    "no htm": (lambda make: [make(htm=None)], "dpop_malformed"),
    "no htu": (lambda make: [make(htu=None)], "dpop_malformed"),
    "htu is a list": (lambda make: [make(htu=[TOKEN_URL])], "dpop_malformed"),
    "no iat": (lambda make: [make(iat=None)], "dpop_malformed"),
    "iat is a text": (lambda make: [make(iat=str(S))], "dpop_malformed"),
    "iat is true": (lambda make: [make(iat=True)], "dpop_malformed"),
    "iat beyond all time": (lambda make: [make(iat=1e300)], "dpop_malformed"),
    # 4
    "no typ": (lambda make: [make(header={"typ": None})], "dpop_typ"),
    "typ of any JWT": (lambda make: [make(header={"typ": "JWT"})], "dpop_typ"),
    # 5
    "alg none": (lambda make: [make(header={"alg": "none"})], "dpop_alg"),
    "HS256": (
        lambda make: [make(header={"alg": "HS256"}, signed_by=jwk.OctKey.import_key(b"k" * 32))],
        "dpop_alg",
    ),
    "an alg that nobody knows": (lambda make: [make(header={"alg": "XS1"})], "dpop_alg"),
    # 6
    "a shared secret for key": (lambda make: [make(header={"jwk": {"kty": "oct", "k": "a"}})], "dpop_key"),
    "a key of no kind": (lambda make: [make(header={"jwk": {}})], "dpop_key"),
    "a key of a list": (lambda make: [make(header={"jwk": {"kty": ["EC"]}})], "dpop_key"),
    "a key for another alg": (
        lambda make: [make(alg="ES256", header={"jwk": key("x", "ES384").as_dict(private=False)})],
        "dpop_key",
    ),
    "a weak key": (lambda make: [make(alg="PS256", header={"jwk": WEAK})], "dpop_key"),
    "a point that is not on the curve": (lambda make: [make(header={"jwk": OFF_THE_CURVE})], "dpop_key"),
    "signed by another key": (lambda make: [make(signed_by=key("evil"))], "dpop_signature"),
    "another key in the header": (
        lambda make: [_header(make(), lambda h: {**h, "jwk": key("evil").as_dict(private=False)})],
        "dpop_signature",
    ),
    "bit-flipped": (lambda make: [_flipped(make())], "dpop_signature"),
    "truncated": (lambda make: [make()[:-2]], "dpop_signature"),
    # 7
    "a private key": (lambda make: [_private(make)], "dpop_private_key"),
    # 8
    "another method": (lambda make: [make(htm="PUT")], "dpop_method"),
    "the method in small letters": (lambda make: [make(htm="post")], "dpop_method"),
    # 9
    "another address": (lambda make: [make(htu="https://evil.example/access_token")], "dpop_address"),
    "another path": (lambda make: [make(htu="https://am.example.test/access_token")], "dpop_address"),
    "another scheme": (lambda make: [make(htu=TOKEN_URL.replace("https", "http"))], "dpop_address"),
    "another port": (lambda make: [make(htu=TOKEN_URL.replace(":443", ":8443"))], "dpop_address"),
    "no address": (lambda make: [make(htu="")], "dpop_address"),
    "no port at all": (lambda make: [make(htu=TOKEN_URL.replace(":443", ":x"))], "dpop_address"),
    "a person in the address": (lambda make: [make(htu=TOKEN_URL.replace("//", "//a@"))], "dpop_address"),
    # 11
    "too old": (lambda make: [make(iat=S - 60)], "dpop_time"),
    "from the future": (lambda make: [make(iat=S + 61)], "dpop_time"),
}

NAMED = {
    "dpop_several": "one DPoP header",
    "dpop_malformed": "jti, htm, htu and iat",
    "dpop_typ": "typ of",
    "dpop_alg": "alg of",
    "dpop_key": "jwk of the DPoP proof must",
    "dpop_private_key": "private key",
    "dpop_signature": "not signed with",
    "dpop_method": "htm of",
    "dpop_address": "htu of",
    "dpop_time": "iat of",
    "dpop_token": "ath of",
    "dpop_replayed": "used before",
}
"""What the developer of the client is pointed to."""


def is_told(answer: httpx2.Response, reason: str) -> None:
    body = answer.json()
    assert list(body) == ["error_description", "error"]
    assert body["error"] == "invalid_dpop_proof"
    assert NAMED[reason] in body["error_description"]
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", body["error_description"]), "RFC 6749 section 5.2"


def values(proofs: list[str]) -> list[tuple[str, str]]:
    return [("dpop", one) for one in proofs]


async def ask(world: World, *proofs: str, **changes: Any) -> httpx2.Response:
    await world.code()
    headers = [*values(list(proofs)), ("content-type", "application/x-www-form-urlencoded")]
    async with world.http() as http:
        return await http.post(TOKEN_URL, data=world.code_request(**changes), headers=headers)


async def look(world: World, token: str, *proofs: str, scheme: str = "DPoP") -> httpx2.Response:
    async with world.http() as http:
        headers = [*values(list(proofs)), ("authorization", f"{scheme} {token}")]
        return await http.get(f"{TOKEN_URL.rpartition('/')[0]}/userinfo", headers=headers)


@pytest.mark.parametrize("name", PROOFS)
async def test_rfc9449_5_at_the_token_endpoint(world: World, name: str):
    made, reason = PROOFS[name]
    response = await ask(world, *made(lambda **changes: proof(world, **changes)))
    assert response.status_code == 400
    is_told(response, reason)
    (event,) = await world.events()
    assert (event.tag, event.data["error"], event.data["reason"]) == (
        "token:grant:refused",
        "invalid_dpop_proof",
        reason,
    )
    again = await world.token(world.code_request(), headers={"dpop": proof(world)})
    assert again.status_code == 200, "nothing was spent"


@pytest.mark.parametrize("name", PROOFS)
async def test_rfc9449_7_1_at_userinfo(world: World, name: str):
    token = (await ask(world, proof(world))).json()["access_token"]
    made, reason = PROOFS[name]
    response = await look(world, token, *made(lambda **changes: at_userinfo(world, token, **changes)))
    assert response.status_code == 401
    is_told(response, reason)
    assert (await world.reasons())[-1] == reason
    (challenge,) = response.headers.get_list("www-authenticate")
    assert challenge.startswith('DPoP realm="carekey", algs="RS256 ')
    assert 'error="invalid_dpop_proof"' in challenge
    assert (await look(world, token, at_userinfo(world, token))).status_code == 200


@pytest.mark.parametrize("name", PROOFS)
async def test_rfc9449_10_1_at_the_pushed_authorization_request_endpoint(name: str):
    world = await provider(par.KEYED)
    address = f"{world.issuer.url}/par"
    made, reason = PROOFS[name]
    proofs = made(lambda **changes: proof(world, **{"htu": address, **changes}))  # type: ignore[arg-type]
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=Dispatcher(world.routes, world.site)), base_url="https://care.example.test"
    ) as http:
        answer = await http.post(
            par.PAR, data={**wanted(), **par.proof(world)}, headers=[*values(proofs), *par.FORM.items()]
        )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    event = (await world.events())[-1]
    assert (event.tag, event.data["reason"]) == ("authorization:push:refused", reason)


TOKENS: dict[str, tuple[Callable[[World, str], list[str]], str, str, str]] = {
    "no proof": (lambda w, t: [], "DPoP", "invalid_dpop_proof", "dpop_missing"),
    "no ath": (lambda w, t: [at_userinfo(w, t, ath=None)], "DPoP", "invalid_dpop_proof", "dpop_token"),
    "ath of another token": (lambda w, t: [at_userinfo(w, "other")], "DPoP", "invalid_dpop_proof", "dpop_token"),
    "ath is not text": (lambda w, t: [at_userinfo(w, t, ath="é")], "DPoP", "invalid_dpop_proof", "dpop_token"),
    "another key": (lambda w, t: [at_userinfo(w, t, by="evil")], "DPoP", "invalid_token", "not_the_sender"),
    "as a bearer token": (lambda w, t: [], "Bearer", "invalid_token", "not_the_sender"),
    "as a bearer token, beside a proof": (
        lambda w, t: [at_userinfo(w, t)],
        "Bearer",
        "invalid_token",
        "not_the_sender",
    ),
    "the proof of the token request": (lambda w, t: [proof(w)], "DPoP", "invalid_dpop_proof", "dpop_method"),
}


@pytest.mark.parametrize("name", TOKENS)
async def test_rfc9449_7_1_a_bound_token_in_the_wrong_hands(world: World, name: str):
    token = (await ask(world, proof(world))).json()["access_token"]
    made, scheme, code, reason = TOKENS[name]
    response = await look(world, token, *made(world, token), scheme=scheme)
    assert (response.status_code, response.json()["error"]) == (401, code)
    assert (await world.reasons())[-1] == reason
    challenges = response.headers.get_list("www-authenticate")
    assert challenges[0].startswith(f'{scheme} realm="carekey"')
    assert f'error="{code}"' in challenges[0]
    assert any(one.startswith("DPoP ") and 'algs="' in one for one in challenges), "it is told how to come"


async def test_rfc9449_7_1_a_bound_token_in_a_form_is_a_bearer_token(world: World):
    token = (await ask(world, proof(world))).json()["access_token"]
    response = await world.post("/userinfo", {"access_token": token}, headers={"dpop": at_userinfo(world, token)})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


async def test_rfc9449_7_1_a_bearer_token_with_the_scheme_dpop(world: World):
    token = (await ask(world)).json()["access_token"]
    response = await look(world, token, at_userinfo(world, token))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    assert (await world.reasons())[-1] == "token_not_bound"


async def test_rfc9449_11_1_a_proof_is_used_once_at_each_place(world: World):
    used = proof(world)
    token = (await ask(world, used)).json()["access_token"]
    await world.code("code-2")
    again = await world.token(world.code_request("code-2"), headers={"dpop": used})
    assert again.status_code == 400
    is_told(again, "dpop_replayed")
    assert (await world.token(world.code_request("code-2"), headers={"dpop": proof(world)})).status_code == 200
    used = at_userinfo(world, token)
    assert (await look(world, token, used)).status_code == 200
    again = await look(world, token, used)
    assert again.status_code == 401
    is_told(again, "dpop_replayed")
    assert await world.reasons() == ["dpop_replayed"] * 2


async def test_rfc9449_11_1_a_refused_request_uses_its_proof_up(world: World):
    used = proof(world)
    assert (await world.token(world.code_request("wrong"), headers={"dpop": used})).json()["error"] == "invalid_grant"
    assert (await ask(world, used)).json()["error"] == "invalid_dpop_proof"
    assert await world.reasons() == ["unknown_code", "dpop_replayed"]


async def test_rfc9449_11_1_it_is_remembered_for_as_long_as_it_is_in_time(world: World):
    early = proof(world, iat=S + 60)
    await ask(world, early)
    world.clock.pass_by(seconds=119)
    await world.store.sweep(world.clock.now())
    assert (await ask_again(world, early)) == "dpop_replayed"
    world.clock.pass_by(seconds=2)
    assert (await ask_again(world, early)) == "dpop_time"


async def ask_again(world: World, used: str) -> str:
    await world.code(f"code-{world.clock.now().timestamp()}")
    await world.token(world.code_request("anything"), headers={"dpop": used})
    return (await world.reasons())[-1]


async def test_rfc9449_5_2_a_client_that_is_registered_for_dpop_gets_nothing_without(world: World):
    await world.save(replace(WARD_CLIENT, dpop_bound_access_tokens=True))
    response = await ask(world)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")
    assert await world.reasons() == ["dpop_missing"]
    assert (await world.token(world.code_request(), headers={"dpop": proof(world)})).status_code == 200


async def test_fapi2_5_3_2_1_a_token_request_that_proves_nothing(world: World):
    await world.save(replace(WARD_CLIENT, profile="fapi2"))
    signed = {"aud": world.issuer.url, "header": {"alg": "PS256"}}
    await world.code(code_challenge=par.CHALLENGE)
    response = await world.token(world.code_request(client_assertion=world.assertion(**signed)))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["not_constrained"]


async def test_fapi2_5_4_1_the_profiles_algorithms_hold_for_proofs(world: World):
    await world.save(replace(WARD_CLIENT, profile="fapi2"))
    signed = {"aud": world.issuer.url, "header": {"alg": "PS256"}}
    weaker = proof(world, alg="RS256")
    response = await ask(world, weaker, client_assertion=world.assertion(**signed))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")
    assert await world.reasons() == ["dpop_alg"]


async def test_fapi2_5_4_1_the_clients_algorithms_hold_at_userinfo(world: World):
    """The same RSA key can sign with the weaker padding too."""
    token = (await ask(world, proof(world, alg="PS256"))).json()["access_token"]
    await world.save(replace(WARD_CLIENT, profile="fapi2"))
    sound = at_userinfo(world, token, alg="PS256")
    assert (await look(world, token, sound)).status_code == 200
    response = await look(
        world,
        token,
        at_userinfo(
            world,
            token,
            alg="RS256",
            by="first",
            signed_by=key("first", "PS256"),
            header={"jwk": key("first", "PS256").as_dict(private=False)},
        ),
    )
    assert (response.status_code, (await world.reasons())[-1]) == (401, "dpop_alg")


async def test_rfc9449_10_a_code_that_is_bound(world: World):
    await world.code("bound", confirmation={"jkt": jkt()})
    for headers in ({}, {"dpop": proof(world, by="evil")}):
        refused = await world.token(world.code_request("bound"), headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert await world.reasons() == ["not_the_sender"] * 2
    assert (await world.token(world.code_request("bound"), headers={"dpop": proof(world)})).status_code == 200


def test_the_addresses_of_the_tests_are_those_of_clients_that_drop_the_port():
    assert ":443" in TOKEN_URL
    assert ":443" not in USERINFO_URL
