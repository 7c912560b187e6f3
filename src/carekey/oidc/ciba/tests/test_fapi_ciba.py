"""A client of the profile fapi-ciba from its registration to a token that is good in its hands alone."""

import json
from typing import Any

import httpx2
import pytest
from joserfc import jws

from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA, NOW
from carekey.oidc import endpoints
from carekey.oidc.authorize.tests.world import URL
from carekey.oidc.ciba import grant
from carekey.oidc.ciba.tests.world import CibaWorld, agree, ciba_world, log_in
from carekey.oidc.clients.metadata import parse
from carekey.oidc.device.tests.world import ISSUER
from carekey.oidc.dpop.tests.proofs import proof
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.par.tests.world import proof as client_proof
from carekey.oidc.tests.world import client_key

pytestmark = pytest.mark.anyio

BANK = parse(
    {
        "client_name": "Bank desk",
        "profile": "fapi-ciba",
        "grant_types": [grant.NAME, "refresh_token"],
        "backchannel_token_delivery_mode": "poll",
        "jwks": {"keys": [client_key().as_dict(private=False)]},
    },
    id=ClientId("bank"),
    issuer=ISSUER,
    now=NOW,
)
TOKEN_URL = endpoints.address(ISSUER, endpoints.TOKEN).replace(":443", "")
USERINFO_URL = endpoints.address(ISSUER, endpoints.USERINFO).replace(":443", "")


@pytest.fixture
async def world() -> CibaWorld:
    return await ciba_world(BANK)


async def agreed(world: CibaWorld) -> dict[str, Any]:
    """A signed request, to which the person said yes."""
    fields = {"request": world.object(BANK), **client_proof(world, BANK.id)}
    answer = await world.send(endpoints.BACKCHANNEL_AUTHENTICATION, fields)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    browser = world.browser()
    await log_in(world, browser)
    await agree(world, browser, told)
    world.clock.pass_by(seconds=told["interval"])
    return told


async def ask(world: CibaWorld, by: str | None, **fields: str) -> httpx2.Response:
    """At the token endpoint, with a proof by this key."""
    headers = {} if by is None else {"dpop": at_token(world, by)}
    return await world.send(endpoints.TOKEN, {**fields, **client_proof(world, BANK.id)}, **headers)


def at_token(world: Any, by: str) -> str:
    return proof(world, by=by, htu=TOKEN_URL)


async def poll(world: CibaWorld, told: dict[str, Any], by: str | None = "first") -> httpx2.Response:
    return await ask(world, by, grant_type=grant.NAME, auth_req_id=told["auth_req_id"])


async def userinfo(world: Any, token: str, scheme: str = "DPoP", by: str | None = "first") -> httpx2.Response:
    headers = {"authorization": f"{scheme} {token}"}
    if by is not None:
        headers["dpop"] = proof(world, by=by, token=token, htm="GET", htu=USERINFO_URL)
    answer: httpx2.Response = await world.browser().http.get(
        endpoints.path(world.issuer, endpoints.USERINFO), headers=headers
    )
    return answer


def test_fapi_ciba_a_client_is_registered_with_what_the_profile_demands() -> None:
    assert BANK.auth_method is ClientAuthMethod.PRIVATE_KEY_JWT
    assert BANK.id_token_alg == "PS256"


async def test_fapi_ciba_from_a_signed_request_to_a_bound_token(world: CibaWorld) -> None:
    told = await agreed(world)
    answer = await poll(world, told)
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert got["token_type"] == "DPoP"
    claims = json.loads(jws.extract_compact(got["id_token"].encode()).payload)
    assert (claims["sub"], claims["aud"], claims["iss"]) == (ASHA, BANK.id, URL)
    assert (await userinfo(world, got["access_token"])).json()["sub"] == ASHA
    for scheme, by in (("Bearer", None), ("DPoP", None), ("DPoP", "second"), ("Bearer", "first")):
        refused = await userinfo(world, got["access_token"], scheme, by)
        assert refused.status_code == 401, (scheme, by)


async def test_fapi_ciba_a_poll_without_a_proof_gets_nothing_and_spends_nothing(world: CibaWorld) -> None:
    told = await agreed(world)
    answer = await poll(world, told, by=None)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await world.reasons())[-1] == "not_constrained"
    world.clock.pass_by(seconds=told["interval"])
    assert (await poll(world, told)).status_code == 200


async def test_fapi_ciba_a_proof_works_once(world: CibaWorld) -> None:
    told, used = await agreed(world), at_token(world, "first")
    for status in (200, 400):
        fields = {"grant_type": grant.NAME, "auth_req_id": told["auth_req_id"], **client_proof(world, BANK.id)}
        answer = await world.send(endpoints.TOKEN, fields, dpop=used)
        assert answer.status_code == status, answer.text
    assert answer.json()["error"] == "invalid_dpop_proof"


async def test_fapi_ciba_an_unsigned_request_is_refused(world: CibaWorld) -> None:
    fields = {"scope": "openid", "login_hint": ASHA, "binding_message": "W4SCT", **client_proof(world, BANK.id)}
    answer = await world.send(endpoints.BACKCHANNEL_AUTHENTICATION, fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await world.reasons())[-1] == "not_signed"


async def test_fapi_ciba_refreshed_tokens_stay_bound(world: CibaWorld) -> None:
    """A confidential client's refresh token is bound by its authentication (RFC 9449 section 5); what it is exchanged
    for is bound to the key that it is asked with, and to none without."""
    refresh = (await poll(world, await agreed(world))).json()["refresh_token"]
    answer = await ask(world, None, grant_type="refresh_token", refresh_token=refresh)
    assert answer.status_code == 400, answer.text
    answer = await ask(world, "first", grant_type="refresh_token", refresh_token=refresh)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert (await userinfo(world, token)).status_code == 200
    assert (await userinfo(world, token, by="second")).status_code == 401
