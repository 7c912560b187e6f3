"""One CareKey, one ward and one pharmacy for all journeys; a key for each person who needs one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from support import provider as carekey
from support.browser import Kind, chromium
from support.keys import Key, KeyOf, enrol
from support.provider import Provider


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("carekey")


@pytest.fixture(scope="session")
def provider(folder: Path) -> Iterator[Provider]:
    with carekey.carekey(folder) as running:
        yield running


@pytest.fixture(scope="session")
def records(provider: Provider, folder: Path) -> Iterator[str]:
    with carekey.records(provider, folder) as address:
        yield address


@pytest.fixture(scope="session")
def ward(provider: Provider, folder: Path, pharmacy: str, records: str) -> Iterator[str]:
    with carekey.ward(provider, folder, neighbour=f"Pharmacy={pharmacy}", records=records) as address:
        yield address


@pytest.fixture(scope="session")
def pharmacy(provider: Provider, folder: Path) -> Iterator[str]:
    with carekey.ward(provider, folder, kind="pharmacy") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab of a browser that nobody has used before."""
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def _held() -> dict[tuple[str, Kind], Key]:
    return {}


@pytest.fixture
def key_of(provider: Provider, browser: Browser, _held: dict[tuple[str, Kind], Key]) -> KeyOf:
    """A person's key of a kind, enrolled the first time that it is asked for."""

    def get(person: str, kind: Kind) -> Key:
        if (person, kind) not in _held:
            context = browser.new_context()
            _held[person, kind] = enrol(context.new_page(), provider.enrol_link(person), kind)
            context.close()
        return _held[person, kind]

    return get
