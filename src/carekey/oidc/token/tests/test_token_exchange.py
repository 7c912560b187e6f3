"""Token exchange: what an application gets for its own log-in, and what policy lets it do with others' tokens."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.dpop.tests.proofs import jkt, proof
from carekey.oidc.model import ActingAs, ClientAuthMethod
from carekey.oidc.tests.apis import (
    APPLICATION,
    EXCHANGE,
    GATEWAY,
    IMAGES,
    RECORDS,
    SCOPES,
    as_gateway,
    bought,
    world_of_apis,
)
from carekey.oidc.tests.world import ASHA, ASHA_MARLOW, MEMBERSHIPS, NOW, ROLES, SECRET, SESSION, WARD, World, basic
from carekey.oidc.tokens import access_token

pytestmark = pytest.mark.anyio

TYPE = "urn:ietf:params:oauth:token-type:"
ID_TOKEN, ACCESS_TOKEN = f"{TYPE}id_token", f"{TYPE}access_token"


@pytest.fixture
async def world() -> World:
    return await world_of_apis()


async def exchange(world: World, token: str, kind: str = ID_TOKEN, **changes: Any):
    fields = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": kind, "resource": RECORDS}
    return await world.token(world.code_request(**{"code": None, "redirect_uri": None, **fields, **changes}))


async def by_gateway(world: World, token: str, kind: str = ACCESS_TOKEN, **changes: Any):
    fields = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": kind, **changes}
    return await as_gateway(
        world, "/access_token", {name: value for name, value in fields.items() if value is not None}
    )


async def test_cis2_8_2_an_application_exchanges_the_id_token_of_its_own_log_in(world: World) -> None:
    body = await bought(world)
    response = await exchange(world, body["id_token"])
    assert response.status_code == 200
    got = response.json()
    assert got.keys() == {"access_token", "token_type", "expires_in", "scope", "issued_token_type"}
    assert got["issued_token_type"] == ACCESS_TOKEN
    assert got["scope"] == "records.read records.write"
    claims = (await world.verified(got["access_token"])).claims
    assert (claims["sub"], claims["client_id"], claims["aud"], claims["sid"]) == (ASHA, WARD, RECORDS, SESSION)
    assert claims["selected_roleid"] == ROLES[0].id
    assert (claims["acr"], claims["amr"], claims["auth_time"]) == ("AAL3_ANY", ["FIDO2"], int(NOW.timestamp()) - 5)
    assert (claims["authentication_assurance_level"], claims["id_assurance_level"]) == ("3", "3")
    assert "act" not in claims
    (event,) = [event for event in await world.events("token:grant:issued") if event.data["grant_type"] == EXCHANGE]
    assert (event.data["person"], event.data["audience"], event.data["act"]) == (ASHA, RECORDS, "")


async def test_cis2_8_2_an_id_token_may_be_exchanged_until_it_expires(world: World) -> None:
    body = await bought(world)
    for _ in range(2):
        assert (await exchange(world, body["id_token"])).status_code == 200
    world.clock.pass_by(seconds=3600)
    late = await exchange(world, body["id_token"])
    assert (late.status_code, late.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["subject_token_expired"]


async def test_rfc8693_2_1_the_target_by_name_by_address_or_the_only_one(world: World) -> None:
    body = await bought(world)
    by_name = (await exchange(world, body["id_token"], resource=None, audience=IMAGES)).json()
    assert by_name["scope"] == "images.read"
    undecided = await exchange(world, body["id_token"], resource=None)
    assert undecided.json()["error"] == "invalid_target"
    both = await exchange(world, body["id_token"], audience=IMAGES)
    assert both.json()["error"] == "invalid_target"
    await world.save(replace(APPLICATION, resources=frozenset({RECORDS})))
    only = (await exchange(world, body["id_token"], resource=None)).json()
    assert (await world.verified(only["access_token"])).claims["aud"] == RECORDS


async def test_rfc8693_4_1_delegation_names_who_acts(world: World) -> None:
    body = await bought(world)
    got = (await by_gateway(world, body["access_token"])).json()
    told = (await as_gateway(world, "/introspect", {"token": got["access_token"]})).json()
    assert (told["sub"], told["client_id"], told["aud"], told["act"]) == (ASHA, "gateway", IMAGES, {"sub": "gateway"})
    assert told["scope"] == "images.read"
    (event,) = [event for event in await world.events("token:grant:issued") if event.data["grant_type"] == EXCHANGE]
    assert event.data["act"] == "gateway"


async def test_rfc8693_1_1_impersonation_is_a_policy_of_its_own_and_names_nobody(world: World) -> None:
    await world.save(replace(GATEWAY, exchange_from={WARD: ActingAs.IMPERSONATION}))
    body = await bought(world)
    got = (await by_gateway(world, body["id_token"], ID_TOKEN)).json()
    assert "act" not in (await as_gateway(world, "/introspect", {"token": got["access_token"]})).json()


async def test_rfc8693_4_1_actors_before_are_kept_within(world: World) -> None:
    middle = replace(GATEWAY, id=ClientId("middle"), resources=frozenset({RECORDS}), scopes=None)
    await world.save(middle, replace(GATEWAY, exchange_from={"middle": ActingAs.DELEGATION}))
    await world.save(replace(middle, exchange_from={WARD: ActingAs.DELEGATION}))
    body = await bought(world)
    fields = {"grant_type": EXCHANGE, "subject_token": body["access_token"], "subject_token_type": ACCESS_TOKEN}
    first = (await world.token(fields, headers=basic("middle", SECRET))).json()
    second = (await by_gateway(world, first["access_token"])).json()
    told = (await as_gateway(world, "/introspect", {"token": second["access_token"]})).json()
    assert told["act"] == {"sub": "gateway", "act": {"sub": "middle"}}


async def test_rfc8693_1_1_an_actor_token_of_its_own_makes_it_delegation(world: World) -> None:
    await world.save(replace(GATEWAY, exchange_from={WARD: ActingAs.IMPERSONATION}))
    body = await bought(world)
    actor = (await as_gateway(world, "/access_token", {"grant_type": "client_credentials"})).json()["access_token"]
    acting = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN}
    got = (await by_gateway(world, body["access_token"], **acting)).json()
    told = (await as_gateway(world, "/introspect", {"token": got["access_token"]})).json()
    assert told["act"] == {"sub": "gateway"}


async def test_an_exchanged_token_does_not_outlive_the_token_that_it_was_exchanged_for(world: World) -> None:
    body = await bought(world)
    world.clock.pass_by(minutes=9)
    got = (await by_gateway(world, body["access_token"])).json()
    assert got["expires_in"] == 59


async def test_rfc8693_2_2_2_an_access_token_that_has_expired_is_exchanged_for_nothing(world: World) -> None:
    body = await bought(world)
    world.clock.pass_by(minutes=10)
    answer = await by_gateway(world, body["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["subject_token_invalid"]


async def test_rfc8693_2_2_2_nor_is_one_of_another_issuer(world: World) -> None:
    """Issuers of one installation keep their tokens in one table."""
    token = access_token.of_person(
        "of the sandbox",
        APPLICATION,
        ASHA,
        scopes=("images.read",),
        issuer=replace(world.issuer, name=IssuerName("sandbox")),
        issued_at=NOW,
        resource=None,
        session=SESSION,
    )
    await world.change(lambda tx: tx.access_tokens.put(token))
    answer = await exchange(world, "of the sandbox", ACCESS_TOKEN)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["subject_token_invalid"]


async def test_an_exchanged_token_ends_with_the_session(world: World) -> None:
    body = await bought(world)
    got = (await by_gateway(world, body["access_token"])).json()
    await world.change(lambda tx: tx.sessions.end(SESSION, at=NOW))
    told = await as_gateway(world, "/introspect", {"token": got["access_token"]})
    assert told.json() == {"active": False}


async def test_rfc6749_4_1_2_a_replayed_code_revokes_what_was_exchanged(world: World) -> None:
    body = await bought(world)
    got = (await by_gateway(world, body["access_token"])).json()
    await world.token(world.code_request(resource=RECORDS))
    told = await as_gateway(world, "/introspect", {"token": got["access_token"]})
    assert told.json() == {"active": False}


async def test_a_token_for_the_same_resource_has_no_more_scopes_than_before(world: World) -> None:
    body = await bought(world)
    got = (await exchange(world, body["access_token"], ACCESS_TOKEN)).json()
    assert got["scope"] == "records.read"
    more = await exchange(world, body["access_token"], ACCESS_TOKEN, scope="records.write")
    assert more.json()["error"] == "invalid_scope"


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no subject token": ({"subject_token": None}, "invalid_request", "missing_parameter"),
    "no subject token type": ({"subject_token_type": None}, "invalid_request", "missing_parameter"),
    "another type": ({"subject_token_type": f"{TYPE}saml2"}, "invalid_request", "subject_token_type"),
    "a refresh token": ({"subject_token_type": f"{TYPE}refresh_token"}, "invalid_request", "subject_token_type"),
    "malformed": ({"subject_token": "nonsense"}, "invalid_request", "subject_token_invalid"),
    "not the type": ({"subject_token_type": ACCESS_TOKEN}, "invalid_request", "subject_token_invalid"),
    "unknown resource": ({"resource": "https://elsewhere.example"}, "invalid_target", "unknown_resource"),
    "unknown audience": ({"resource": None, "audience": "x"}, "invalid_target", "unknown_resource"),
    "a scope of nobody's": ({"scope": "admin"}, "invalid_scope", "scope_not_registered"),
    "a scope about people": ({"scope": "openid"}, "invalid_scope", "scope_not_registered"),
    "an id token wanted": ({"requested_token_type": ID_TOKEN}, "invalid_request", "requested_token_type"),
    "a jwt of an opaque resource": (
        {"requested_token_type": f"{TYPE}jwt", "resource": IMAGES},
        "invalid_request",
        "requested_token_type",
    ),
    "actor type alone": ({"actor_token_type": ACCESS_TOKEN}, "invalid_request", "actor_token"),
    "actor token alone": ({"actor_token": "x"}, "invalid_request", "actor_token"),
    "no actor token": ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request", "actor_token"),
}


@pytest.mark.parametrize("name", list(REFUSED))
async def test_rfc8693_2_2_2_refused_exchanges(world: World, name: str) -> None:
    changes, error, reason = REFUSED[name]
    body = await bought(world)
    response = await exchange(world, **{"token": body["id_token"], **changes})
    assert (response.status_code, response.json()["error"]) == (400, error)
    (event,) = await world.events("token:grant:refused")
    assert (event.data["reason"], event.data["grant_type"]) == (reason, EXCHANGE)


@pytest.mark.parametrize(
    "name",
    [
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "audience",
        "scope",
    ],
)
async def test_rfc8693_2_1_no_parameter_comes_twice(world: World, name: str) -> None:
    fields = world.code_request(grant_type=EXCHANGE, subject_token="x")
    response = await world.token([*fields.items(), (name, "x"), (name, "x")])
    assert response.json()["error"] == "invalid_request"
    assert await world.reasons() == ["repeated_parameter"]


async def test_rfc8693_5_a_person_is_no_actor(world: World) -> None:
    body = await bought(world)
    response = await exchange(world, body["id_token"], actor_token=body["access_token"], actor_token_type=ACCESS_TOKEN)
    assert response.json()["error"] == "invalid_request"
    assert await world.reasons() == ["actor_token"]


@pytest.mark.parametrize("kind", ["id_token", "access_token"])
async def test_rfc8693_5_without_a_policy_nobody_exchanges_anothers_tokens(world: World, kind: str) -> None:
    await world.save(replace(GATEWAY, exchange_from={}))
    body = await bought(world)
    response = await by_gateway(world, body[kind], f"{TYPE}{kind}")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert await world.reasons() == ["exchange_not_allowed"]


@pytest.mark.parametrize("kind", [ACCESS_TOKEN, ID_TOKEN])
async def test_what_a_removed_client_held_is_exchanged_no_more(world: World, kind: str) -> None:
    """It is dead everywhere else, too: at userinfo, at introspection, and for the client itself."""
    body = await bought(world)
    token = body["access_token" if kind == ACCESS_TOKEN else "id_token"]
    assert (await by_gateway(world, token, kind)).status_code == 200
    await world.save(replace(APPLICATION, disabled_at=NOW))
    refused = await by_gateway(world, token, kind)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


async def test_rfc8693_5_a_public_client_exchanges_nothing(world: World) -> None:
    await world.save(replace(APPLICATION, id=ClientId("public"), auth_method=ClientAuthMethod.NONE, jwks=None))
    response = await world.token({"grant_type": EXCHANGE, "client_id": "public"})
    assert response.json()["error"] == "unauthorized_client"


async def test_a_client_exchanges_only_if_it_is_registered_for_it(world: World) -> None:
    await world.save(replace(APPLICATION, grant_types=("authorization_code",)))
    body = await bought(world)
    assert (await exchange(world, body["id_token"])).json()["error"] == "unauthorized_client"


def _suspend(tx) -> None:
    tx.people.put([replace(ASHA_MARLOW, status=PersonStatus.SUSPENDED)])


def _take_role_away(tx) -> None:
    tx.roles.put(MEMBERSHIPS, [replace(ROLES[0], ends=NOW)])


ENDINGS = {
    "logged out": (lambda tx: tx.sessions.end(SESSION, at=NOW), "session_ended"),
    "suspended": (_suspend, "person_not_active"),
    "role taken away": (_take_role_away, "role_not_held"),
}


@pytest.mark.parametrize("name", list(ENDINGS))
async def test_what_the_token_rested_on_must_still_be_true(world: World, name: str) -> None:
    change, reason = ENDINGS[name]
    body = await bought(world)
    await world.change(change)
    assert (await exchange(world, body["id_token"])).json()["error"] == "invalid_request"
    assert await world.reasons() == [reason]


async def replay_code(world: World, body: dict[str, Any]) -> None:
    assert (await world.token(world.code_request(resource=RECORDS))).json()["error"] == "invalid_grant"


async def replay_refresh_token(world: World, body: dict[str, Any]) -> None:
    fields = {"code": None, "redirect_uri": None, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert (await world.token(world.code_request(**fields))).status_code == 200
    world.clock.pass_by(seconds=31)
    assert (await world.token(world.code_request(**fields))).json()["error"] == "invalid_grant"


async def revoke_refresh_token(world: World, body: dict[str, Any]) -> None:
    fields = world.code_request(code=None, redirect_uri=None, grant_type=None, token=body["refresh_token"])
    assert (await world.post("/token/revoke", fields)).status_code == 200


ORIGINS = {
    "code replayed": (replay_code, "code_replayed"),
    "refresh token replayed": (replay_refresh_token, "refresh_token_revoked"),
    "refresh token revoked": (revoke_refresh_token, "refresh_token_revoked"),
}


@pytest.mark.parametrize("name", list(ORIGINS))
async def test_rfc6749_4_1_2_what_was_exchanged_for_an_id_token_goes_with_where_it_came_from(
    world: World, name: str
) -> None:
    """Whoever stole the code has the ID token too, and might have come before the replay."""
    spoil, _ = ORIGINS[name]
    body = await bought(world)
    got = (await exchange(world, body["id_token"])).json()["access_token"]
    onward = (await by_gateway(world, got)).json()["access_token"]
    for token in (got, onward):
        assert (await as_gateway(world, "/introspect", {"token": token})).json()["active"]
    await spoil(world, body)
    for token in (got, onward):
        assert (await as_gateway(world, "/introspect", {"token": token})).json() == {"active": False}


@pytest.mark.parametrize("name", list(ORIGINS))
async def test_rfc6749_4_1_2_an_id_token_buys_nothing_after_a_replay(world: World, name: str) -> None:
    spoil, reason = ORIGINS[name]
    body = await bought(world)
    await spoil(world, body)
    answer = await exchange(world, body["id_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await world.reasons())[-1] == reason


async def test_an_id_token_that_names_no_code_is_exchanged_all_the_same(world: World) -> None:
    """It was issued by a node of the version before."""
    claims = dict((await world.verified((await bought(world))["id_token"])).claims)
    del claims["jti"]
    assert (await exchange(world, world.signer.sign(claims, alg="RS256"))).status_code == 200


async def test_of_exchanging_and_logging_out_at_once_no_token_is_left(world: World) -> None:
    body = await bought(world)
    responses = await asyncio.gather(
        *(exchange(world, body["id_token"]) for _ in range(4)),
        world.store.write(lambda tx: tx.sessions.end(SESSION, at=NOW)),
    )
    for response in responses[:4]:
        if response.status_code == 200:
            told = await as_gateway(world, "/introspect", {"token": response.json()["access_token"]})
            assert told.json() == {"active": False}


class TestBoundTokens:
    """RFC 9449 section 7, RFC 8705 section 3, RFC 8693 section 5: who stole a bound token exchanges nothing."""

    async def bound(self, world: World, by: str = "first", resource: str = RECORDS) -> dict[str, Any]:
        await world.code("bound", scopes=SCOPES, resource=RECORDS)
        answer = await world.token(
            world.code_request("bound", resource=resource), headers={"dpop": proof(world, by=by)}
        )
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
        told: dict[str, Any] = answer.json()
        return told

    async def own(self, world: World, token: str, dpop: str = "", kind: str = ACCESS_TOKEN) -> Any:
        fields = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": kind, "resource": RECORDS}
        request = world.code_request(**{"code": None, "redirect_uri": None, **fields})
        return await world.token(request, headers={"dpop": dpop} if dpop else {})

    async def test_rfc9449_7_the_key_of_a_subject_token_is_proven_anew(self, world: World) -> None:
        token = (await self.bound(world))["access_token"]
        for dpop in ("", proof(world, by="second")):
            refused = await self.own(world, token, dpop)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
        assert await world.reasons() == ["not_the_sender"] * 2
        once = proof(world)
        answer = await self.own(world, token, once)
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
        claims = (await world.verified(answer.json()["access_token"])).claims
        assert claims["cnf"] == {"jkt": jkt()}
        assert (await self.own(world, token, once)).json()["error"] == "invalid_dpop_proof"

    async def test_rfc8693_5_the_resource_that_it_is_for_exchanges_it_for_a_token_bound_to_its_own_key(
        self, world: World
    ) -> None:
        token = (await self.bound(world))["access_token"]
        unbound = await by_gateway(world, token)
        assert (unbound.status_code, unbound.json()["error"]) == (400, "invalid_request")
        assert await world.reasons() == ["not_constrained"]
        fields = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        answer = await as_gateway(world, "/access_token", fields, dpop=proof(world, by="gateway"))
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
        looked = await as_gateway(world, "/introspect", {"token": answer.json()["access_token"]})
        assert looked.json()["cnf"] == {"jkt": jkt("gateway")}
        assert looked.json()["act"] == {"sub": GATEWAY.id}

    async def test_rfc8693_5_another_than_that_resource_needs_the_key_whatever_policy_says(self, world: World) -> None:
        await world.save(replace(GATEWAY, serves=frozenset()))
        token = (await self.bound(world))["access_token"]
        fields = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        refused = await as_gateway(world, "/access_token", fields, dpop=proof(world, by="gateway"))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
        assert await world.reasons() == ["not_the_sender"]

    async def test_rfc8693_2_1_an_actor_token_is_proven_too(self, world: World) -> None:
        held_by = {"dpop": proof(world, by="gateway")}
        asked = {"grant_type": "client_credentials", "scope": "images.read", "resource": IMAGES}
        actor = (await as_gateway(world, "/access_token", asked, **held_by)).json()["access_token"]
        token = (await bought(world))["access_token"]
        fields = {
            "grant_type": EXCHANGE,
            "subject_token": token,
            "subject_token_type": ACCESS_TOKEN,
            "actor_token": actor,
            "actor_token_type": ACCESS_TOKEN,
        }
        for headers in ({}, {"dpop": proof(world, by="second")}):
            refused = await as_gateway(world, "/access_token", fields, **headers)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
        assert await world.reasons() == ["actor_token"] * 2
        answer = await as_gateway(world, "/access_token", fields, dpop=proof(world, by="gateway"))
        assert answer.status_code == 200, answer.text

    async def test_an_id_token_is_bound_to_no_key(self, world: World) -> None:
        token = (await self.bound(world))["id_token"]
        assert (await self.own(world, token, kind=ID_TOKEN)).json()["token_type"] == "Bearer"
