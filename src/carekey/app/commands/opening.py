"""How a command gets at the installation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from carekey.app.terminal import read_settings

if TYPE_CHECKING:
    from carekey.app.wiring import Installation


@asynccontextmanager
async def opened(config: Path | None) -> AsyncIterator["Installation"]:
    """The installation of these settings, made first if there is none yet and it is no production one."""
    from carekey.app.data_folder import prepare  # half of what there is, which --help can do without
    from carekey.app.wiring import running

    found = read_settings(config)
    prepare(found)
    async with running(found) as installation:
        yield installation
