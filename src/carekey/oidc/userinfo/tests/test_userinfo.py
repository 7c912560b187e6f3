import json
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwk, jwt

from carekey.directory.model import PersonStatus
from carekey.kernel.ids import IssuerName
from carekey.kernel.secret import digest
from carekey.oidc.model import AccessToken
from carekey.oidc.tests.world import (
    ASHA,
    ASHA_MARLOW,
    HEALTHCARE,
    ISSUER_URL,
    NOW,
    ROLES,
    SESSION,
    WARD,
    WARD_CLIENT,
    World,
)

pytestmark = pytest.mark.anyio

BAD_TOKEN = {
    "error_description": "The access token provided is expired, revoked, malformed, or invalid for other reasons.",
    "error": "invalid_token",
}


async def bearer(world: World, **changes: Any) -> str:
    token = AccessToken(
        digest=digest("bearer-1"),
        issuer=HEALTHCARE,
        client=WARD,
        person=ASHA,
        session=SESSION,
        scopes=("openid", "profile"),
        role=ROLES[0].id,
        code=None,
        issued_at=NOW,
        expires_at=NOW + world.issuer.token_lifetime,
    )
    await world.change(lambda tx: tx.access_tokens.put(replace(token, **changes)))
    return "bearer-1"


PROFILE = {"sub": ASHA, "uid": ASHA, "name": "Asha Marlow", "given_name": "Asha", "family_name": "Marlow"}


async def test_rfc6750_2_1_the_token_comes_in_the_header(world: World) -> None:
    response = await world.userinfo(await bearer(world))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == PROFILE


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_core_5_3_1_by_get_or_post_and_in_any_case(world: World, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {await bearer(world)}"}
    assert (await world.get("/userinfo", headers=headers)).json() == PROFILE
    assert (await world.post("/userinfo", headers=headers)).json() == PROFILE


async def test_rfc6750_2_2_the_token_comes_in_a_form(world: World) -> None:
    assert (await world.post("/userinfo", {"access_token": await bearer(world)})).json() == PROFILE


async def test_rfc6750_2_3_a_token_in_the_address_is_not_looked_at(world: World) -> None:
    response = await world.get("/userinfo", params={"access_token": await bearer(world)})
    assert response.status_code == 401
    assert await world.reasons() == ["no_token"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic YTpi"}], ids=str)
async def test_rfc6750_3_1_who_sends_no_token_is_told_no_error_code(world: World, headers: dict[str, str]) -> None:
    response = await world.get("/userinfo", headers=headers)
    assert response.status_code == 401
    algs = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519"
    assert response.headers.get_list("www-authenticate") == [
        'Bearer realm="carekey"',
        f'DPoP realm="carekey", algs="{algs}"',
    ]
    assert response.json() == BAD_TOKEN


async def test_rfc6750_2_two_tokens_are_an_invalid_request(world: World) -> None:
    token = await bearer(world)
    response = await world.post("/userinfo", {"access_token": token}, headers={"authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    twice = await world.post("/userinfo", [("access_token", token), ("access_token", token)])
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["several_tokens", "repeated_parameter"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": b"another"}, "unknown_token"),
        ({"expires_at": NOW}, "token_expired"),
        ({"revoked_at": NOW}, "unknown_token"),
        ({"issuer": IssuerName("sandbox")}, "token_of_another_issuer"),
        ({"person": "555099999999"}, "person_not_active"),
        ({"client": "gone"}, "disabled_client"),
    ],
)
async def test_cis2_2_14_a_token_that_is_no_good(world: World, changes: dict[str, Any], reason: str) -> None:
    response = await world.userinfo(await bearer(world, **changes))
    assert response.status_code == 401
    assert response.json() == BAD_TOKEN
    assert list(response.json()) == ["error_description", "error"]
    assert response.headers["www-authenticate"].startswith('Bearer realm="carekey", error="invalid_token"')
    (event,) = await world.events()
    assert (event.tag, event.refusal, event.data["reason"]) == ("token:userinfo:refused", True, reason)


@pytest.mark.parametrize("status", [PersonStatus.SUSPENDED, PersonStatus.CLOSED])
async def test_nothing_is_told_of_somebody_who_may_not_log_in_any_more(world: World, status: PersonStatus) -> None:
    token = await bearer(world)
    await world.change(lambda tx: tx.people.put([replace(ASHA_MARLOW, status=status)]))
    assert (await world.userinfo(token)).json() == BAD_TOKEN


async def test_a_token_ends_with_its_session(world: World) -> None:
    token = await bearer(world)
    await world.change(lambda tx: tx.sessions.end(SESSION, at=NOW))
    assert (await world.userinfo(token)).json() == BAD_TOKEN


async def test_rfc6750_3_1_a_token_without_openid_is_not_enough(world: World) -> None:
    response = await world.userinfo(await bearer(world, scopes=("profile",)))
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert 'scope="openid"' in response.headers["www-authenticate"]


async def test_cis2_2_13_the_signed_form_has_no_audience(world: World) -> None:
    await world.save(replace(WARD_CLIENT, userinfo_alg="ES256"))
    response = await world.userinfo(await bearer(world))
    assert response.headers["content-type"] == "application/jwt"
    assert response.headers["cache-control"] == "no-store"
    keys = jwk.KeySet.import_key_set((await world.get("/connect/jwk_uri")).json())
    assert jwt.decode(response.text, keys, algorithms=["ES256"]).claims == {"iss": ISSUER_URL, **PROFILE}


async def test_core_5_5_claims_are_told_one_by_one_if_they_were_asked_for(world: World) -> None:
    wish = {"userinfo": {"nmc_id": {"essential": True}, "nhsid_user_orgs": None, "phone_number": None, "name": None}}
    told = (await world.userinfo(await bearer(world, scopes=("openid",), requested_claims=wish))).json()
    assert told == {
        "sub": ASHA,
        "nmc_id": "12A3456B",
        "name": "Asha Marlow",
        "nhsid_user_orgs": [
            {"org_name": "INVENTED GENERAL HOSPITAL", "org_code": "RZZ01"},
            {"org_name": "MADE UP SURGERY", "org_code": "Z99999"},
        ],
    }


@pytest.mark.parametrize(
    "wish", [{"userinfo": None}, {"userinfo": []}, {"userinfo": "name"}, {"id_token": {"name": None}}]
)
async def test_odd_wishes_change_nothing(world: World, wish: dict[str, Any]) -> None:
    assert (await world.userinfo(await bearer(world, requested_claims=wish))).json() == PROFILE


async def test_cors_is_off(world: World) -> None:
    headers = {"authorization": f"Bearer {await bearer(world)}", "origin": "https://evil.example"}
    response = await world.get("/userinfo", headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control")]
    async with world.http() as http:
        assert (await http.options(f"{ISSUER_URL}/userinfo", headers=headers)).status_code == 405


async def test_cis2_3_2_the_whole_of_it(world: World) -> None:
    scopes = (
        *("openid", "profile", "email", "nhsperson", "associatedorgs", "nationalrbacaccess"),
        *("professionalmemberships", "organisationalmemberships", "selectedrole", "unknown", "profile"),
    )
    told = (await world.userinfo(await bearer(world, scopes=scopes))).json()
    places = [
        {"person_orgid": "555034567890", "org_name": "INVENTED GENERAL HOSPITAL", "org_code": "RZZ01"},
        {"person_orgid": "555034567891", "org_name": "MADE UP SURGERY", "org_code": "Z99999"},
    ]
    assert told == {
        **PROFILE,
        "nhsid_useruid": ASHA,
        "middle_names": "Jean",
        "initials": "AJ",
        "title": "Dr",
        "display_name": "Asha Marlow",
        "email": "asha.marlow@trust.example",
        "idassurancelevel": "3",
        "gmc_id": "7654321",
        "nmc_id": "12A3456B",
        "nhsid_user_orgs": [
            {"org_name": "INVENTED GENERAL HOSPITAL", "org_code": "RZZ01"},
            {"org_name": "MADE UP SURGERY", "org_code": "Z99999"},
        ],
        "nhsid_org_memberships": [{**places[0], "gnc": "GNC0001"}, places[1]],
        "nhsid_org_roles": places,
        "nhsid_nrbac_roles": [
            {
                "person_orgid": "555034567890",
                "person_roleid": "555023456789",
                "org_code": "RZZ01",
                "role_name": '"Clinical":"Clinical Provision":"Clinical Practitioner Access Role"',
                "role_code": "S8000:G8000:R8000",
                "activities": ["Independent Prescribing", "Amend Patient Demographics"],
                "activity_codes": ["B0420", "B0825"],
                "workgroups": ["ward seven"],
                "workgroups_codes": ["555045678901"],
                "aow": ['"Pathology":"Pathology":"Phlebotomy"'],
                "aow_codes": ["P0020:Q0300:T0640"],
            },
            {
                "person_orgid": "555034567891",
                "person_roleid": "555023456790",
                "org_code": "Z99999",
                "role_name": '"Support":"Support":"Admin/Clinical Support Access Role"',
                "role_code": "S8001:G8002:R8008",
            },
        ],
        "selected_roleid": "555023456789",
    }
    assert "email_verified" not in json.dumps(told)
