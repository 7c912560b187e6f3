"""cis2-profile section 2.17, row by row: what real clients jointly require. Being stricter breaks one of them."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc.client_auth.assertion import audiences
from carekey.oidc.discovery.document import document
from carekey.oidc.model import Issuer
from carekey.oidc.tests.world import ASHA, HEALTHCARE, ISSUER_URL, NOW, TOKEN_URL, WARD_CLIENT, World, client_key

pytestmark = pytest.mark.anyio

S = int(NOW.timestamp())


async def test_paths_and_the_issuer_come_back_character_for_character(world: World) -> None:
    told = (await world.get("/.well-known/openid-configuration")).json()
    assert told["issuer"] == ISSUER_URL
    assert told["authorization_endpoint"] == f"{ISSUER_URL}/authorize"
    assert told["token_endpoint"] == f"{ISSUER_URL}/access_token"
    assert told["userinfo_endpoint"] == f"{ISSUER_URL}/userinfo"
    assert told["jwks_uri"] == f"{ISSUER_URL}/connect/jwk_uri"
    assert told["end_session_endpoint"] == f"{ISSUER_URL}/connect/endSession"


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "https://a.example", "https://a.example:443/x/y", "http://[::1]:8000/z"]
)
def test_whatever_the_issuer_looks_like(url: str) -> None:
    told = document(Issuer(name=HEALTHCARE, url=url), acr_values=[], grant_types=[])
    assert told["issuer"] == url
    assert told["token_endpoint"] == f"{url}/access_token"


async def test_the_client_is_taken_from_the_assertion_when_client_id_is_missing(world: World) -> None:
    await world.code()
    assert (await world.token(world.code_request(client_id=None))).status_code == 200


ACCEPTED: dict[str, dict[str, Any]] = {
    "RS256": {"header": {"alg": "RS256"}},
    "RS384": {"header": {"alg": "RS384"}},
    "RS512": {"header": {"alg": "RS512"}},
    "PS256": {"header": {"alg": "PS256"}},
    "PS512": {"header": {"alg": "PS512"}},
    "no typ": {"header": {"typ": None}},
    "typ in small letters": {"header": {"typ": "jwt"}},
    "typ of the newer draft": {"header": {"typ": "client-authentication+jwt"}},
    "no kid": {"header": {"kid": None}},
    "a certificate's thumbprint in the header": {"header": {"x5t": "abc"}},
    "aud is the token endpoint": {"aud": TOKEN_URL},
    "aud is the issuer": {"aud": ISSUER_URL},
    "aud is the token endpoint without the port": {"aud": TOKEN_URL.replace(":443", "")},
    "aud is the issuer without the port": {"aud": ISSUER_URL.replace(":443", "")},
    "aud is a list": {"aud": [TOKEN_URL]},
    "aud is a list of several": {"aud": ["https://other.example", ISSUER_URL.replace(":443", ""), 7]},
    "nbf": {"nbf": S},
    "a lifetime of 600 seconds": {"exp": S + 600},
    "no iat": {"iat": None},
    "fractions of seconds": {"iat": S + 0.5, "exp": S + 60.5},
    "a short life on a slow clock": {"iat": S - 60, "exp": S - 59},
    "unknown claims": {"scope": "x", "client_id": "y"},
    "jti of any form": {"jti": "äöü 漢字 " * 20},
}


@pytest.mark.parametrize("name", list(ACCEPTED))
async def test_assertions_that_clients_send(world: World, name: str) -> None:
    await world.code()
    response = await world.token(world.code_request(client_assertion=world.assertion(**ACCEPTED[name])))
    assert response.status_code == 200, await world.reasons()


@pytest.mark.parametrize("configured", ["https://a.example/x", "https://a.example:443/x", "https://[2001:db8::1]/x"])
@pytest.mark.parametrize("sent", ["", ":443"])
def test_the_default_port_may_come_or_go_in_the_audience(configured: str, sent: str) -> None:
    bare = configured.replace(":443", "")
    host = bare.removeprefix("https://").removesuffix("/x")
    accepted = audiences(Issuer(name=HEALTHCARE, url=configured))
    assert f"https://{host}{sent}/x" in accepted
    assert f"https://{host}{sent}/x/access_token" in accepted
    assert f"https://{host}:8443/x" not in accepted
    assert f"http://{host}{sent}/x" not in accepted


def test_another_port_is_another_issuer() -> None:
    accepted = audiences(Issuer(name=HEALTHCARE, url="http://localhost:8000"))
    paths = ("", "/access_token", "/par", "/introspect", "/token/revoke", "/device_authorization", "/bc-authorize")
    assert accepted == {f"http://localhost:8000{path}" for path in paths}


async def test_without_kid_every_key_of_the_client_is_tried(world: World) -> None:
    keys = [client_key(kid).as_dict(private=False) for kid in ("old", "ward-1", "new")]
    await world.save(replace(WARD_CLIENT, jwks={"keys": keys}))
    await world.code()
    assertion = world.assertion(key=client_key("new"), header={"kid": None})
    assert (await world.token(world.code_request(client_assertion=assertion))).status_code == 200


async def test_userinfo_has_the_same_sub_and_the_role_too(world: World) -> None:
    await world.code()
    body = (await world.token(world.code_request())).json()
    told = (await world.userinfo(body["access_token"])).json()
    assert told["sub"] == told["uid"] == ASHA
    assert told["selected_roleid"] == "555023456789"


async def test_every_published_key_has_use_kid_and_alg(world: World) -> None:
    keys = (await world.get("/connect/jwk_uri")).json()["keys"]
    assert keys
    assert all(key["use"] == "sig" and key["kid"] and key["alg"] == "RS256" for key in keys)


async def test_iss_in_the_authorization_response_is_announced_per_issuer_alone(world: World) -> None:
    name = "authorization_response_iss_parameter_supported"
    assert name not in (await world.get("/.well-known/openid-configuration")).json()
    announcing = replace(world.issuer, announce_iss=True)
    assert document(announcing, acr_values=[], grant_types=[])[name] is True


async def test_client_ids_with_dots_and_hyphens_are_opaque(world: World) -> None:
    odd = ClientId("1122334455.Ward 7 (test).0b6f7c1e-5d3b.apps")
    await world.save(replace(WARD_CLIENT, id=odd))
    await world.code(client=odd)
    assertion = world.assertion(iss=odd, sub=odd)
    fields = world.code_request(client_id=odd, client_assertion=assertion)
    assert (await world.token(fields)).status_code == 200
