from dataclasses import replace
from datetime import timedelta

import pytest

from carekey.oidc.ciba import grant as ciba
from carekey.oidc.claims.registry import SCOPE_NAMES
from carekey.oidc.device import grant as device
from carekey.oidc.discovery.document import document
from carekey.oidc.profiles import PROFILES, may_push, may_use_devices
from carekey.oidc.tests.world import ISSUER, WARD_CLIENT, World

pytestmark = pytest.mark.anyio


async def test_discovery_3_what_must_be_told(world: World) -> None:
    response = await world.get("/.well-known/openid-configuration")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "public, max-age=3600"
    told = response.json()
    assert told["response_types_supported"] == ["code"]
    assert told["subject_types_supported"] == ["public"]
    assert told["id_token_signing_alg_values_supported"][0] == "RS256"
    assert "none" not in str(told["id_token_signing_alg_values_supported"])


async def test_it_tells_the_truth_about_what_the_provider_was_built_with(world: World) -> None:
    told = (await world.get("/.well-known/openid-configuration")).json()
    assert told["grant_types_supported"] == list(world.grants)
    assert told["scopes_supported"] == [*SCOPE_NAMES, "offline_access"]
    assert told["acr_values_supported"] == ["AAL2_OR_AAL3_ANY", "AAL3_ANY"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["request_parameter_supported"] is True
    assert told["request_uri_parameter_supported"] is True
    assert told["claims_parameter_supported"] is True
    assert "authorization_details_types_supported" not in told
    listed = document(ISSUER, acr_values=[], grant_types=[], details=["record_access"])
    assert listed["authorization_details_types_supported"] == ["record_access"]
    for missing in ("registration_endpoint", "check_session_iframe"):
        assert missing not in told


async def test_backchannel_2_1_and_frontchannel_3_logout_is_announced(world: World) -> None:
    told = (await world.get("/.well-known/openid-configuration")).json()
    for channel in ("backchannel", "frontchannel"):
        assert told[f"{channel}_logout_supported"] is True
        assert told[f"{channel}_logout_session_supported"] is True


@pytest.mark.parametrize(
    ("form_post", "modes"),
    [(True, ["query", "form_post", "jwt", "query.jwt", "form_post.jwt"]), (False, ["query", "jwt", "query.jwt"])],
)
def test_cis2_release_11_01_form_post_is_a_switch(form_post: bool, modes: list[str]) -> None:
    told = document(replace(ISSUER, form_post=form_post), acr_values=[], grant_types=[])
    assert told["response_modes_supported"] == modes


def test_session_management_3_3_discovery_names_the_frame_if_there_is_one() -> None:
    def told(*, managed: bool) -> dict[str, object]:
        return document(replace(ISSUER, session_management=managed), acr_values=[], grant_types=[])

    assert told(managed=True)["check_session_iframe"] == f"{ISSUER.url}/connect/checkSession"
    assert "check_session_iframe" not in told(managed=False)


async def test_cis2_9_4_caches_cannot_fall_behind_a_rotation(world: World) -> None:
    """Trap 13: a key is in the set for days before it signs, and a cache keeps the set for minutes."""
    response = await world.get("/connect/jwk_uri")
    assert response.headers["cache-control"] == "public, max-age=300"
    before = {key["kid"] for key in response.json()["keys"]}
    world.clock.pass_by(days=84)
    ahead = {key["kid"] for key in (await world.get("/connect/jwk_uri")).json()["keys"]}
    assert before < ahead
    world.clock.pass_by(days=7)
    await world.signer.refresh(world.clock.now())
    assert {key["kid"] for key in (await world.get("/connect/jwk_uri")).json()["keys"]} == ahead
    assert timedelta(seconds=300) < timedelta(days=7)


async def test_documents_answer_head_and_nothing_else(world: World) -> None:
    async with world.http() as http:
        address = f"{world.issuer.url}/connect/jwk_uri"
        assert (await http.head(address)).status_code == 200
        assert (await http.post(address)).status_code == 405


@pytest.mark.parametrize("name", PROFILES)
def test_discovery_has_the_decoupled_endpoints(name: str) -> None:
    """Each is there for exactly those that may use it."""
    issuer, row = replace(ISSUER, profile=name), PROFILES[name]
    told = document(issuer, acr_values=[], grant_types=[ciba.NAME, device.NAME])
    assert told["backchannel_authentication_endpoint"] == f"{ISSUER.url}/bc-authorize"
    assert ("push" in told["backchannel_token_delivery_modes_supported"]) is may_push(WARD_CLIENT, row)
    assert set(told["backchannel_authentication_request_signing_alg_values_supported"]) == row.algs
    assert told["backchannel_user_code_parameter_supported"] is True
    assert (device.NAME in told["grant_types_supported"]) is may_use_devices(row)
    assert (told.get("device_authorization_endpoint") == f"{ISSUER.url}/device_authorization") is may_use_devices(row)
    none = document(issuer, acr_values=[], grant_types=[])
    assert not any(member.startswith(("backchannel_auth", "device")) for member in none)
