import asyncio
import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from carekey.kernel.secret import digest
from carekey.oidc.clients.connection_manager import ConnectionManager, Team
from carekey.oidc.clients.connection_manager_http import ConnectionManagerHttp
from carekey.oidc.clients.judge import Judge
from carekey.oidc.clients.metadata import describe
from carekey.oidc.clients.tests.test_logo import GOOD
from carekey.oidc.model import Allowance, Client
from carekey.oidc.tests.world import CALLBACK, WARD, World
from carekey.web.dispatcher import Dispatcher

pytestmark = pytest.mark.anyio

SECRET = "acme secret"
LOGO = "https://app.example.test/logo.png"
CONFIG = {  # as in section 9.2
    "client_name": "demo-app",
    "description": "Invented example",
    "redirect_uris": ["https://app.example.test/auth/callback"],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks_uri": "https://app.example.test/oidc/jwks",
    "jwks_uri_signing_algorithm": "RS512",
    "backchannel_logout_uri": "https://app.example.test/backchannel-logout",
}


class Teams:
    """A world with two teams of one secret, and one of another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.judge = Judge(world.issuer, {}, self._fetch)
        self.teams = [self.team("1122334455"), self.team("acme-2"), self.team("beta", "beta secret")]
        self.manager = ConnectionManager(
            self.teams, key=b"k" * 32, store=world.store, sealing=world.sealing, entropy=world.entropy
        )
        assert isinstance(world.app, Dispatcher)
        for route in ConnectionManagerHttp(self.manager).routes():
            world.app._add(route)

    def team(self, id: str, secret: str = SECRET, **changes: Any) -> Team:
        allowance = Allowance(team=id, hosts=frozenset({"app.example.test"}), **changes)
        return Team(id=id, secret=digest(secret), allowance=allowance, judge=self.judge)

    async def _fetch(self, uri: str) -> bytes:
        assert uri == LOGO
        return GOOD

    async def ask(self, method: str, path: str, authorization: str | None = None, body: Any = None) -> Any:
        headers = {"content-type": "application/json"}
        if authorization is not None:
            headers["authorization"] = authorization
        content = body if isinstance(body, bytes | None) else json.dumps(body)
        async with self.world.http() as http:
            return await http.request(method, f"https://am.example.test/api{path}", content=content, headers=headers)

    async def bearer(self, secret: str = SECRET) -> str:
        told = (await self.ask("POST", "/auth", f"SecretAuth {secret}")).json()
        return f"Bearer {told['access_token']}"

    async def created(self, **changes: Any) -> tuple[str, dict[str, Any]]:
        """The path of a client that the first team made, and what it was told."""
        answer = await self.ask("POST", "/configs/1122334455", await self.bearer(), {**CONFIG, **changes})
        assert answer.status_code == 201, answer.text
        return f"/configs/1122334455/{answer.json()['id']}", answer.json()

    async def clients(self) -> list[Client]:
        return list(await self.world.store.read(lambda tx: tx.clients.list(self.world.issuer.name)))


@pytest.fixture
def here(world: World) -> Teams:
    return Teams(world)


async def test_cis2_9_2_a_secret_buys_an_access_token_for_its_teams(here: Teams) -> None:
    answer = await here.ask("POST", "/auth", f"SecretAuth {SECRET}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"access_token", "team_ids"}
    assert answer.json()["team_ids"] == ["1122334455", "acme-2"]
    (event,) = await here.world.events("client:team:authenticated")
    assert (event.actor.kind, event.data["teams"]) == ("team", ["1122334455", "acme-2"])
    for team in ("1122334455", "acme-2"):
        listed = await here.ask("GET", f"/configs/{team}", f"Bearer {answer.json()['access_token']}")
        assert (listed.status_code, listed.json()) == (200, {"configs": []})


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "no_token"),
        ("SecretAuth", "no_token"),
        (f"Bearer {SECRET}", "no_token"),
        ("SecretAuth other", "wrong_secret"),
        (f"SecretAuth {digest(SECRET).hex()}", "wrong_secret"),
    ],
)
async def test_cis2_9_2_without_the_secret_nobody_gets_a_token(
    here: Teams, authorization: str | None, reason: str
) -> None:
    answer = await here.ask("POST", "/auth", authorization)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == "SecretAuth"
    assert await here.world.reasons() == [reason]


async def test_cis2_9_2_access_tokens_are_ours_and_last_ten_minutes(here: Teams) -> None:
    good = await here.bearer()
    expires, _, mac = good.removeprefix("Bearer ").partition(".")
    bare = base64.urlsafe_b64encode(b"\0" * 32).rstrip(b"=").decode()
    forged = [f"{int(expires) + 1}.{mac}", f"{expires}.{bare}", f".{mac}", expires, "ü.ü"]
    for token in forged:
        answer = await here.ask("GET", "/configs/1122334455", f"Bearer {token}".encode("latin-1"))  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await here.ask("GET", "/configs/1122334455")).status_code == 401
    here.world.clock.pass_by(minutes=9, seconds=59)
    assert (await here.ask("GET", "/configs/1122334455", good)).status_code == 200
    here.world.clock.pass_by(seconds=1)
    assert (await here.ask("GET", "/configs/1122334455", good)).status_code == 401
    assert sorted(await here.world.reasons()) == sorted(["unknown_token"] * 5 + ["no_token", "token_expired"])


async def test_cis2_9_2_a_new_secret_ends_the_tokens_of_the_old_one(here: Teams) -> None:
    good = await here.bearer()
    here.teams[:] = [here.team("1122334455", "new secret")]
    assert (await here.ask("GET", "/configs/1122334455", good)).status_code == 401


async def test_cis2_9_2_a_team_registers_reads_and_lists_a_client(here: Teams) -> None:
    path, told = await here.created()
    assert re.fullmatch(r"1122334455\.demo-app\.[0-9a-f]{8}-[0-9a-f-]{27}\.apps", told["id"])  # section 2.6
    assert "client_secret" not in told
    assert CONFIG.items() <= told["client_config"].items()
    bearer = await here.bearer()
    assert (await here.ask("GET", path, bearer)).json() == {
        "client_config": told["client_config"],
        "hash": told["hash"],
    }
    assert (await here.ask("GET", "/configs/1122334455", bearer)).json() == {"configs": [told["id"]]}
    (event,) = await here.world.events("client:registration:created")
    assert (event.actor.kind, event.actor.id, event.data["client"]) == ("team", "1122334455", told["id"])


async def test_cis2_9_2_client_secret_post_is_the_default_and_its_secret_is_told_once(here: Teams) -> None:
    changes = {"token_endpoint_auth_method": None, "jwks_uri_signing_algorithm": None, "jwks_uri": None}
    body = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
    answer = await here.ask("POST", "/configs/1122334455", await here.bearer(), body)
    told = answer.json()
    assert told["client_config"]["token_endpoint_auth_method"] == "client_secret_post"
    (kept,) = [client for client in await here.clients() if client.id == told["id"]]
    assert kept.secret == digest(told["client_secret"])
    path = f"/configs/1122334455/{told['id']}"
    assert "client_secret" not in (await here.ask("GET", path, await here.bearer())).json()
    changed = await here.ask("PUT", f"{path}?hash={told['hash']}", await here.bearer(), body)
    assert "client_secret" not in changed.json()
    (after,) = [client for client in await here.clients() if client.id == told["id"]]
    assert after.secret == kept.secret


async def test_cis2_9_2_a_registered_client_gets_tokens(here: Teams) -> None:
    here.teams[:] = [replace(here.teams[0], allowance=Allowance(team="1122334455"))]
    body = {"client_name": "Ward", "redirect_uris": [CALLBACK]}
    told = (await here.ask("POST", "/configs/1122334455", await here.bearer(), body)).json()
    await here.world.code(client=told["id"])
    request = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}
    secret = {"client_id": told["id"], "client_secret": told["client_secret"]}
    assert (await here.world.token({**request, **secret})).status_code == 200


async def test_cis2_9_2_what_was_read_can_be_put_back_changed(here: Teams) -> None:
    path, told = await here.created()
    config = {**told["client_config"], "client_name": "Renamed"}
    del config["backchannel_logout_uri"]
    answer = await here.ask("PUT", f"{path}?hash={told['hash']}", await here.bearer(), config)
    assert answer.status_code == 200
    assert answer.json()["client_config"] == config
    assert answer.json()["hash"] != told["hash"]
    assert (await here.ask("GET", path, await here.bearer())).json() == answer.json()
    (event,) = await here.world.events("client:registration:changed")
    assert (event.actor.kind, event.actor.id) == ("team", "1122334455")


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("", 400, "missing_parameter"),
        ("?hash=", 400, "missing_parameter"),
        ("?hash=a&hash=a", 400, "missing_parameter"),
        ("?hash=%FF", 400, "missing_parameter"),
        ("?hash=a", 409, "changed_meanwhile"),
        ("?hash=%C3%BC", 409, "changed_meanwhile"),
    ],
)
async def test_cis2_9_2_without_the_hash_of_what_is_there_nothing_changes(
    here: Teams, query: str, status: int, reason: str
) -> None:
    path, _ = await here.created()
    before = await here.clients()
    answer = await here.ask("PUT", path + query, await here.bearer(), {**CONFIG, "client_name": "Changed"})
    assert answer.status_code == status
    assert await here.clients() == before
    assert await here.world.reasons() == [reason]


async def test_cis2_9_2_a_hash_is_good_for_one_change(here: Teams) -> None:
    path, told = await here.created()
    for _ in range(2):  # the very same content, and yet it is another revision
        answer = await here.ask("PUT", f"{path}?hash={told['hash']}", await here.bearer(), CONFIG)
    assert (answer.status_code, answer.json()["error_description"]) == (
        409,
        "The client was changed at the same time: read it again",
    )
    assert len(await here.world.events("client:registration:changed")) == 1


async def test_cis2_9_2_a_change_by_an_operator_makes_a_hash_stale(here: Teams) -> None:
    path, told = await here.created()

    def grant(tx: Any) -> None:
        tx.clients.replace(replace(tx.clients.find(here.world.issuer.name, told["id"]), offline_access=True))

    await here.world.store.write(grant)
    assert (await here.ask("PUT", f"{path}?hash={told['hash']}", await here.bearer(), CONFIG)).status_code == 409
    now = (await here.ask("GET", path, await here.bearer())).json()
    changed = await here.ask("PUT", f"{path}?hash={now['hash']}", await here.bearer(), CONFIG)
    assert changed.json()["client_config"]["offline_access"] is True


async def test_cis2_9_2_of_two_changes_at_once_one_wins(here: Teams) -> None:
    path, told = await here.created()
    bearer, judged = await here.bearer(), asyncio.Barrier(2)
    new = Judge.new

    async def together(self: Judge, *args: Any, **kwargs: Any) -> Client:
        client = await new(self, *args, **kwargs)
        await judged.wait()  # both have compared the hash by now
        return client

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "new", together)
        answers = await asyncio.gather(
            *(
                here.ask("PUT", f"{path}?hash={told['hash']}", bearer, {**CONFIG, "client_name": name})
                for name in ("Left", "Right")
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await here.ask("GET", path, bearer)).json() == won
    assert len(await here.world.events("client:registration:changed")) == 1
    assert await here.world.reasons() == ["changed_meanwhile"]


async def test_cis2_9_2_a_team_sees_and_changes_its_own_clients_alone(here: Teams) -> None:
    path, told = await here.created()
    before = await here.clients()
    beta = await here.bearer("beta secret")
    for method, at in (("GET", path), ("PUT", f"{path}?hash={told['hash']}"), ("GET", "/configs/1122334455")):
        answer = await here.ask(method, at, beta, CONFIG if method == "PUT" else None)
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert (await here.ask("POST", "/configs/1122334455", beta, CONFIG)).status_code == 403
    # Under its own name, a team of the same secret included, it finds no more.
    for team, bearer in (("beta", beta), ("acme-2", await here.bearer())):
        for id in (told["id"], WARD, "none"):
            assert (await here.ask("GET", f"/configs/{team}/{id}", bearer)).status_code == 404
            put = await here.ask("PUT", f"/configs/{team}/{id}?hash={told['hash']}", bearer, CONFIG)
            assert (put.status_code, put.json()["error"]) == (404, "invalid_request")
        assert (await here.ask("GET", f"/configs/{team}", bearer)).json() == {"configs": []}
    assert await here.clients() == before
    assert await here.world.reasons() == ["another_team"] * 4 + ["unknown_client"] * 12
    actors = {event.actor.id for event in await here.world.events("client:registration:refused")}
    assert actors == {"beta", "acme-2"}


async def test_cis2_9_2_a_client_that_an_operator_disabled_stays_so(here: Teams) -> None:
    path, told = await here.created()

    def disable(tx: Any) -> None:
        found = tx.clients.find(here.world.issuer.name, told["id"])
        tx.clients.replace(replace(found, disabled_at=here.world.clock.now()))

    await here.world.store.write(disable)
    answer = await here.ask("PUT", f"{path}?hash={told['hash']}", await here.bearer(), CONFIG)
    assert answer.status_code == 404
    assert (await here.ask("GET", "/configs/1122334455", await here.bearer())).json() == {"configs": []}


async def test_a_team_switches_its_client_off_and_only_an_operator_on_again(here: Teams) -> None:
    path, told = await here.created()
    bearer = await here.bearer()
    for body in ({}, {"why": ""}, {"why": " "}, {"why": 7}, {"why": "x" * 301}, []):
        refused = await here.ask("POST", f"{path}/disable", bearer, body)
        assert refused.status_code == 400, body
    others = await here.ask("POST", f"{path}/disable", await here.bearer("beta secret"), {"why": "x"})
    assert (others.status_code, others.json()["error"]) == (403, "insufficient_scope")
    assert await here.world.events("client:registration:disabled") == []
    answer = await here.ask("POST", f"{path}/disable", bearer, {"why": "secret leaked "})
    assert (answer.status_code, answer.json()) == (200, {"id": told["id"], "disabled": True})
    (event,) = await here.world.events("client:registration:disabled")
    assert (event.actor.kind, event.actor.id, event.data["why"]) == ("team", "1122334455", "secret leaked")
    assert (await here.ask("PUT", f"{path}?hash={told['hash']}", bearer, CONFIG)).status_code == 404
    assert (await here.ask("POST", f"{path}/disable", bearer, {"why": "x"})).status_code == 404


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_name": None}, "invalid_client_metadata"),
        ({"jwks_uri": None}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://app.example.test/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://elsewhere.example/"]}, "invalid_redirect_uri"),
        ({"offline_access": True}, "invalid_client_metadata"),
        ({"introspect_any": True}, "invalid_client_metadata"),
        ({"client_id": "mine"}, "invalid_client_metadata"),
        ({"client_secret": "mine"}, "invalid_client_metadata"),
    ],
)
async def test_cis2_9_2_what_is_refused_changes_nothing(here: Teams, changes: dict[str, Any], error: str) -> None:
    path, told = await here.created()
    before = await here.clients()
    for method, at in (("POST", "/configs/1122334455"), ("PUT", f"{path}?hash={told['hash']}")):
        answer = await here.ask(method, at, await here.bearer(), {**CONFIG, **changes})
        assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert await here.clients() == before
    refused = await here.world.events("client:registration:refused")
    assert [(event.actor.id, event.data["error"]) for event in refused] == [("1122334455", error)] * 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"', b"\xff", b"[" * 5000, b" " * 300_000])
async def test_cis2_9_2_bodies_that_are_no_object_are_refused_and_recorded(here: Teams, body: bytes) -> None:
    before = await here.clients()
    answer = await here.ask("POST", "/configs/1122334455", await here.bearer(), body)
    assert answer.status_code in {400, 413}
    assert await here.clients() == before
    assert await here.world.reasons() in (["malformed"], ["too_large"])


async def test_cis2_9_2_nobody_vouches_for_a_teams_client_unless_an_operator_did(here: Teams) -> None:
    await here.created(listed=True)
    made = next(client for client in await here.clients() if client.name == "demo-app")
    assert (made.consent, made.listed) == (True, False)
    here.teams[:] = [here.team("1122334455", first_party=True)]
    _, told = await here.created(client_name="Ours")
    ours = next(client for client in await here.clients() if client.id == told["id"])
    assert ours.consent is False


async def test_cis2_9_2_a_teams_client_cannot_be_had_by_a_registration_access_token(here: Teams) -> None:
    _, told = await here.created()
    made = next(client for client in await here.clients() if client.id == told["id"])
    assert made.registration_token is None
    assert "team" not in describe(made)


async def test_registration_2_a_teams_logo_comes_and_goes_with_the_configuration(here: Teams) -> None:
    path, told = await here.created(logo_uri=LOGO)

    async def kept() -> bytes | None:
        return await here.world.store.read(lambda tx: tx.logos.find(here.world.issuer.name, told["id"]))

    assert await kept() == GOOD
    changed = {name: value for name, value in told["client_config"].items() if name != "logo_uri"}
    assert (await here.ask("PUT", f"{path}?hash={told['hash']}", await here.bearer(), changed)).status_code == 200
    assert await kept() is None
