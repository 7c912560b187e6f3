"""The delivery of logout tokens, against real servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwk, jwt

from carekey.kernel.ids import ClientId, SessionId
from carekey.oidc import fetch
from carekey.oidc.fetch import Fetcher
from carekey.oidc.logout.backchannel import AT_ONCE, LEASE, BackChannel, Sender
from carekey.oidc.logout.retry import AFTER
from carekey.oidc.tests.misbehaving import HANGS, Endpoint, serving
from carekey.oidc.tests.world import ASHA, HEALTHCARE, ISSUER, NOW, SESSION, WARD, WARD_CLIENT, World, make_world
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded
from carekey.sessions.model import DeliveryState, Session

pytestmark = pytest.mark.anyio

CLINIC = ClientId("clinic")


@dataclass
class Application(Endpoint):
    """A relying party's endpoint."""

    path: str = "/backchannel-logout"
    answers: list[int | str] = field(default_factory=lambda: [200])
    received: list[str] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        form = parse_qs(body.decode(), strict_parsing=True)
        assert form.keys() == {"logout_token"}
        self.received += form["logout_token"]


@pytest.fixture
async def ward() -> AsyncIterator[Application]:
    async with serving(Application()) as application:
        yield application


def worker(world: World, *, private: bool = True) -> BackChannel:
    sender = Sender(issuer=world.issuer, signer=world.signer, fetcher=Fetcher(private=private))
    return BackChannel([sender], store=world.store, clock=world.clock, entropy=world.entropy)


async def register(world: World, id: ClientId, address: str | None, **more: Any) -> None:
    client = replace(WARD_CLIENT, id=id, backchannel_logout_uri=address, **more)
    await world.store.write(lambda tx: tx.clients.replace(client) or tx.clients.add(client))


async def end(world: World, *sessions: SessionId, clients=(WARD,)) -> None:
    """Sessions that these clients took part in, ended."""

    def work(tx) -> None:
        for id in sessions or (SESSION,):
            session = tx.sessions.get(id)
            if session is None:
                like: Session = tx.sessions.get(SESSION)
                session = replace(like, id=id, digest=id.encode())
                tx.sessions.start(session)
            for client in clients:
                tx.sessions.joined(id, client)
            ending.end(tx, session, WhyEnded.LOGGED_OUT, now=world.clock.now(), reference="ABCD2345")

    await world.store.write(work)


async def state(world: World, client: ClientId = WARD) -> list[tuple[str, str, int]]:
    found = await world.store.read(lambda tx: tx.logout_deliveries.of_client(HEALTHCARE, client, limit=99))
    return [(one.state.value, one.outcome, one.tries) for one in found]


async def outcomes(world: World) -> list[tuple[str, str, bool]]:
    found = await world.store.read(lambda tx: tx.audit.search())
    return [
        (one.tag.rsplit(":", 1)[1], one.data["outcome"], one.data["last"])
        for one in found
        if one.tag.startswith("logout:delivery:")
    ]


async def claims(world: World, token: str, alg: str = "RS256") -> dict[str, Any]:
    keys = jwk.KeySet.import_key_set((await world.get("/connect/jwk_uri")).json())
    return jwt.decode(token, keys, algorithms=[alg]).claims


async def test_backchannel_2_5_a_form_with_one_field_and_the_outcome_on_record(world, ward):
    await register(world, WARD, ward.address)
    await end(world)
    world.clock.pass_by(seconds=30)
    await worker(world).deliver()
    (token,) = ward.received
    told = await claims(world, token)
    assert (told["aud"], told["sub"], told["sid"]) == (WARD, ASHA, SESSION)
    assert told["iat"] == int((NOW + timedelta(seconds=30)).timestamp()), "of the try, not of the end"
    assert ward.heads[0].startswith("post /backchannel-logout http/1.1")
    assert "content-type: application/x-www-form-urlencoded" in ward.heads[0]
    assert await state(world) == [("delivered", "200", 1)]
    assert await outcomes(world) == [("delivered", "200", True)]
    await worker(world).deliver()
    assert len(ward.received) == 1


async def test_the_token_is_signed_with_the_algorithm_that_the_client_registered(world, ward):
    await register(world, WARD, ward.address, id_token_alg="ES256")
    await end(world)
    await worker(world).deliver()
    assert (await claims(world, ward.received[0], "ES256"))["aud"] == WARD


async def test_each_client_of_the_session_is_told_and_none_that_cannot_be(world, ward):
    async with serving(Application()) as clinic:
        await register(world, WARD, ward.address)
        await register(world, CLINIC, clinic.address)
        await register(world, ClientId("deaf"), None)
        await end(world, clients=(WARD, CLINIC, ClientId("deaf")))
        await worker(world).deliver()
        assert (await claims(world, ward.received[0]))["aud"] == WARD
        assert (await claims(world, clinic.received[0]))["aud"] == CLINIC
    assert await state(world, ClientId("deaf")) == []


async def test_every_try_has_a_token_of_its_own(world, ward):
    ward.answers = [500, 200]
    await register(world, WARD, ward.address)
    await end(world)
    await worker(world).deliver()
    assert await state(world) == [("waiting", "500", 1)]
    await worker(world).deliver()
    assert len(ward.received) == 1, "not before its time"
    world.clock.pass_by(seconds=AFTER[0].total_seconds())
    await worker(world).deliver()
    first, second = [await claims(world, token) for token in ward.received]
    assert first["jti"] != second["jti"]
    assert second["iat"] == first["iat"] + AFTER[0].total_seconds()
    assert await state(world) == [("delivered", "200", 2)]
    assert await outcomes(world) == [("failed", "500", False), ("delivered", "200", True)]


@pytest.mark.parametrize("status", [500, 400, 302])
async def test_cis2_2_17_an_application_that_fails_is_asked_a_little_and_never_for_ever(world, ward, status):
    ward.answers, ward.headers = [status], "location: http://127.0.0.1:1/\r\ncontent-length: 0\r\n"
    await register(world, WARD, ward.address)
    await end(world)
    for wait in (*AFTER, timedelta(days=1), timedelta(days=1)):
        await worker(world).deliver()
        world.clock.pass_by(seconds=wait.total_seconds())
    assert len(ward.received) == len(AFTER) + 1
    assert await state(world) == [("given_up", str(status), len(AFTER) + 1)]
    assert [last for *_, last in await outcomes(world)] == [False] * len(AFTER) + [True]


async def test_cis2_5_5_the_platform_says_501_for_a_session_that_it_does_not_know(world, ward):
    ward.answers = [501]
    await register(world, WARD, ward.address)
    await end(world)
    await worker(world).deliver()
    assert await state(world) == [("given_up", "501", 1)]
    assert await outcomes(world) == [("failed", "501", True)]


async def test_an_application_that_hangs_is_given_up(world, monkeypatch):
    monkeypatch.setattr(fetch, "TIME_LIMIT", 0.2)
    async with serving(Application(answers=[HANGS])) as hanging:
        await register(world, WARD, hanging.address)
        await end(world)
        await worker(world).deliver()
    assert await state(world) == [("waiting", "too_slow", 1)]


async def test_an_application_that_hangs_keeps_nobody_else_waiting(world, ward):
    async with serving(Application(answers=[HANGS])) as hanging:
        await register(world, WARD, ward.address)
        await register(world, CLINIC, hanging.address)
        many = [SessionId(f"s{number}") for number in range(AT_ONCE * 2)]
        await end(world, *many, clients=(WARD, CLINIC))
        back_channel = worker(world)
        await back_channel.begin()
        await ward.reached(len(many))
        assert {outcome for _, outcome, _ in await state(world, CLINIC)} == {""}
        assert len(hanging.received) <= AT_ONCE
        await back_channel.stop()


async def test_of_an_endless_body_nothing_is_read(world, ward):
    ward.headers, ward.endless = "content-length: 1000000000000\r\n", True
    await register(world, WARD, ward.address)
    await end(world)
    await worker(world).deliver()
    assert await state(world) == [("delivered", "200", 1)]


async def test_a_redirect_to_a_private_address_leads_nowhere(world, ward):
    async with serving(Application()) as inside:
        ward.answers, ward.headers = [307], f"location: {inside.address}\r\ncontent-length: 0\r\n"
        await register(world, WARD, ward.address)
        await end(world)
        await worker(world).deliver()
        assert inside.received == []
    assert await state(world) == [("waiting", "307", 1)]


async def test_a_real_issuer_sends_nothing_to_private_addresses(world, ward):
    await register(world, WARD, ward.address.replace("http:", "https:"))
    await end(world)
    await worker(world, private=False).deliver()
    assert await state(world) == [("waiting", "forbidden_address", 1)]
    assert ward.received == []


async def test_a_client_that_took_its_address_back_is_not_told(world, ward):
    await register(world, WARD, ward.address)
    await end(world)
    await register(world, WARD, None)
    await worker(world).deliver()
    assert await state(world) == [("given_up", "no_address", 1)]


async def test_two_workers_at_once_send_each_once(world, ward):
    await register(world, WARD, ward.address)
    many = [SessionId(f"s{number}") for number in range(50)]
    await end(world, *many)
    await asyncio.gather(worker(world).deliver(), worker(world).deliver())
    told = [(await claims(world, token))["sid"] for token in ward.received]
    assert sorted(told) == sorted(many)


async def test_killed_between_commit_and_delivery_another_process_delivers(tmp_path, ward):
    """The end is durable in a database file; the process that did it never comes to delivering."""
    from carekey.storage import open_store
    from carekey.storage.sql.migrate import upgrade

    url = f"sqlite:///{tmp_path / 'carekey.db'}"
    upgrade(url)
    first = await make_world(open_store(url))
    await register(first, WARD, ward.address)
    await end(first)
    first.store.close()
    second = World(ISSUER, store=open_store(url))
    await second.signer.refresh(second.clock.now())
    await worker(second).deliver()
    assert (await claims(second, ward.received[0]))["sid"] == SESSION
    assert await state(second) == [("delivered", "200", 1)]
    second.store.close()


async def test_killed_with_a_delivery_in_hand_another_takes_it_up_when_its_time_is_over(world, ward):
    await register(world, WARD, ward.address)
    await end(world)

    def claim(now: datetime):
        return lambda tx: tx.logout_deliveries.claim(HEALTHCARE, WARD, now=now, until=now + LEASE, limit=9)

    (in_hand,) = await world.store.write(claim(world.clock.now()))
    await worker(world).deliver()
    assert ward.received == []
    world.clock.pass_by(seconds=LEASE.total_seconds())
    await worker(world).deliver()
    assert await state(world) == [("delivered", "200", 2)]
    late = await world.store.write(
        lambda tx: tx.logout_deliveries.settle(in_hand, state=DeliveryState.GIVEN_UP, outcome="500", at=NOW)
    )
    assert not late, "who comes back from the dead changes nothing"


async def test_stopping_leaves_what_is_under_way_to_others(world):
    async with serving(Application(answers=[HANGS, 200])) as ward:
        await register(world, WARD, ward.address)
        await end(world)
        stopped = worker(world)
        await stopped.begin()
        await ward.reached(1)
        await stopped.stop()
        assert await state(world) == [("waiting", "", 1)]
        world.clock.pass_by(seconds=LEASE.total_seconds())
        await worker(world).deliver()
        assert await state(world) == [("delivered", "200", 2)]


async def test_batches_follow_each_other_on_the_same_connections(world):
    """A handshake costs as much as everything else of a notice."""
    connections = 0

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
                await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(keep, "127.0.0.1", 0) as running:
        await register(world, WARD, f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/backchannel-logout")
        await end(world, *(SessionId(f"s{number}") for number in range(AT_ONCE * 4)))
        await worker(world).deliver()
    assert await state(world) == [("delivered", "200", 1)] * AT_ONCE * 4
    assert connections <= AT_ONCE


async def test_a_turn_of_the_loop_signs_one_notice(world, ward):
    """A signature takes as long as answering a request: all at once, they would keep everybody waiting."""
    turn, signed_in, sign = 0, [], world.signer.sign

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    class Watched:
        refresh = world.signer.refresh

        def sign(self, claims: Mapping[str, Any], *, alg: str, typ: str = "JWT") -> str:
            signed_in.append(turn)
            return sign(claims, alg=alg, typ=typ)

    await register(world, WARD, ward.address)
    await register(world, CLINIC, ward.address)
    await end(world, *(SessionId(f"s{number}") for number in range(AT_ONCE)), clients=(WARD, CLINIC))
    sender = Sender(issuer=world.issuer, signer=Watched(), fetcher=Fetcher(private=True))
    counting = asyncio.create_task(count_turns())
    await BackChannel([sender], store=world.store, clock=world.clock, entropy=world.entropy).deliver()
    counting.cancel()
    assert len(signed_in) == AT_ONCE * 2
    assert len(set(signed_in)) == len(signed_in)
