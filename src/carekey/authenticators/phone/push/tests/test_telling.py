"""From the question to the message on a push service of our own, and everything that may go wrong on the way."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from carekey.authenticators.conformance.contract import ASHA, BEN
from carekey.authenticators.phone.confirmation.tests.test_confirmation import BLIND, ID, SECRET, Ward
from carekey.authenticators.phone.push import telling
from carekey.authenticators.phone.push.telling import Telling
from carekey.authenticators.phone.push.tests.push_service import Browser, PushService, push_service
from carekey.authenticators.phone.push.vapid import Vapid, key_from
from carekey.authenticators.phone.tests.test_phone_http import held
from carekey.authenticators.uaf.tests.phone import Model
from carekey.kernel import actor
from carekey.kernel.ids import ConfirmationId
from carekey.oidc.fetch import Fetcher, FetchFailed
from carekey.registration import standing

pytestmark = pytest.mark.anyio

VAPID = Vapid(key_from(b"v" * 48), "mailto:desk@id.example")


class Told(Ward):
    """A ward whose people's phones may be told."""

    def __init__(self, *more: Model, private: bool = True) -> None:
        super().__init__(*more, push=VAPID)
        self.browser = Browser()
        self.flaws: list[str] = []
        fetcher = Fetcher(private=private)

        async def send(endpoint: str, body: bytes, headers: Mapping[str, str]) -> int | None:
            try:
                return await fetcher.send(endpoint, body, headers)
            except FetchFailed as failed:
                self.flaws.append(failed.flaw)
                return None

        self.telling: Telling[Any] = Telling(
            store=self.world.store,
            terms=self.terms,
            vapid=VAPID,
            send=send,
            clock=self.world.clock,
            entropy=self.world.site.entropy,
        )

    async def subscribe(self, endpoint: str, *secrets: str, **how: Any) -> int:
        body = {"devices": secrets or [SECRET], "endpoint": endpoint, "keys": self.browser.keys(), **how}
        answer = await self.world.new_browser().post("/phone/push", json=body)
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code

    async def subscribed(self, service: PushService) -> None:
        await self.phone()
        assert await self.subscribe(service.endpoint()) == 200
        self.later()

    def later(self) -> None:
        self.world.clock.pass_by(timedelta(seconds=1))

    async def kept(self) -> list[str]:
        """The endpoints of the person's phones."""
        found = [
            await self.world.store.read(lambda tx, one=one: tx.subscriptions.find(one.id))
            for one in await held(self.world)
        ]
        return [one.endpoint for one in found if one]

    async def tags(self) -> list[str]:
        rows = await self.world.store.read(lambda tx: list(tx.audit.search(limit=100)))
        return sorted(row.tag for row in rows if row.tag.startswith("push:"))


async def test_rfc8291_a_phone_is_told_once_and_learns_nothing_of_what_waits() -> None:
    ward = Told()
    async with push_service() as service:
        await ward.subscribed(service)
        await ward.telling.deliver()
        assert service.taken == []
        await ward.ask()
        await ward.telling.deliver()
        await ward.telling.deliver()
    [(first, headers, body)] = service.taken
    assert first == f"POST /p/{service.endpoint().rpartition('/')[2]} HTTP/1.1"
    assert ward.browser.read(body) == b"Something waits for you"
    assert headers["content-encoding"] == "aes128gcm"
    assert (headers["ttl"], headers["urgency"]) == ("300", "high")
    assert "cookie" not in headers
    given = dict(part.strip().split("=", 1) for part in headers["authorization"].removeprefix("vapid ").split(","))
    assert given["k"] == VAPID.public
    key = ECKey.import_key(VAPID.key.public_key())
    claims = jwt.decode(given["t"], key, algorithms=["ES256"]).claims
    assert claims["aud"] == f"http://127.0.0.1:{service.port}"
    assert datetime.fromtimestamp(claims["exp"], UTC) > ward.world.clock.now()
    assert await ward.tags() == ["push:subscription:kept"]


async def test_every_message_has_a_key_and_a_salt_of_its_own() -> None:
    ward = Told()
    async with push_service() as service:
        await ward.subscribed(service)
        for name in ("first", "second"):
            await ward.ask(ConfirmationId(name))
            await ward.telling.deliver()
            ward.later()
    one, two = (body for *_, body in service.taken)
    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]
    assert ward.browser.read(one) == ward.browser.read(two)


async def test_two_nodes_at_once_tell_a_phone_once() -> None:
    ward = Told()
    other = Told()
    other.telling.store = ward.world.store
    async with push_service() as service:
        await ward.subscribed(service)
        await ward.ask()
        await asyncio.gather(ward.telling.deliver(), other.telling.deliver())
    assert len(service.taken) == 1


async def test_a_phone_that_cannot_show_it_or_is_no_longer_there_is_not_told() -> None:
    ward = Told()
    async with push_service() as service:
        await ward.subscribed(service)
        await ward.phone(model=BLIND, secret="b" * 43)
        assert await ward.subscribe(service.endpoint("blind"), "b" * 43) == 200
        ward.later()
        await ward.ask()
        await ward.telling.deliver()
        assert ["/p/blind" in first for first, *_ in service.taken] == [False]
        [able, blind] = await held(ward.world)
        now = ward.world.clock.now()
        for one in (able, blind):
            await ward.world.store.write(lambda tx, one=one: tx.credentials.revoke(one.id, at=now))
        ward.later()
        now = ward.world.clock.now()
        again = await ward.world.store.read(lambda tx: tx.confirmations.find(ID))
        await ward.world.store.write(
            lambda tx: tx.confirmations.ask(replace(again, id=ConfirmationId("again"), asked_at=now))
        )
        await ward.telling.deliver()
    assert len(service.taken) == 1
    assert (await ward.tags()).count("push:subscription:removed") == 2
    assert await ward.world.store.read(lambda tx: tx.subscriptions.find(able.id)) is None


async def test_what_was_answered_is_not_told() -> None:
    ward = Told()
    async with push_service() as service:
        await ward.subscribed(service)
        await ward.ask()
        assert (await ward.refuse()).status_code == 200
        await ward.telling.deliver()
    assert service.taken == []


@pytest.mark.parametrize("status", [404, 410])
async def test_rfc8030_7_3_a_subscription_that_is_gone_is_removed(status: int) -> None:
    ward = Told()
    async with push_service(status) as service:
        await ward.subscribed(service)
        await ward.ask()
        await ward.telling.deliver()
    assert await ward.kept() == []
    assert await ward.tags() == ["push:subscription:kept", "push:subscription:removed"]


@pytest.mark.parametrize("status", [301, 403, 429, 500])
async def test_any_other_answer_changes_nothing_and_is_not_tried_again(status: int) -> None:
    ward = Told()
    async with push_service(status) as service:
        await ward.subscribed(service)
        await ward.ask()
        await ward.telling.deliver()
        await ward.telling.deliver()
    assert len(service.taken) == 1
    assert await ward.kept() == [service.endpoint()]
    assert len(await ward.waiting()) == 1


async def test_a_push_service_that_hangs_holds_up_nobody_else() -> None:
    ward = Told()
    async with push_service(None) as hangs, push_service() as works:
        await ward.subscribed(hangs)
        for number in range(telling.AT_ONCE + 1):
            secret = f"{number}" * 43
            await ward.phone(secret=secret, person=ASHA if number < 4 else BEN)
            assert await ward.subscribe(hangs.endpoint(), secret) == 200
        await ward.phone(secret="w" * 43, person=BEN)
        assert await ward.subscribe(works.endpoint(), "w" * 43) == 200
        ward.later()
        assert await ward.ask() is None
        assert await ward.ask(ConfirmationId("bens"), person=BEN) is None
        await ward.telling.begin()
        async with asyncio.timeout(4):
            while not works.taken or len(hangs.taken) < telling.AT_ONCE:  # noqa: ASYNC110 (another program's)
                await asyncio.sleep(0.01)
        await ward.telling.begin()
        await asyncio.sleep(0.05)
        assert len(hangs.taken) == telling.AT_ONCE
        assert len(await ward.waiting()) == 1
        await ward.telling.stop()


async def test_nothing_is_sent_into_private_ranges() -> None:
    ward = Told(private=False)
    async with push_service() as service:
        await ward.phone()
        endpoint = f"https://127.0.0.1:{service.port}/"
        assert await ward.subscribe(endpoint) == 200
        ward.later()
        await ward.ask()
        await ward.telling.deliver()
    assert service.taken == []
    assert ward.flaws == ["forbidden_address"]


async def test_a_subscription_that_a_browser_renewed_is_told_what_the_old_one_was_not() -> None:
    ward = Told()
    async with push_service(410) as old, push_service() as new:
        await ward.subscribed(old)
        await ward.ask()
        assert await ward.subscribe(new.endpoint(), renewed=True) == 200
        await ward.telling.deliver()
        await ward.telling.deliver()
        assert (len(old.taken), len(new.taken)) == (0, 1)
        assert await ward.kept() == [new.endpoint()]


async def test_one_that_was_renewed_after_its_service_had_ended_it_is_told_too() -> None:
    ward = Told()
    async with push_service(410) as old, push_service() as new:
        await ward.subscribed(old)
        await ward.ask()
        await ward.telling.deliver()
        assert await ward.kept() == []
        assert await ward.subscribe(new.endpoint(), renewed=True) == 200
        await ward.telling.deliver()
        await ward.telling.deliver()
        assert len(new.taken) == 1
    tags = ["push:subscription:kept", "push:subscription:kept", "push:subscription:removed"]
    assert await ward.tags() == tags


async def test_a_page_that_subscribes_shows_what_waits_and_is_not_told_of_it() -> None:
    ward = Told()
    async with push_service() as service:
        await ward.phone()
        await ward.ask()
        assert await ward.subscribe(service.endpoint()) == 200
        await ward.telling.deliver()
    assert service.taken == []


async def test_a_phone_that_is_removed_takes_its_address_with_it_at_once() -> None:
    ward = Told()
    await ward.phone()
    assert await ward.subscribe("https://push.example/1") == 200
    [phone] = await held(ward.world)
    now = ward.world.clock.now()
    by = actor.operator("ann")

    def fails(tx: Any) -> None:
        standing.remove_way(tx, ASHA, phone.id, by=by, now=now)
        raise ValueError

    with pytest.raises(ValueError):
        await ward.world.store.write(fails)
    assert await ward.kept() == ["https://push.example/1"], "both or neither"
    await ward.world.store.write(lambda tx: standing.remove_way(tx, ASHA, phone.id, by=by, now=now))
    assert await ward.world.store.read(lambda tx: tx.subscriptions.find(phone.id)) is None
    rows = await ward.world.store.read(lambda tx: list(tx.audit.search(tag="push:subscription:removed")))
    assert [(row.actor, row.data["because"]) for row in rows] == [(by, "removed")]
    assert await ward.subscribe("https://push.example/2", renewed=True) == 404


# Subscribing


async def test_a_phone_has_one_subscription_replaced_and_removed() -> None:
    ward = Told()
    await ward.phone()
    for name in ("1", "1", "2"):
        assert await ward.subscribe(f"https://push.example/{name}") == 200
        assert await ward.kept() == [f"https://push.example/{name}"]
    for _ in range(2):
        answer = await ward.world.new_browser().post("/phone/push/remove", json={"devices": [SECRET]})
        assert answer.status_code == 200
        assert await ward.kept() == []
    assert await ward.tags() == ["push:subscription:kept"] * 2 + ["push:subscription:removed"]


async def test_who_has_no_phones_secret_subscribes_and_removes_nothing() -> None:
    ward = Told()
    await ward.phone()
    assert await ward.subscribe("https://push.example/1", "x" * 43) == 404
    assert await ward.subscribe("https://push.example/1") == 200
    answer = await ward.world.new_browser().post("/phone/push/remove", json={"devices": ["x" * 43]})
    assert answer.status_code == 200
    assert await ward.kept() == ["https://push.example/1"]


@pytest.mark.parametrize(
    "how",
    [
        {"endpoint": "ftp://push.example/"},
        {"endpoint": "https://user@push.example/"},
        {"endpoint": "https://push.example/" + "x" * 1100},
        {"keys": {"p256dh": "AAAA", "auth": Browser().keys()["auth"]}},
        {"keys": {**Browser().keys(), "auth": "AAAA"}},
        {"keys": {}},
        {"devices": ["x"] * 21},
        {"devices": "x"},
    ],
)
async def test_what_is_no_subscription_is_refused(how: dict[str, Any]) -> None:
    ward = Told()
    await ward.phone()
    assert await ward.subscribe(how.pop("endpoint", "https://push.example/1"), **how) == 400
    assert await ward.kept() == []
    assert await ward.tags() == []


async def test_another_site_cannot_subscribe() -> None:
    ward = Told()
    await ward.phone()
    body = json.dumps({"devices": [SECRET], "endpoint": "https://push.example/1", "keys": ward.browser.keys()})
    for headers in (
        {"origin": "https://evil.example", "content-type": "application/json"},
        {"content-type": "text/plain"},
    ):
        for path in ("/phone/push", "/phone/push/remove"):
            answer: httpx2.Response = await ward.world.new_browser().post(path, content=body, headers=headers)
            assert answer.status_code == 400
    assert await ward.kept() == []


async def test_it_is_off_unless_configured() -> None:
    on, off = Told(), Ward()
    assert f'data-push="{VAPID.public}"' in (await on.world.browser.get("/phone")).text
    assert 'data-push=""' in (await off.world.browser.get("/phone")).text
    answer = await off.world.new_browser().post("/phone/push", json={"devices": []})
    assert answer.status_code == 404
