"""Tokens that are good with one certificate alone (RFC 8705 section 3)."""

from dataclasses import replace
from typing import Any

import pytest

from carekey.jose.certificates import thumbprint
from carekey.oidc import profiles
from carekey.oidc.discovery.document import document
from carekey.oidc.errors import Reason
from carekey.oidc.model import Client, Resource
from carekey.oidc.mtls.tests import pki
from carekey.oidc.mtls.tests.world import (
    API_HOST,
    OWN,
    PKI,
    PUBLIC,
    ROOT,
    SELF,
    SELF_SIGNED,
    credentials,
    send,
    world_with,
)
from carekey.oidc.tests.world import CALLBACK, CHALLENGE, ISSUER, ISSUER_URL, NOW, VERIFIER, WARD_CLIENT, World

OTHER = pki.client(ROOT, NOW, number=51)


async def exchange(world: World, client: Client, der: bytes | None, code: str = "code-1") -> Any:
    await world.code(code, client=client.id, code_challenge=CHALLENGE)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": client.id,
        "code_verifier": VERIFIER,
    }
    return await send(world, "/access_token", fields, certificates=[der] if der else [])


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def introspected(world: World, token: str) -> dict[str, Any]:
    await world.save(replace(PKI, id="watcher", introspect_any=True))
    told = await send(world, "/introspect", {"client_id": "watcher", "token": token}, certificates=[OWN.der])
    answer: dict[str, Any] = told.json()
    return answer


@pytest.mark.parametrize(("client", "pair"), [(PKI, OWN), (SELF, SELF_SIGNED)], ids=lambda one: getattr(one, "id", ""))
async def test_rfc8705_3_1_the_token_says_which_certificate(client: Client, pair: pki.Pair) -> None:
    world = await world_with()
    told = (await send(world, "/access_token", credentials(client), certificates=[pair.der])).json()
    assert told["token_type"] == "Bearer"
    seen = await introspected(world, told["access_token"])
    assert seen["cnf"] == {"x5t#S256": thumbprint(pair.der)}
    assert [event.data["bound_by"] for event in await world.events("token:grant:issued")] == [["x5t#S256"]]


async def test_rfc8705_3_userinfo_takes_the_certificate_and_no_other() -> None:
    world = await world_with()
    token = (await exchange(world, PKI, OWN.der)).json()["access_token"]
    answer = await send(world, "/userinfo", headers=bearer(token), certificates=[OWN.der])
    assert (answer.status_code, answer.json()["sub"]) == (200, "555012345678")
    for chain in ([OTHER.der], [SELF_SIGNED.der], [], [OTHER.der, OWN.der]):
        answer = await send(world, "/userinfo", headers=bearer(token), certificates=chain)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), chain
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert (await world.reasons())[-1] == Reason.NOT_THE_SENDER
    # In a form as in the header.
    answer = await send(world, "/userinfo", {"access_token": token}, certificates=[OTHER.der])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_rfc8705_3_on_the_main_listener_a_bound_token_is_good_for_nothing() -> None:
    world = await world_with()
    token = (await exchange(world, PKI, OWN.der)).json()["access_token"]
    answer = await world.userinfo(token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_a_token_that_is_not_bound_is_taken_with_any_certificate_or_none() -> None:
    free = replace(PKI, certificate_bound_access_tokens=False)
    world = await world_with(free)
    token = (await exchange(world, free, OWN.der)).json()["access_token"]
    for chain in ([OTHER.der], []):
        answer = await send(world, "/userinfo", headers=bearer(token), certificates=chain)
        assert answer.status_code == 200, answer.text
    assert (await world.userinfo(token)).status_code == 200


@pytest.mark.parametrize("where", ["api host", "main"])
async def test_rfc8705_3_4_a_client_that_wants_bound_tokens_has_no_others(where: str) -> None:
    client = replace(WARD_CLIENT, certificate_bound_access_tokens=True)
    world = await world_with(client)
    fields = world.code_request(await world.code())
    answer = await (send(world, "/access_token", fields) if where == "api host" else world.token(fields))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == [Reason.CERTIFICATE_MISSING]
    # The code was not spent.
    fields = world.code_request("code-1")
    assert (await send(world, "/access_token", fields, certificates=[SELF_SIGNED.der])).status_code == 200


async def test_rfc8705_3_any_method_of_authentication_goes_with_bound_tokens() -> None:
    client = replace(WARD_CLIENT, certificate_bound_access_tokens=True)
    world = await world_with(client, PKI)
    assertion = world.assertion(aud=f"{API_HOST}{ISSUER_URL.partition(':443')[2]}/access_token")
    fields = world.code_request(await world.code(), client_assertion=assertion)
    told = (await send(world, "/access_token", fields, certificates=[SELF_SIGNED.der])).json()
    assert (await introspected(world, told["access_token"]))["cnf"] == {"x5t#S256": thumbprint(SELF_SIGNED.der)}


async def test_rfc8705_4_a_public_clients_tokens_and_refresh_tokens_are_bound() -> None:
    world = await world_with()
    first = (await exchange(world, PUBLIC, SELF_SIGNED.der)).json()

    async def refresh(token: str, der: bytes | None) -> Any:
        fields = {"grant_type": "refresh_token", "client_id": PUBLIC.id, "refresh_token": token}
        return await send(world, "/access_token", fields, certificates=[der] if der else [])

    stolen = await refresh(first["refresh_token"], OTHER.der)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await world.reasons())[-1] == Reason.NOT_THE_SENDER
    without = await refresh(first["refresh_token"], None)
    assert (without.status_code, without.json()["error"]) == (400, "invalid_request")
    # Neither has used it up.
    second = await refresh(first["refresh_token"], SELF_SIGNED.der)
    assert second.status_code == 200, second.text
    seen = await send(world, "/userinfo", headers=bearer(second.json()["access_token"]), certificates=[OTHER.der])
    assert seen.status_code == 401


async def test_rfc8705_7_1_a_client_with_credentials_may_change_its_certificate() -> None:
    """Its refresh tokens are bound to it by its authentication."""
    world = await world_with(replace(SELF, jwks={"keys": [SELF_SIGNED.jwk]}))
    first = (await exchange(world, SELF, SELF_SIGNED.der)).json()
    newer = pki.client(None, NOW, number=63)
    await world.save(replace(SELF, jwks={"keys": [newer.jwk]}))
    fields = {"grant_type": "refresh_token", "client_id": SELF.id, "refresh_token": first["refresh_token"]}
    old = await send(world, "/access_token", fields, certificates=[SELF_SIGNED.der])
    assert (old.status_code, old.json()["error"]) == (401, "invalid_client")
    answer = await send(world, "/access_token", fields, certificates=[newer.der])
    assert answer.status_code == 200, answer.text


@pytest.fixture
def everything_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not each profile can be chosen yet."""
    monkeypatch.setattr(profiles, "OFFERED", frozenset(profiles.Feature))


@pytest.mark.usefixtures("everything_offered")
@pytest.mark.parametrize("profile", ["fapi2", "fapi-ciba"])
async def test_fapi2_5_3_2_1_mutual_tls_authenticates_and_binds(profile: str) -> None:
    """Whether or not the client has registered for it."""
    client = replace(PKI, certificate_bound_access_tokens=False)
    world = await world_with(client, profile=profile)
    told = await send(world, "/access_token", credentials(client), certificates=[OWN.der])
    assert told.status_code == 200, told.text
    assert (await introspected(world, told.json()["access_token"]))["cnf"] == {"x5t#S256": thumbprint(OWN.der)}


async def test_rfc8705_3_3_and_5_discovery() -> None:
    world = await world_with()
    told = (await world.get("/.well-known/openid-configuration")).json()
    path = ISSUER_URL.partition(":443")[2]
    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert told["mtls_endpoint_aliases"] == {
        "token_endpoint": f"{API_HOST}{path}/access_token",
        "pushed_authorization_request_endpoint": f"{API_HOST}{path}/par",
        "userinfo_endpoint": f"{API_HOST}{path}/userinfo",
        "introspection_endpoint": f"{API_HOST}{path}/introspect",
        "revocation_endpoint": f"{API_HOST}{path}/token/revoke",
    }
    for member in ("token", "introspection", "revocation"):
        methods = told[f"{member}_endpoint_auth_methods_supported"]
        assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(methods)


@pytest.mark.parametrize(
    ("issuer", "offered"),
    [
        ({"api_host": None}, set()),
        ({"client_authorities": False}, {"self_signed_tls_client_auth"}),
    ],
)
async def test_what_is_not_configured_is_not_offered(issuer: dict[str, Any], offered: set[str]) -> None:
    one = replace(ISSUER, **{"api_host": API_HOST, "client_authorities": True, **issuer})
    told = document(one, acr_values=[], grant_types=[])
    methods = set(told["token_endpoint_auth_methods_supported"])
    assert methods & {"tls_client_auth", "self_signed_tls_client_auth"} == offered
    assert ("mtls_endpoint_aliases" in told) is (one.api_host is not None)


@pytest.mark.parametrize("path", ["/authorize", "/.well-known/openid-configuration", "/connect/jwk_uri", "/", "/demo"])
async def test_the_api_host_has_no_pages(path: str) -> None:
    world = await world_with()
    assert (await send(world, path)).status_code == 404


async def test_rfc8705_3_the_certificate_of_a_subject_token_is_proven_anew_at_the_exchange() -> None:
    """RFC 8693 section 5: whoever stole a bound token exchanges nothing for it."""
    kind = "urn:ietf:params:oauth:grant-type:token-exchange"
    resource = Resource(uri="https://records.example", scopes=frozenset({"read"}))
    client = replace(PKI, grant_types=(*PKI.grant_types, kind), resources=frozenset({resource.uri}))
    # Its other certificate has the same name, so that it authenticates by either.
    world = await world_with(client, resources={resource.uri: resource})
    token = (await exchange(world, client, OWN.der)).json()["access_token"]
    fields = {
        "grant_type": kind,
        "client_id": client.id,
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
    refused = await send(world, "/access_token", fields, certificates=[OTHER.der])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == [Reason.NOT_THE_SENDER]
    answer = await send(world, "/access_token", fields, certificates=[OWN.der])
    assert answer.status_code == 200, answer.text
    seen = await introspected(world, answer.json()["access_token"])
    assert seen["cnf"] == {"x5t#S256": thumbprint(OWN.der)}
    # Nor is it unbound by a client that says so less strictly by now.
    await world.save(replace(client, certificate_bound_access_tokens=False))
    unbound = await send(world, "/access_token", fields, certificates=[OWN.der])
    assert (unbound.status_code, unbound.json()["error"]) == (400, "invalid_request")
    assert (await world.reasons())[-1] == Reason.NOT_CONSTRAINED
