"""A person who is suspended, or whose account is closed, while a client waits for them: it gets nothing."""

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.login.tests.make import ASHA
from carekey.login.tests.world import Browser
from carekey.oidc import endpoints
from carekey.oidc.ciba.tests.world import DESK, PINGED, PUSHED, CibaWorld, ciba_world, decide, log_in
from carekey.oidc.device.http import PATH as DEVICE
from carekey.oidc.device.tests.world import KIOSK, enter, proof
from carekey.oidc.model import Client
from carekey.registration.standing import set_status

pytestmark = pytest.mark.anyio


@dataclass
class Waiting:
    """A client that asked, and the browser of whoever is to decide."""

    world: CibaWorld
    client: Client
    told: dict[str, Any]
    browser: Browser

    async def begin(self) -> str:
        """The log-in by which the person agrees."""
        if self.client is KIOSK:
            await enter(self.browser, self.told["user_code"])
            fields = {"user_code": self.told["user_code"], "decision": "yes"}
            begun = await self.browser.post(f"{DEVICE}/decide", **fields)
        else:
            begun = await decide(self.browser, self.told, "yes")
        return begun.headers["location"].rsplit("/", 1)[1]

    async def agree(self) -> None:
        end = await self.browser.prove(await self.begin())
        assert end.headers["location"].endswith("/agreed")

    async def fetch(self) -> httpx2.Response:
        if self.client is KIOSK:
            return await self.world.poll(self.told, KIOSK)
        return await self.world.fetch(self.told, self.client)

    async def error(self) -> str:
        answer = await self.fetch()
        assert answer.status_code == 400, answer.text
        error: str = answer.json()["error"]
        return error


@pytest.fixture(params=["device", "ciba"])
async def waiting(request: pytest.FixtureRequest) -> Waiting:
    world = await ciba_world(KIOSK, DESK)
    browser = world.browser()
    if request.param == "device":
        return Waiting(world, KIOSK, await world.ask(KIOSK), browser)
    await log_in(world, browser)
    return Waiting(world, DESK, await world.begun(), browser)


@pytest.fixture(params=[PersonStatus.SUSPENDED, PersonStatus.CLOSED])
def status(request: pytest.FixtureRequest) -> PersonStatus:
    found: PersonStatus = request.param
    return found


async def bar(world: CibaWorld, status: PersonStatus) -> None:
    now, by = world.clock.now(), actor.operator("ann")
    await world.store.write(lambda tx: set_status(tx, ASHA, status, by=by, now=now))


async def test_before_they_agree(waiting: Waiting, status: PersonStatus) -> None:
    id = await waiting.begin()
    await bar(waiting.world, status)
    end = await waiting.browser.prove(id)
    assert "agreed" not in end.headers.get("location", "")
    assert await waiting.error() == "authorization_pending"
    assert await waiting.world.events("decoupled:request:agreed") == []
    waiting.world.clock.pass_by(minutes=11)
    assert await waiting.error() == "expired_token"


async def test_after_they_agreed_and_before_the_client_fetched_anything(waiting: Waiting, status: PersonStatus) -> None:
    await waiting.agree()
    await bar(waiting.world, status)
    assert await waiting.error() == "invalid_grant"
    assert (await waiting.world.reasons())[-1] == "session_ended"
    await bar(waiting.world, PersonStatus.ACTIVE)
    assert await waiting.error() == "invalid_grant", "what they agreed to does not come back to life"


async def test_after_the_client_fetched_its_tokens(waiting: Waiting, status: PersonStatus) -> None:
    await waiting.agree()
    got = (await waiting.fetch()).json()
    await bar(waiting.world, status)
    address = endpoints.path(waiting.world.issuer, endpoints.USERINFO)
    headers = {"authorization": f"Bearer {got['access_token']}"}
    assert (await waiting.world.browser().http.get(address, headers=headers)).status_code == 401
    fields = {"grant_type": "refresh_token", "refresh_token": got["refresh_token"], **proof(waiting.client)}
    answer = await waiting.world.send(endpoints.TOKEN, fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_ciba_12_what_was_to_be_pushed_is_an_error_instead(status: PersonStatus) -> None:
    world = await ciba_world(PINGED, PUSHED)
    browser = world.browser()
    await log_in(world, browser)
    pinged, pushed = await world.begun(PINGED), await world.begun(PUSHED)
    for told, client in ((pinged, PINGED), (pushed, PUSHED)):
        await Waiting(world, client, told, browser).agree()
    await bar(world, status)
    await world.notifications.deliver()
    bodies = {body["auth_req_id"]: body for body, _ in world.desk.came}
    assert bodies[pinged["auth_req_id"]] == {"auth_req_id": pinged["auth_req_id"]}
    assert bodies[pushed["auth_req_id"]]["error"] == "transaction_failed"
    assert "access_token" not in bodies[pushed["auth_req_id"]]
    assert (await world.fetch(pinged, PINGED)).json()["error"] == "invalid_grant"
