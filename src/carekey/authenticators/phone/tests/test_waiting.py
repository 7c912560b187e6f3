"""Many pages that wait, and one that asks for all of them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import pytest

from carekey.authenticators.phone import waiting
from carekey.authenticators.phone.waiting import Watch

pytestmark = pytest.mark.anyio


class Looks:
    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.count = 0
        self.looked = asyncio.Event()

    async def __call__(self) -> Mapping[str, str]:
        self.count += 1
        self.looked.set()
        return dict(self.states)


async def first(news: AsyncGenerator[str, None]) -> str:
    try:
        return await anext(news)
    finally:
        await news.aclose()


async def test_a_thousand_that_wait_ask_once_together_and_each_hears_of_its_own() -> None:
    looks = Looks()
    watch = Watch(looks)
    pages = [asyncio.create_task(first(watch.news(str(number), known="waiting"))) for number in range(1000)]
    await looks.looked.wait()
    looks.states = {str(number): f"state-{number}" for number in range(1000)}
    watch.wake()
    assert await asyncio.gather(*pages) == [f"state-{number}" for number in range(1000)]
    assert looks.count == 2


async def test_while_nobody_waits_nothing_is_asked() -> None:
    looks = Looks()
    watch = Watch(looks)
    watch.wake()
    looks.states = {"a": "approved"}
    assert await first(watch.news("a", known="waiting")) == "approved"
    asked = looks.count
    watch.wake()
    assert watch._looker is not None
    async with asyncio.timeout(10):
        await watch._looker
    assert looks.count == asked


async def test_a_look_that_fails_is_tried_again() -> None:
    tries: list[int] = []
    tried = asyncio.Event()

    async def look() -> Mapping[str, str]:
        tries.append(1)
        tried.set()
        if len(tries) == 1:
            raise OSError("the store is away")
        return {"a": "approved"}

    watch = Watch(look)
    page = asyncio.create_task(first(watch.news("a", known="waiting")))
    await tried.wait()
    watch.wake()
    assert await page == "approved"


async def test_a_ward_that_logs_in_all_at_once_asks_no_more_often() -> None:
    looks = Looks()
    watch = Watch(looks)
    pages = [asyncio.create_task(first(watch.news(str(number), known="waiting"))) for number in range(100)]
    await looks.looked.wait()
    for number in range(100):
        looks.states[str(number)] = "approved"
        watch.wake()
        await asyncio.sleep(0)
    assert await asyncio.gather(*pages) == ["approved"] * 100
    assert looks.count <= 3


async def test_what_an_earlier_approval_came_to_is_not_told_of_the_next() -> None:
    looks = Looks()
    watch = Watch(looks)
    other = asyncio.create_task(first(watch.news("other", known="waiting")))
    looks.states = {"a": "refused"}
    assert await first(watch.news("a", known="waiting")) == "refused"
    looks.states = {}
    again = asyncio.create_task(first(watch.news("a", known="waiting")))
    looks.looked.clear()
    watch.wake()
    await looks.looked.wait()
    assert not again.done()
    looks.states = {"a": "approved", "other": "approved"}
    watch.wake()
    assert await again == await other == "approved"


async def test_now_and_then_it_says_that_it_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SAY_SOMETHING_EVERY", 0.01)
    news = Watch(Looks()).news("a", known="waiting")
    assert [await anext(news), await anext(news)] == ["", ""]
    await news.aclose()
