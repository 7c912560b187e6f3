"""Notifications to real endpoints on loopback that hang, fail, lead elsewhere or do not end (CIBA Core sections 10.2
and 10.3)."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc import endpoints, fetch
from carekey.oidc.ciba import notify
from carekey.oidc.ciba.notify import ALTOGETHER, AT_ONCE, LEASE, Notifications, Notifier
from carekey.oidc.ciba.tests.world import NOTIFICATION_TOKEN, PINGED, PUSHED, CibaWorld, agree, ciba_world, log_in
from carekey.oidc.fetch import Fetcher
from carekey.oidc.logout.retry import AFTER
from carekey.oidc.model import Client
from carekey.oidc.tests import misbehaving
from carekey.oidc.tests.misbehaving import EMPTY, GARBLED, HANGS, SILENT, serving

pytestmark = pytest.mark.anyio

_somebody = itertools.count()


@dataclass
class Endpoint(misbehaving.Endpoint):
    """A client's notification endpoint."""

    path: str = "/ciba"
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        self.bodies.append(json.loads(body))


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving(Endpoint()) as one:
        yield one


@pytest.fixture
async def world() -> CibaWorld:
    return await ciba_world()


@pytest.fixture(params=[PINGED, PUSHED], ids=["ping", "push"])
def client(request: pytest.FixtureRequest) -> Client:
    found: Client = request.param
    return found


def worker(world: CibaWorld, *, private: bool = True) -> Notifications[Any]:
    notifier = Notifier(issuer=world.issuer, tokens=world.endpoint, fetcher=Fetcher(private=private))
    return Notifications([notifier], store=world.store, sealing=world.sealing, clock=world.clock)


async def agreed(world: CibaWorld, client: Client, endpoint: Endpoint) -> dict[str, Any]:
    """A request of this client that its person agreed to, so that it is to be notified there."""
    await world.save(replace(client, ciba_notification_endpoint=endpoint.address))
    told, browser = await world.begun(client), world.browser()
    await log_in(world, browser)
    await agree(world, browser, told)
    return told


async def waiting(world: CibaWorld, client: Client, endpoint: Endpoint, many: int) -> None:
    """So many requests that nobody decided, each for somebody else."""
    await world.save(replace(client, ciba_notification_endpoint=endpoint.address))
    for _ in range(many):
        await world.begun(client, login_hint=f"5559{next(_somebody):08}", requested_expiry="60")


async def outcomes(world: CibaWorld) -> list[tuple[str, str, bool]]:
    return [
        (one.tag.rsplit(":", 1)[1], one.data["outcome"], one.data.get("last", True))
        for one in await world.events()
        if one.tag.startswith("ciba:notification:")
    ]


async def userinfo(world: CibaWorld, body: dict[str, Any]) -> int:
    headers = {"authorization": f"Bearer {body['access_token']}"}
    answer = await world.browser().http.get(endpoints.path(world.issuer, endpoints.USERINFO), headers=headers)
    return answer.status_code


@pytest.mark.parametrize("status", [200, 204])
async def test_ciba_10_2_what_is_sent_and_taken(
    world: CibaWorld, client: Client, endpoint: Endpoint, status: int
) -> None:
    endpoint.answers = [status]
    told = await agreed(world, client, endpoint)
    await worker(world).deliver()
    assert await outcomes(world) == [("delivered", str(status), True)]
    (head,), (body,) = endpoint.heads, endpoint.bodies
    assert head.startswith("post /ciba http/1.1\r\n")
    assert f"authorization: bearer {NOTIFICATION_TOKEN}\r\n" in head
    assert "content-type: application/json\r\n" in head
    assert body["auth_req_id"] == told["auth_req_id"]
    assert ("access_token" in body) is (client is PUSHED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
async def test_ciba_10_2_a_failure_is_tried_again_a_little_and_never_for_ever(
    world: CibaWorld, client: Client, endpoint: Endpoint, status: int
) -> None:
    endpoint.answers = [status]
    await agreed(world, client, endpoint)
    for wait in (*AFTER, timedelta(days=1), timedelta(days=1)):
        await worker(world).deliver()
        world.clock.pass_by(seconds=wait.total_seconds())
    assert len(endpoint.bodies) == len(AFTER) + 1
    assert await outcomes(world) == [("failed", str(status), False)] * len(AFTER) + [("failed", str(status), True)]


async def test_what_failed_once_is_delivered_when_it_works(
    world: CibaWorld, client: Client, endpoint: Endpoint
) -> None:
    endpoint.answers = [401, 204]
    told = await agreed(world, client, endpoint)
    await worker(world).deliver()
    await worker(world).deliver()
    assert len(endpoint.bodies) == 1, "not before its time"
    world.clock.pass_by(seconds=AFTER[0].total_seconds())
    await worker(world).deliver()
    assert await outcomes(world) == [("failed", "401", False), ("delivered", "204", True)]
    first, second = endpoint.bodies
    if client is PINGED:
        assert first == second == {"auth_req_id": told["auth_req_id"]}
    else:
        assert first["access_token"] != second["access_token"]
        assert [await userinfo(world, body) for body in endpoint.bodies] == [401, 200]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_ciba_10_2_a_redirect_is_not_followed(
    world: CibaWorld, client: Client, endpoint: Endpoint, status: int
) -> None:
    async with serving(Endpoint()) as inside:
        endpoint.answers, endpoint.headers = [status], f"location: {inside.address}\r\n{EMPTY}"
        await agreed(world, client, endpoint)
        await worker(world).deliver()
        assert inside.heads == []
    assert await outcomes(world) == [("failed", str(status), False)]


@pytest.mark.parametrize("headers", ["content-length: 1000000000000\r\n", "connection: close\r\n"])
async def test_of_an_endless_body_nothing_is_read(
    world: CibaWorld, client: Client, endpoint: Endpoint, headers: str
) -> None:
    endpoint.answers, endpoint.headers, endpoint.endless = [200], headers, True
    await agreed(world, client, endpoint)
    await worker(world).deliver()
    assert await outcomes(world) == [("delivered", "200", True)]


@pytest.mark.parametrize("answer", [SILENT, GARBLED])
async def test_one_that_closes_the_connection_or_speaks_something_else(
    world: CibaWorld, client: Client, endpoint: Endpoint, answer: str
) -> None:
    endpoint.answers = [answer, 204]
    await agreed(world, client, endpoint)
    await worker(world).deliver()
    world.clock.pass_by(seconds=AFTER[0].total_seconds())
    await worker(world).deliver()
    assert await outcomes(world) == [("failed", "no_answer", False), ("delivered", "204", True)]


async def test_one_that_is_not_there(world: CibaWorld, client: Client) -> None:
    async with serving(Endpoint()) as gone:
        pass
    await agreed(world, client, gone)
    await worker(world).deliver()
    assert await outcomes(world) == [("failed", "no_answer", False)]


async def test_a_real_issuer_sends_nothing_to_private_addresses(
    world: CibaWorld, client: Client, endpoint: Endpoint
) -> None:
    endpoint.address = endpoint.address.replace("http:", "https:")
    await agreed(world, client, endpoint)
    await worker(world, private=False).deliver()
    assert await outcomes(world) == [("failed", "forbidden_address", False)]
    assert endpoint.heads == []


class TestHanging:
    async def test_it_is_given_up(
        self, world: CibaWorld, client: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "TIME_LIMIT", 0.2)
        endpoint.answers = [HANGS]
        await agreed(world, client, endpoint)
        await worker(world).deliver()
        assert await outcomes(world) == [("failed", "too_slow", False)]

    @pytest.mark.parametrize("looked_at", [3, 500])
    async def test_it_keeps_nobody_else_waiting_however_much_is_due_to_it(
        self, world: CibaWorld, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, looked_at: int
    ) -> None:
        monkeypatch.setattr(notify, "LOOKED_AT", looked_at)
        monkeypatch.setattr(fetch, "TIME_LIMIT", 60)  # on a busy machine too it hangs for longer than this test takes
        async with serving(Endpoint(answers=[HANGS])) as hanging:
            await waiting(world, PINGED, hanging, AT_ONCE * 3)
            world.clock.pass_by(seconds=1)
            await waiting(world, PUSHED, endpoint, AT_ONCE)
            world.clock.pass_by(seconds=60)
            running = worker(world)
            for _ in range(3):
                await running.begin()
            await endpoint.reached(AT_ONCE)
            await hanging.reached(AT_ONCE)
            await running.begin()
            assert len(hanging.heads) == AT_ONCE
            await running.stop()
        assert [body["error"] for body in endpoint.bodies] == ["expired_token"] * AT_ONCE

    async def test_many_that_hang_are_no_more_than_so_many_at_once(
        self, world: CibaWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "TIME_LIMIT", 60)
        clients = ALTOGETHER // AT_ONCE + 2
        async with AsyncExitStack() as stack:
            hanging = [await stack.enter_async_context(serving(Endpoint(answers=[HANGS]))) for _ in range(clients)]
            for number, one in enumerate(hanging):
                await waiting(world, replace(PINGED, id=ClientId(f"hanging-{number}")), one, AT_ONCE)
            world.clock.pass_by(seconds=60)
            running = worker(world)
            await running.begin()
            async with asyncio.timeout(20):
                while sum(len(one.heads) for one in hanging) < ALTOGETHER:  # noqa: ASYNC110 (another program's)
                    await asyncio.sleep(0.01)
            await running.begin()
            assert sum(len(one.heads) for one in hanging) == ALTOGETHER
            await running.stop()

    async def test_stopping_leaves_what_is_under_way_to_others(
        self, world: CibaWorld, client: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "TIME_LIMIT", 60)
        endpoint.answers = [HANGS, 204]
        await agreed(world, client, endpoint)
        stopped = worker(world)
        await stopped.begin()
        await endpoint.reached(1)
        await stopped.stop()
        await worker(world).deliver()
        assert len(endpoint.bodies) == 1, "it is in hand"
        world.clock.pass_by(seconds=LEASE.total_seconds())
        await worker(world).deliver()
        assert await outcomes(world) == [("delivered", "204", True)]
