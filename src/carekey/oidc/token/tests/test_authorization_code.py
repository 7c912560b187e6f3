"""The code grant from the outside: what works, and who gets what."""

import asyncio
import base64
import hashlib
from dataclasses import replace

import pytest
from joserfc import jwk

from carekey.jose import base64url
from carekey.kernel.ids import ClientId, IssuerName
from carekey.kernel.secret import digest
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.world import (
    ASHA,
    CALLBACK,
    CHALLENGE,
    ISSUER_URL,
    MAC_SECRET,
    NOW,
    SECRET,
    SESSION,
    VERIFIER,
    WARD,
    WARD_CLIENT,
    World,
    basic,
    make_world,
)
from carekey.storage.store import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(store: Store) -> World:
    """Redeeming leans on roll-back and on who wins, so it is tried on every store."""
    return await make_world(store)


INVALID_GRANT = {
    "error_description": "The provided access grant is invalid, expired, or revoked.",
    "error": "invalid_grant",
}


def left_half(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).rstrip(b"=").decode()


async def test_cis2_2_9_the_token_response(world: World) -> None:
    response = await world.token(world.code_request(await world.code()))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert body["token_type"] == "Bearer"
    assert body["scope"] == "openid profile nationalrbacaccess selectedrole"
    assert (await world.userinfo(body["access_token"])).json()["sub"] == ASHA


async def test_cis2_2_17_expires_in_is_a_number_and_never_promises_too_much(world: World) -> None:
    body = (await world.token(world.code_request(await world.code()))).json()
    assert body["expires_in"] == 3599
    world.clock.pass_by(seconds=3599)
    assert (await world.userinfo(body["access_token"])).status_code == 200
    world.clock.pass_by(seconds=1)
    assert (await world.userinfo(body["access_token"])).status_code == 401


async def test_cis2_2_10_the_id_token(world: World) -> None:
    code = await world.code()
    body = (await world.token(world.code_request(code))).json()
    token = await world.verified(body["id_token"])
    assert token.header["typ"] == "JWT"
    assert token.header["alg"] == "RS256"
    assert token.header["kid"]
    issued = int(NOW.timestamp())
    assert token.claims == {
        "iss": ISSUER_URL,
        "sub": ASHA,
        "aud": WARD,
        "azp": WARD,
        "iat": issued,
        "exp": issued + 3600,
        "auth_time": issued - 5,
        "acr": "AAL3_ANY",
        "amr": ["FIDO2"],
        "authentication_assurance_level": "3",
        "id_assurance_level": "3",
        "idassurancelevel": "3",
        "sid": SESSION,
        "jti": f"{base64url.encode(digest(code)).decode()}.{left_half(body['access_token'])}",
        "nonce": "nonce-1",
        "selected_roleid": "555023456789",
        "at_hash": left_half(body["access_token"]),
        "c_hash": left_half(code),
        "s_hash": left_half("state-1"),
    }
    assert token.claims["iat"] <= world.clock.now().timestamp()


async def test_members_without_a_value_are_left_out_of_the_id_token(world: World) -> None:
    await world.code(nonce=None, state=None, role=None)
    body = (await world.token(world.code_request())).json()
    claims = (await world.verified(body["id_token"])).claims
    assert not {"nonce", "s_hash", "selected_roleid"} & claims.keys()


@pytest.mark.parametrize(
    ("scopes", "told"),
    [(("openid", "selectedrole"), True), (("openid", "changedrole"), True), (("openid", "profile"), False)],
)
async def test_cis2_5_4_the_role_is_told_to_those_who_asked_for_one(
    world: World, scopes: tuple[str, ...], told: bool
) -> None:
    await world.code(scopes=scopes)
    body = (await world.token(world.code_request())).json()
    assert ("selected_roleid" in (await world.verified(body["id_token"])).claims) is told


async def test_cis2_2_10_product_extras_are_behind_a_switch() -> None:
    world = await make_world(product_extras=True)
    body = (await world.token(world.code_request(await world.code()))).json()
    assert body["nonce"] == "nonce-1"
    claims = (await world.verified(body["id_token"])).claims
    assert claims["subname"] == ASHA
    assert claims["realm"] == "/NHSIdentity/Healthcare"
    assert claims["tokenName"] == "id_token"
    assert claims["tokenType"] == "JWTToken"
    assert claims["auditTrackingId"].count("-") == 5
    assert claims["org.forgerock.openidconnect.ops"]


@pytest.mark.parametrize("alg", ["PS256", "ES256", "Ed25519", "RS512", "ES384"])
async def test_a_client_gets_the_algorithm_it_registered(world: World, alg: str) -> None:
    await world.save(replace(WARD_CLIENT, id_token_alg=alg))
    code = await world.code()
    body = (await world.token(world.code_request(code))).json()
    token = await world.verified(body["id_token"], alg)
    assert token.header["alg"] == alg
    full = {"PS256": "sha256", "ES256": "sha256", "Ed25519": "sha512", "RS512": "sha512", "ES384": "sha384"}[alg]
    half = hashlib.new(full, code.encode()).digest()
    expected = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=").decode()
    assert token.claims["c_hash"] == expected


async def test_core_5_5_the_claims_parameter_reaches_the_id_token(world: World) -> None:
    wish = {
        "id_token": {"name": {"essential": True}, "email": None, "sub": {"value": "x"}, "iss": None, "unknown": None}
    }
    await world.code(requested_claims=wish)
    body = (await world.token(world.code_request())).json()
    claims = (await world.verified(body["id_token"])).claims
    assert claims["name"] == "Asha Marlow"
    assert claims["email"] == "asha.marlow@trust.example"
    assert claims["sub"] == ASHA
    assert claims["iss"] == ISSUER_URL
    assert "unknown" not in claims


async def test_the_claims_parameter_gains_nothing_that_the_clients_scopes_would_not(world: World) -> None:
    await world.save(replace(WARD_CLIENT, scopes=frozenset({"openid", "profile"})))
    wish = {"id_token": {"name": None, "email": None}, "userinfo": {"nhsid_nrbac_roles": None, "given_name": None}}
    await world.code(requested_claims=wish, scopes=("openid",))
    body = (await world.token(world.code_request())).json()
    claims = (await world.verified(body["id_token"])).claims
    assert claims["name"] == "Asha Marlow"
    assert "email" not in claims
    assert (await world.userinfo(body["access_token"])).json() == {"sub": ASHA, "given_name": "Asha"}


async def test_rfc6749_4_1_2_a_code_works_once_and_a_replay_revokes_what_it_bought(world: World) -> None:
    await world.code()
    first = (await world.token(world.code_request())).json()
    assert (await world.userinfo(first["access_token"])).status_code == 200
    second = await world.token(world.code_request())
    assert second.status_code == 400
    assert second.json() == INVALID_GRANT
    assert list(second.json()) == ["error_description", "error"]
    assert (await world.userinfo(first["access_token"])).status_code == 401
    replayed, used = [event for event in await world.events() if event.refusal]
    assert (replayed.tag, used.tag) == ("token:code:replayed", "token:userinfo:refused")
    assert replayed.refusal
    assert replayed.data["revoked"] == 1
    assert replayed.data["person"] == ASHA
    assert replayed.actor.id == WARD


async def test_a_late_replay_still_revokes(world: World) -> None:
    await world.code()
    first = (await world.token(world.code_request())).json()
    world.clock.pass_by(seconds=600)
    assert (await world.token(world.code_request())).json() == INVALID_GRANT
    assert (await world.userinfo(first["access_token"])).status_code == 401


async def test_another_clients_replay_revokes_nothing(world: World) -> None:
    await world.code()
    first = (await world.token(world.code_request())).json()
    theft = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}
    stolen = await world.token({**theft, "client_id": "post", "client_secret": SECRET})
    assert stolen.json() == INVALID_GRANT
    assert (await world.reasons())[-1] == "code_of_another_client"
    assert (await world.userinfo(first["access_token"])).status_code == 200


async def test_of_simultaneous_redemptions_one_wins_and_nobody_keeps_anything(world: World) -> None:
    await world.code()
    responses = await asyncio.gather(*(world.token(world.code_request()) for _ in range(8)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 7
    winner = next(response for response in responses if response.status_code == 200)
    assert (await world.userinfo(winner.json()["access_token"])).status_code == 401


async def test_a_wrong_request_does_not_burn_the_code(world: World) -> None:
    await world.code(code_challenge=CHALLENGE)
    for wrong in ({"redirect_uri": "https://evil.example/"}, {"code_verifier": "w" * 43}, {}):
        assert (await world.token(world.code_request(**wrong))).json() == INVALID_GRANT
    assert (await world.token(world.code_request(code_verifier=VERIFIER))).status_code == 200


async def test_a_code_lasts_sixty_seconds(world: World) -> None:
    await world.code("early")
    await world.code("late")
    world.clock.pass_by(seconds=59.9)
    assert (await world.token(world.code_request("early"))).status_code == 200
    world.clock.pass_by(seconds=0.1)
    assert (await world.token(world.code_request("late"))).json() == INVALID_GRANT
    assert (await world.reasons()) == ["code_expired"]


async def test_tokens_issued_are_on_record_and_the_session_knows_its_client(world: World) -> None:
    await world.code()
    await world.token(world.code_request())
    (event,) = await world.events()
    assert (event.tag, event.actor.id, event.refusal) == ("token:grant:issued", WARD, False)
    assert event.data["person"] == ASHA
    assert event.data["session"] == SESSION
    assert event.data["scopes"] == ["openid", "profile", "nationalrbacaccess", "selectedrole"]
    assert await world.store.read(lambda tx: tx.sessions.clients_of(SESSION)) == [WARD]


async def test_nothing_secret_is_on_record(world: World) -> None:
    await world.code()
    body = (await world.token(world.code_request())).json()
    await world.token(world.code_request())
    record = str(await world.events())
    assert body["access_token"] not in record
    assert "code-1" not in record


async def test_after_logging_out_a_code_buys_nothing(world: World) -> None:
    await world.code()
    await world.change(lambda tx: tx.sessions.end(SESSION, at=NOW))
    assert (await world.token(world.code_request())).json() == INVALID_GRANT
    assert await world.reasons() == ["session_ended"]


async def test_a_code_of_another_issuer_buys_nothing(world: World) -> None:
    await world.code(issuer=IssuerName("sandbox"))
    assert (await world.token(world.code_request())).json() == INVALID_GRANT
    assert await world.reasons() == ["code_of_another_issuer"]


@pytest.mark.parametrize("verifier", [None, "w" * 43, "v" * 42, "v" * 129, "v" * 42 + "!", CHALLENGE, "v" * 42 + "é"])
async def test_rfc7636_4_6_only_the_verifier_redeems(world: World, verifier: str | None) -> None:
    await world.code(code_challenge=CHALLENGE)
    response = await world.token(world.code_request(code_verifier=verifier))
    assert response.json() == INVALID_GRANT


async def test_rfc9700_4_8_2_a_verifier_without_a_challenge_is_refused(world: World) -> None:
    await world.code()
    assert (await world.token(world.code_request(code_verifier=VERIFIER))).json() == INVALID_GRANT
    assert await world.reasons() == ["pkce_unexpected"]


def plain_request(**fields: str) -> dict[str, str]:
    return {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK, **fields}


async def test_client_secret_post(world: World) -> None:
    await world.code(client=ClientId("post"))
    response = await world.token(plain_request(client_id="post", client_secret=SECRET))
    assert response.status_code == 200
    assert (await world.verified(response.json()["id_token"])).claims["aud"] == "post"


async def test_rfc6749_2_3_1_client_secret_basic_is_form_encoded_within(world: World) -> None:
    await world.code(client=ClientId("ba sic"))
    response = await world.token(plain_request(), headers=basic("ba sic", SECRET))
    assert response.status_code == 200


async def test_client_secret_jwt(world: World) -> None:
    await world.code(client=ClientId("mac"))
    key = jwk.OctKey.import_key(MAC_SECRET)
    assertion = world.assertion(key=key, header={"alg": "HS256", "kid": None}, iss="mac", sub="mac")
    response = await world.token(world.code_request(client_id="mac", client_assertion=assertion))
    assert response.status_code == 200


async def test_a_public_client_needs_pkce(world: World) -> None:
    await world.code("without", client=ClientId("public"))
    refused = await world.token(plain_request(code="without", client_id="public"))
    assert refused.json() == INVALID_GRANT
    await world.code("with", client=ClientId("public"), code_challenge=CHALLENGE)
    fields = plain_request(code="with", client_id="public", code_verifier=VERIFIER)
    assert (await world.token(fields)).status_code == 200


async def test_client_credentials(world: World) -> None:
    service = replace(WARD_CLIENT, grant_types=("client_credentials",), scopes=frozenset({"audit:read", "jobs"}))
    await world.save(service)
    request = {**world.code_request(), "grant_type": "client_credentials", "scope": "jobs jobs"}
    body = (await world.token(request)).json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert body["scope"] == "jobs"
    userinfo = await world.userinfo(body["access_token"])
    assert userinfo.status_code == 403
    assert userinfo.json()["error"] == "insufficient_scope"
    everything = {**world.code_request(), "grant_type": "client_credentials"}
    assert (await world.token(everything)).json()["scope"] == "audit:read jobs"
    too_much = {**world.code_request(), "grant_type": "client_credentials", "scope": "jobs admin"}
    assert (await world.token(too_much)).json()["error"] == "invalid_scope"


async def test_client_credentials_are_not_for_public_clients(world: World) -> None:
    public = replace(WARD_CLIENT, auth_method=ClientAuthMethod.NONE, jwks=None, grant_types=("client_credentials",))
    await world.save(public)
    response = await world.token({"grant_type": "client_credentials", "client_id": WARD})
    assert response.json()["error"] == "unauthorized_client"


async def test_a_disabled_client_gets_nothing_and_its_tokens_stop_working(world: World) -> None:
    await world.code()
    body = (await world.token(world.code_request())).json()
    await world.save(replace(WARD_CLIENT, disabled_at=NOW))
    assert (await world.userinfo(body["access_token"])).status_code == 401
    refused = await world.token(world.code_request())
    assert refused.json() == {"error_description": "JWT is not valid", "error": "invalid_client"}


async def test_two_clocks_a_minute_apart_still_work(world: World) -> None:
    for skew in (-59, 59):
        now = int(world.clock.now().timestamp()) + skew
        await world.code(f"code {skew}")
        assertion = world.assertion(iat=now, nbf=now, exp=now + 300)
        response = await world.token(world.code_request(f"code {skew}", client_assertion=assertion))
        assert response.status_code == 200, skew
