import asyncio

import pytest

from carekey.kernel.bulkhead import Bulkhead

pytestmark = pytest.mark.anyio


class Works:
    """Work that waits until it is let go."""

    def __init__(self, *, for_one: int = 2, altogether: int = 5) -> None:
        self.failures: list[tuple[str, str]] = []
        self.begun: list[str] = []
        self.go = asyncio.Event()
        self.bulkhead: Bulkhead[str] = Bulkhead(
            for_one=for_one, altogether=altogether, failed=lambda key, error: self.failures.append((key, str(error)))
        )

    def begin(self, key: str, party: str) -> bool:
        return self.bulkhead.begin(key, party, lambda: self._work(key))

    async def _work(self, key: str) -> None:
        self.begun.append(key)
        await self.go.wait()
        if key.startswith("bad"):
            raise ValueError(key)


async def test_so_many_for_one_party_and_so_many_altogether() -> None:
    works = Works()
    assert [works.begin(f"a{number}", "a") for number in range(3)] == [True, True, False]
    assert [works.begin(f"b{number}", "b") for number in range(3)] == [True, True, False]
    assert not works.bulkhead.full
    assert [works.begin(f"c{number}", "c") for number in range(2)] == [True, False]
    assert works.bulkhead.full
    assert not works.begin("d0", "d")
    works.go.set()
    await works.bulkhead.finish()
    assert works.begun == ["a0", "a1", "b0", "b1", "c0"]


async def test_what_is_under_way_is_not_begun_again_and_room_comes_back() -> None:
    works = Works()
    assert works.begin("a0", "a")
    assert not works.begin("a0", "a")
    works.go.set()
    await works.bulkhead.finish()
    assert [works.begin(f"a{number}", "a") for number in range(3)] == [True, True, False]
    await works.bulkhead.finish()


async def test_a_failure_is_heard_of_and_gives_its_room_back() -> None:
    works = Works(for_one=1)
    works.begin("bad", "a")
    works.go.set()
    await works.bulkhead.finish()
    assert works.failures == [("bad", "bad")]
    assert works.begin("next", "a")
    await works.bulkhead.finish()


async def test_stopping_is_no_failure() -> None:
    works = Works()
    works.begin("bad", "a")
    await works.bulkhead.stop()
    assert works.failures == []
    assert works.begin("bad", "a")
    works.go.set()
    await works.bulkhead.stop()
