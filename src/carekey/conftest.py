"""What every test shares."""

import hypothesis
import pytest

# Tests do not time: on a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile("carekey", deadline=None)
hypothesis.settings.load_profile("carekey")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
