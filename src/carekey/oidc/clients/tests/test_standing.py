"""A relying party that is switched off, at every endpoint; and switched on again."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from carekey.kernel.actor import operator
from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA
from carekey.oidc import endpoints
from carekey.oidc.authorize.tests.world import GOODBYE, authorize, log_in, provider, wanted
from carekey.oidc.authorize.tests.world import WARD as LIST
from carekey.oidc.authorize.tests.world import told as told_app
from carekey.oidc.ciba.tests.world import DESK, PUSHED, ciba_world
from carekey.oidc.clients import standing
from carekey.oidc.clients.standing import NoSuchClient
from carekey.oidc.device.http import PATH
from carekey.oidc.device.tests.world import TROLLEY, decoupled_world, enter
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.tests.apis import EXCHANGE, GATEWAY, as_gateway, bought, world_of_apis
from carekey.oidc.tests.world import WARD, World

pytestmark = pytest.mark.anyio

BY = operator("nora")
TYPE = "urn:ietf:params:oauth:token-type:"
INACTIVE = {"active": False}


async def switch(world: Any, to: Any, id: Any, why: str = "key leaked") -> bool:
    now, at = world.clock.now(), world.issuer.name
    switched: bool = await world.store.write(lambda tx: to(tx, at, id, why=why, by=BY, now=now))
    return switched


async def off(world: Any, id: Any = WARD) -> bool:
    return await switch(world, standing.disable, id)


async def on(world: Any, id: Any = WARD) -> bool:
    return await switch(world, standing.enable, id, "key replaced")


@pytest.fixture
async def apis() -> World:
    return await world_of_apis()


async def test_it_is_on_record_who_switched_it_and_why(apis: World) -> None:
    assert await off(apis)
    assert not await off(apis)
    assert await on(apis)
    assert not await on(apis)
    (disabled,) = await apis.events("client:registration:disabled")
    (enabled,) = await apis.events("client:registration:enabled")
    assert (disabled.actor, disabled.data["client"], disabled.data["why"]) == (BY, WARD, "key leaked")
    assert (enabled.actor, enabled.data["client"], enabled.data["why"]) == (BY, WARD, "key replaced")


async def test_one_that_removed_itself_and_one_that_never_was_cannot_be_switched(apis: World) -> None:
    gone = replace(GATEWAY, id=ClientId("gone"), removed=True, disabled_at=apis.clock.now())
    await apis.save(gone)
    for id in (gone.id, ClientId("never")):
        for switching in (off, on):
            with pytest.raises(NoSuchClient):
                await switching(apis, id)
    assert await apis.store.read(lambda tx: tx.clients.find(gone.issuer, gone.id)) == gone


async def test_rfc6749_5_2_it_does_not_authenticate(apis: World) -> None:
    await off(apis)
    paths = ("/access_token", "/introspect", "/token/revoke")
    for path in paths:
        answer = await apis.post(path, apis.code_request(token="x"))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), path
    assert await apis.reasons() == ["disabled_client"] * len(paths)


async def test_what_it_holds_is_dead_while_it_is_off_and_stays_so(apis: World) -> None:
    held = await bought(apis)
    second = await bought(apis, code="code-2", resource=None)
    await apis.code("code-3")
    assert (await as_gateway(apis, "/introspect", {"token": held["access_token"]})).json()["active"] is True
    apis.clock.pass_by(seconds=2)
    await off(apis)

    async def dead() -> None:
        looked = await as_gateway(apis, "/introspect", {"token": held["access_token"]})
        assert looked.json() == INACTIVE
        told = await apis.userinfo(second["access_token"])
        assert (told.status_code, "invalid_token" in told.headers["www-authenticate"]) == (401, True)
        exchanged = await as_gateway(
            apis,
            "/access_token",
            {
                "grant_type": EXCHANGE,
                "subject_token": held["access_token"],
                "subject_token_type": f"{TYPE}access_token",
            },
        )
        assert exchanged.json()["error"] == "invalid_request"

    await dead()
    apis.clock.pass_by(seconds=2)
    await on(apis)
    await dead()
    refresh = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"], "redirect_uri": None}
    for request in (apis.code_request("code-3"), apis.code_request("", **refresh)):
        answer = await apis.token(request)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), request
    own = apis.code_request(grant_type=None, code=None, redirect_uri=None, token=second["refresh_token"])
    assert (await apis.post("/introspect", own)).json() == INACTIVE
    assert set(await apis.reasons()) == {"disabled_client"}


async def test_rfc8693_an_id_token_of_it_buys_nothing_for_others(apis: World) -> None:
    held = await bought(apis)
    fields = {"grant_type": EXCHANGE, "subject_token": held["id_token"], "subject_token_type": f"{TYPE}id_token"}
    assert (await as_gateway(apis, "/access_token", fields)).status_code == 200
    await off(apis)
    assert (await as_gateway(apis, "/access_token", fields)).json()["error"] == "invalid_request"
    apis.clock.pass_by(seconds=2)
    await on(apis)
    assert (await as_gateway(apis, "/access_token", fields)).json()["error"] == "invalid_request"


async def test_switched_on_again_it_works_at_once(apis: World) -> None:
    await off(apis)
    apis.clock.pass_by(seconds=0.1)
    await on(apis)
    held = await bought(apis, resource=None)
    assert (await apis.userinfo(held["access_token"])).status_code == 200
    refreshed = await apis.token(
        apis.code_request(grant_type="refresh_token", refresh_token=held["refresh_token"], code=None, redirect_uri=None)
    )
    assert refreshed.status_code == 200, refreshed.text


async def test_of_many_at_once_one_switches_it(apis: World) -> None:
    assert sorted(await asyncio.gather(*(off(apis) for _ in range(8)))) == [False] * 7 + [True]
    assert len(await apis.events("client:registration:disabled")) == 1


class TestLogIn:
    async def test_whoever_is_sent_by_it_is_told_that_it_is_switched_off(self) -> None:
        world = await provider(LIST)
        browser = world.browser()
        await log_in(world, browser)  # with a session, it would be silent
        await off(world, LIST.id)
        for changes in ({}, {"prompt": "none"}):
            answer = await authorize(browser, **changes)
            assert answer.status_code == 400
            assert "Ward list is switched off" in answer.text
            assert "Ask your service desk" in answer.text
            assert "location" not in answer.headers
        assert [one.data["reason"] for one in await world.events("authorization:request:refused")] == [
            "disabled_client",
            "disabled_client",
        ]

    async def test_whoever_is_in_the_middle_of_a_log_in_is_told_too_and_nothing_is_answered(self) -> None:
        world = await provider(LIST, held=3)
        browser = world.browser()
        assert (await log_in(world, browser, scope="openid selectedrole")).status_code == 200
        id = (await world.events("login:login:started"))[0].data["login"]
        await off(world, LIST.id)
        for path in (f"/login/{id}", f"/login/{id}/role", f"/login/{id}/ways"):
            answer = await browser.get(path)
            assert answer.status_code == 403, path
            assert "Ward list is switched off" in answer.text
            assert "Nothing is wrong with your account" in answer.text
        assert "location" not in (await browser.post(f"/login/{id}/cancel")).headers
        refused = await world.events("login:login:refused")
        assert {(one.data["why"], one.data["client"]) for one in refused} == {("switched_off", LIST.id)}
        await on(world, LIST.id)
        assert (await browser.get(f"/login/{id}/role")).status_code == 200

    async def test_rfc9126_a_pushed_request_is_refused_and_so_is_one_that_was_pushed_before(self) -> None:
        public = replace(LIST, id=ClientId("public"), auth_method=ClientAuthMethod.NONE)
        world = await provider(public)
        path = endpoints.path(world.issuer, endpoints.PAR)
        fields = urlencode(wanted(client_id=public.id, code_challenge="c" * 43, code_challenge_method="S256"))
        form = {"content-type": "application/x-www-form-urlencoded"}
        pushed = await world.browser().http.post(path, content=fields, headers=form)
        assert pushed.status_code == 201, pushed.text
        await off(world, public.id)
        page = await world.browser().get(
            f"{endpoints.path(world.issuer, endpoints.AUTHORIZE)}?"
            + urlencode({"client_id": public.id, "request_uri": pushed.json()["request_uri"]})
        )
        assert (page.status_code, "Ward list is switched off" in page.text) == (400, True)
        again = await world.browser().http.post(path, content=fields, headers=form)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")

    async def test_rp_initiated_2_whoever_logs_out_of_it_does_and_stays_here(self) -> None:
        world = await provider(LIST)
        browser = world.browser()
        assert "code" in told_app(await log_in(world, browser))
        await off(world, LIST.id)
        path = endpoints.path(world.issuer, endpoints.END_SESSION)
        asked = await browser.get(f"{path}?client_id={LIST.id}&post_logout_redirect_uri={GOODBYE}")
        assert asked.status_code == 200
        done = await browser.post("/logout")
        assert done.headers["location"] == "/logout/done"
        assert len(await world.events("session:session:ended")) == 1

    async def test_other_applications_of_the_session_go_on(self) -> None:
        other = replace(LIST, id=ClientId("other"), name="Other")
        world = await provider(LIST, other)
        browser = world.browser()
        await log_in(world, browser)
        await off(world, LIST.id)
        assert "code" in told_app(await authorize(browser, client_id=other.id))


class TestElsewhere:
    async def test_rfc8628_a_device_asks_in_vain_and_its_code_leads_to_the_page(self) -> None:
        world = await decoupled_world()
        told = await world.ask()
        await off(world, TROLLEY.id)
        assert (await world.send(endpoints.DEVICE_AUTHORIZATION, {"client_id": TROLLEY.id})).status_code == 401
        polled = await world.poll(told)
        assert (polled.status_code, polled.json()["error"]) == (401, "invalid_client")
        browser = world.browser()
        await browser.get(PATH)
        page = await browser.post(PATH, user_code=told["user_code"])
        assert (page.status_code, "Medicine trolley is switched off" in page.text) == (403, True)
        world.clock.pass_by(seconds=10)
        await on(world, TROLLEY.id)
        assert (await world.poll(told)).json()["error"] == "expired_token"
        assert "Check the code" in (await enter(browser, told["user_code"])).text

    async def test_rfc8628_a_person_who_agrees_too_late_agrees_to_nothing(self) -> None:
        world = await decoupled_world()
        told = await world.ask()
        browser = world.browser()
        await enter(browser, told["user_code"])
        begun = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
        page = begun.headers["location"]
        await browser.get(page)
        await off(world, TROLLEY.id)
        assert "Medicine trolley is switched off" in (await browser.http.get(page)).text
        world.clock.pass_by(seconds=10)
        await on(world, TROLLEY.id)
        await browser.get(page)
        ended = await browser.prove(page.rsplit("/", 1)[1])
        assert ended.headers["location"] == f"{PATH}/refused"
        (declined,) = await world.events("decoupled:request:declined")
        assert (declined.data["why"], declined.actor.id) == ("disabled_client", ASHA)
        assert (await world.poll(told)).json()["error"] == "expired_token"

    async def test_ciba_nothing_is_agreed_to_pushed_or_fetched(self) -> None:
        world = await ciba_world()
        told, pushed = await world.begun(DESK), await world.begun(PUSHED)
        for client in (DESK, PUSHED):
            await off(world, client.id)
        assert (await world.back(DESK)).json()["error"] == "invalid_client"
        for one in (told, pushed):
            path = f"{endpoints.path(world.issuer, endpoints.BACKCHANNEL_AUTHENTICATION)}/approve"
            answer = await world.browser().http.get(f"{path}?auth_req_id={one['auth_req_id']}&action=allow")
            assert answer.json() == {"outcome": "refused"}
        declined = await world.events("decoupled:request:declined")
        assert [one.data["why"] for one in declined] == ["disabled_client"] * 2
        await world.notifications.deliver()
        assert world.desk.came == []
        assert (await world.fetch(told)).json()["error"] == "invalid_client"
        world.clock.pass_by(seconds=10)
        await on(world, DESK.id)
        assert (await world.fetch(told)).json()["error"] == "expired_token"
