"""How a command gets at the installation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from carekey.app.data_folder import prepare
from carekey.app.terminal import read_settings
from carekey.app.wiring import Installation, running


@asynccontextmanager
async def opened(config: Path | None) -> AsyncIterator[Installation]:
    """The installation of these settings, made first if there is none yet and it is no production one."""
    found = read_settings(config)
    prepare(found)
    async with running(found) as installation:
        yield installation
