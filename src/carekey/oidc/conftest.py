"""The small provider of `oidc/tests/world.py`, for every part of the slice."""

import pytest

from carekey.oidc.tests.world import World, make_world


@pytest.fixture
async def world() -> World:
    return await make_world()
