"""Access that lasts: rotation, the grace for a lost answer, and what ends it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.authenticators.base import Credential
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import operator
from carekey.kernel.ids import ClientId, CredentialId
from carekey.login.model import Consent
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.world import (
    ASHA,
    ASHA_MARLOW,
    CALLBACK,
    CHALLENGE,
    ISSUER,
    ISSUER_URL,
    MEMBERSHIPS,
    NOW,
    ROLES,
    SECRET,
    SESSION,
    VERIFIER,
    WARD,
    WARD_CLIENT,
    World,
    make_world,
)
from carekey.oidc.tokens import refresh_token
from carekey.oidc.tokens.refresh_token import Handle
from carekey.registration.standing import remove_way
from carekey.storage.store import Store

pytestmark = pytest.mark.anyio

LASTING = replace(WARD_CLIENT, grant_types=("authorization_code", "refresh_token"))
OFFLINE = replace(LASTING, offline_access=True)
KEY = b"r" * 32


@pytest.fixture
async def world(store: Store) -> World:
    """Rotating leans on roll-back and on who wins, so it is tried on every store."""
    world = await make_world(store)
    await world.save(LASTING)
    return world


async def first(world: World, **grant: Any) -> dict[str, Any]:
    response = await world.token(world.code_request(await world.code(**grant)))
    assert response.status_code == 200
    return response.json()


async def refresh(world: World, token: str, **changes: Any):
    fields = {"grant_type": "refresh_token", "refresh_token": token, "redirect_uri": None, "code": None, **changes}
    return await world.token(world.code_request(**fields))


async def test_rfc6749_6_a_refresh_gives_an_access_token_and_the_next_refresh_token(world: World) -> None:
    bought = await first(world)
    world.clock.pass_by(minutes=50)
    response = await refresh(world, bought["refresh_token"])
    assert response.status_code == 200
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert body["scope"] == bought["scope"]
    assert body["expires_in"] == 3599
    assert body["refresh_token"] != bought["refresh_token"]
    assert (await world.userinfo(body["access_token"])).json()["sub"] == ASHA
    assert (await world.userinfo(bought["access_token"])).status_code == 200


async def test_core_12_2_the_id_token_is_about_the_same_log_in(world: World) -> None:
    bought = await first(world)
    world.clock.pass_by(minutes=50)
    body = (await refresh(world, bought["refresh_token"])).json()
    before = (await world.verified(bought["id_token"])).claims
    after = (await world.verified(body["id_token"])).claims
    assert before.keys() - after.keys() == {"nonce", "c_hash", "s_hash"}
    same = after.keys() - {"iat", "exp", "at_hash", "jti"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["jti"] != before["jti"]
    assert after["iat"] == before["iat"] + 3000


async def test_nobody_gets_a_refresh_token_who_is_not_registered_for_it(world: World) -> None:
    await world.save(WARD_CLIENT)
    assert "refresh_token" not in await first(world)


async def test_rfc9700_4_14_2_reuse_revokes_the_family_and_all_that_it_bought(world: World) -> None:
    bought = await first(world)
    second = (await refresh(world, bought["refresh_token"])).json()
    third = (await refresh(world, second["refresh_token"])).json()
    stolen = await refresh(world, bought["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    for tokens in (bought, second, third):
        assert (await world.userinfo(tokens["access_token"])).status_code == 401
    assert (await refresh(world, third["refresh_token"])).json()["error"] == "invalid_grant"
    (replayed,) = await world.events("token:refresh:replayed")
    assert replayed.refusal
    assert (replayed.data["client"], replayed.data["person"], replayed.data["revoked"]) == (WARD, ASHA, 3)
    assert (await world.reasons())[-1] == "refresh_token_revoked"


async def test_rfc9700_4_14_2_a_client_that_lost_the_answer_gets_the_same_successor_for_thirty_seconds(
    world: World,
) -> None:
    bought = await first(world)
    lost = (await refresh(world, bought["refresh_token"])).json()
    world.clock.pass_by(seconds=30)
    again = (await refresh(world, bought["refresh_token"])).json()
    assert again["refresh_token"] == lost["refresh_token"]
    assert again["access_token"] != lost["access_token"]
    assert len(await world.events("token:refresh:repeated")) == 1
    world.clock.pass_by(seconds=0.1)
    assert (await refresh(world, bought["refresh_token"])).status_code == 400
    assert (await refresh(world, again["refresh_token"])).status_code == 400
    assert len(await world.events("token:refresh:replayed")) == 1


async def test_the_grace_ends_when_the_successor_is_used(world: World) -> None:
    bought = await first(world)
    second = (await refresh(world, bought["refresh_token"])).json()
    await refresh(world, second["refresh_token"])
    assert (await refresh(world, bought["refresh_token"])).status_code == 400
    assert len(await world.events("token:refresh:replayed")) == 1


async def test_of_simultaneous_refreshes_one_rotates_and_all_get_its_successor(world: World) -> None:
    bought = await first(world)
    responses = await asyncio.gather(*(refresh(world, bought["refresh_token"]) for _ in range(8)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["refresh_token"] for response in responses}) == 1
    assert len({response.json()["access_token"] for response in responses}) == 8
    assert len(await world.events("token:refresh:repeated")) == 7


async def test_of_refreshing_and_revoking_at_once_revoking_lasts(world: World) -> None:
    bought = await first(world)
    revoke = world.code_request(token=bought["refresh_token"])
    refreshed, revoked = await asyncio.gather(
        refresh(world, bought["refresh_token"]), world.post("/token/revoke", revoke)
    )
    assert revoked.status_code == 200
    for tokens in (bought, refreshed.json()):
        if "refresh_token" in tokens:
            assert (await world.userinfo(tokens["access_token"])).status_code == 401
            assert (await refresh(world, tokens["refresh_token"])).status_code == 400


async def test_rfc6749_4_1_2_a_replayed_code_revokes_the_refresh_tokens_that_it_bought(world: World) -> None:
    bought = await first(world)
    second = (await refresh(world, bought["refresh_token"])).json()
    await world.token(world.code_request())
    assert (await world.userinfo(second["access_token"])).status_code == 401
    assert (await refresh(world, second["refresh_token"])).status_code == 400


async def test_rfc6749_6_fewer_scopes_may_be_asked_for_and_the_family_keeps_its_own(world: World) -> None:
    bought = await first(world)
    fewer = (await refresh(world, bought["refresh_token"], scope="profile openid")).json()
    assert fewer["scope"] == "profile openid"
    assert "selected_roleid" not in (await world.verified(fewer["id_token"])).claims
    no_person = (await refresh(world, fewer["refresh_token"], scope="profile")).json()
    assert "id_token" not in no_person
    assert (await refresh(world, no_person["refresh_token"])).json()["scope"] == bought["scope"]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no token": ({"refresh_token": None}, "invalid_request", "missing_parameter"),
    "empty token": ({"refresh_token": ""}, "invalid_request", "missing_parameter"),
    "nonsense": ({"refresh_token": "nonsense"}, "invalid_grant", "unknown_refresh_token"),
    "not ASCII": ({"refresh_token": "é" * 91}, "invalid_grant", "unknown_refresh_token"),
    "forged": ({"refresh_token": refresh_token.write(Handle(b"f" * 32, 1), b"x" * 32)}, "invalid_grant", "unknown_refresh_token"),
    "of no family": ({"refresh_token": refresh_token.write(Handle(b"f" * 32, 1), KEY)}, "invalid_grant", "unknown_refresh_token"),
    "more scopes": ({"scope": "openid email"}, "invalid_scope", "scope_not_granted"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
async def test_rfc6749_6_refused_refreshes_change_nothing(world: World, name: str) -> None:
    changes, error, reason = REFUSED[name]
    bought = await first(world)
    response = await refresh(world, **{"token": bought["refresh_token"], **changes})
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert await world.reasons() == [reason]
    assert (await refresh(world, bought["refresh_token"])).status_code == 200


@pytest.mark.parametrize("name", ["refresh_token", "scope"])
async def test_rfc6749_3_2_no_parameter_of_a_refresh_comes_twice(world: World, name: str) -> None:
    bought = await first(world)
    fields = world.code_request(grant_type="refresh_token", refresh_token=bought["refresh_token"], scope="openid")
    response = await world.token([*fields.items(), (name, "x")])
    assert response.json() == {"error_description": f"{name} is repeated", "error": "invalid_request"}


async def test_rfc6749_10_4_in_foreign_hands_a_token_buys_nothing_and_revokes_nothing(world: World) -> None:
    bought = await first(world)
    post = replace(LASTING, id=ClientId("post"), auth_method=ClientAuthMethod.CLIENT_SECRET_POST)
    await world.save(
        replace(post, secret=(await world.store.read(lambda tx: tx.clients.find(post.issuer, post.id))).secret)
    )
    theft = {"grant_type": "refresh_token", "client_id": "post", "client_secret": SECRET}
    for _ in range(2):
        stolen = await world.token({**theft, "refresh_token": bought["refresh_token"]})
        assert stolen.json()["error"] == "invalid_grant"
    assert await world.reasons() == ["token_of_another_client"] * 2
    assert (await refresh(world, bought["refresh_token"])).status_code == 200


async def test_a_public_clients_tokens_rotate_too(world: World) -> None:
    public = replace(LASTING, id=ClientId("public"), auth_method=ClientAuthMethod.NONE, jwks=None)
    await world.save(public)
    await world.code(client=ClientId("public"), code_challenge=CHALLENGE)
    fields = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK, "client_id": "public"}
    bought = (await world.token({**fields, "code_verifier": VERIFIER})).json()
    again = {"grant_type": "refresh_token", "client_id": "public", "refresh_token": bought["refresh_token"]}
    assert (await world.token(again)).json()["refresh_token"] != bought["refresh_token"]


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
async def test_access_ends_with_what_it_rested_on(world: World, name: str) -> None:
    change, reason = ENDINGS[name]
    bought = await first(world)
    await world.change(change)
    assert (await refresh(world, bought["refresh_token"])).json()["error"] == "invalid_grant"
    assert await world.reasons() == [reason]


async def test_cis2_8_1_access_ends_twelve_hours_after_the_log_in_however_often_it_is_refreshed(world: World) -> None:
    bought = await first(world)
    world.clock.pass_by(hours=11, minutes=59, seconds=54)
    bought = (await refresh(world, bought["refresh_token"])).json()
    world.clock.pass_by(seconds=1)
    assert (await refresh(world, bought["refresh_token"])).status_code == 400
    assert await world.reasons() == ["refresh_token_expired"]


async def offline(world: World) -> dict[str, Any]:
    await world.save(OFFLINE)
    return await first(world, scopes=("openid", "profile", "offline_access"))


async def test_core_11_offline_access_goes_on_after_the_session(world: World) -> None:
    bought = await offline(world)
    await world.change(lambda tx: tx.sessions.end(SESSION, at=NOW))
    assert (await world.userinfo(bought["access_token"])).status_code == 401
    body = (await refresh(world, bought["refresh_token"])).json()
    assert (await world.userinfo(body["access_token"])).status_code == 200


async def test_core_11_offline_access_ends_when_the_policy_is_taken_back(world: World) -> None:
    bought = await offline(world)
    await world.save(LASTING)
    assert (await refresh(world, bought["refresh_token"])).status_code == 400
    assert await world.reasons() == ["offline_not_allowed"]


async def test_core_11_offline_access_ends_when_the_person_withdraws_what_it_rests_on(world: World) -> None:
    bought = await offline(world)
    given = Consent(
        person=ASHA, issuer=ISSUER.name, client=WARD, items=(), given_at=NOW, expires_at=NOW + timedelta(days=90)
    )
    await world.change(lambda tx: tx.consents.put(given))
    bought = (await refresh(world, bought["refresh_token"])).json()
    world.clock.pass_by(seconds=1)
    at = world.clock.now()
    await world.change(lambda tx: tx.consents.withdraw(given, at=at, until=at + timedelta(days=366)))
    assert (await refresh(world, bought["refresh_token"])).status_code == 400
    assert await world.reasons() == ["consent_withdrawn"]


@pytest.mark.parametrize("removed", [True, False])
async def test_rfc9700_4_14_2_offline_access_ends_with_the_way_that_it_was_bought_with(
    world: World, removed: bool
) -> None:
    """A stolen key is removed; what the thief bought with it ends too. Another way of theirs changes nothing."""
    stolen, other = (
        Credential(
            id=CredentialId(name),
            person=ASHA,
            kind="webauthn",
            handle=name.encode(),
            data=b"",
            counter=0,
            label=name,
            created_at=NOW,
        )
        for name in ("stolen", "other")
    )
    await world.change(lambda tx: [tx.credentials.add(one) for one in (stolen, other)])
    await world.save(OFFLINE)
    bought = await first(world, scopes=("openid", "profile", "offline_access"), credential=stolen.id)
    await world.change(lambda tx: tx.sessions.end(SESSION, at=NOW))
    bought = (await refresh(world, bought["refresh_token"])).json()
    way = stolen.id if removed else other.id
    await world.change(lambda tx: remove_way(tx, ASHA, way, by=operator("test"), now=NOW))
    assert (await refresh(world, bought["refresh_token"])).status_code == (400 if removed else 200)
    assert await world.reasons() == (["way_removed"] if removed else [])


async def test_rfc9700_4_14_2_offline_access_that_is_not_used_ends(world: World) -> None:
    bought = await offline(world)
    world.clock.pass_by(days=6)
    body = (await refresh(world, bought["refresh_token"])).json()
    world.clock.pass_by(days=7)
    assert (await refresh(world, body["refresh_token"])).status_code == 400
    assert await world.reasons() == ["refresh_token_expired"]


async def test_offline_access_ends_thirty_days_after_the_log_in(world: World) -> None:
    token = (await offline(world))["refresh_token"]
    for _ in range(5):
        world.clock.pass_by(days=5)
        token = (await refresh(world, token)).json()["refresh_token"]
    world.clock.pass_by(days=5)
    assert (await refresh(world, token)).status_code == 400


async def test_rfc6749_10_4_no_refresh_token_is_kept_or_on_record(world: World) -> None:
    bought = await first(world)
    await refresh(world, bought["refresh_token"])
    assert bought["refresh_token"] not in str(await world.events())
    handle = refresh_token.read(bought["refresh_token"], KEY)
    assert handle is not None
    family = await world.store.read(lambda tx: tx.refresh_families.find(handle.family))
    assert bought["refresh_token"] not in str(family)
    assert family.grant.nonce is None


async def test_a_week_of_refreshing_keeps_one_row_and_the_sweep_takes_it(world: World) -> None:
    bought = await first(world)
    token = bought["refresh_token"]
    for _ in range(11):
        world.clock.pass_by(hours=1)
        token = (await refresh(world, token)).json()["refresh_token"]
    await world.store.sweep(world.clock.now())
    handle = refresh_token.read(token, KEY)
    assert handle is not None
    assert handle.generation == 12
    await world.store.sweep(NOW + timedelta(hours=13))
    assert await world.store.read(lambda tx: tx.refresh_families.find(handle.family)) is None
    assert (await refresh(world, token)).json()["error"] == "invalid_grant"


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1))
def test_rfc9700_4_14_2_what_a_token_says_cannot_be_changed(family: bytes, generation: int) -> None:
    text = refresh_token.write(Handle(family, generation), KEY)
    assert refresh_token.read(text, KEY) == Handle(family, generation)
    for at in (0, 40, 47, len(text) - 2):
        forged = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert refresh_token.read(forged, KEY) is None


@given(st.text(max_size=120))
def test_no_text_that_is_not_ours_is_read(text: str) -> None:
    assert refresh_token.read(text, KEY) is None


async def test_discovery_tells_of_what_there_is(world: World) -> None:
    told = (await world.get("/.well-known/openid-configuration")).json()
    assert told["introspection_endpoint"] == f"{ISSUER_URL}/introspect"
    assert told["revocation_endpoint"] == f"{ISSUER_URL}/token/revoke"
    assert "refresh_token" in told["grant_types_supported"]
    assert "offline_access" in told["scopes_supported"]
    assert "none" not in told["introspection_endpoint_auth_methods_supported"]
