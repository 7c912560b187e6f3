"""One installation for all tests of a file: what is refused changes nothing, so they do not get in each other's way."""

from collections.abc import AsyncIterator

import pytest

from support.installation import Whole, whole


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole(tmp_path_factory.mktemp("carekey")) as made:
        yield made
