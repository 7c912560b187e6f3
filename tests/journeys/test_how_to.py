"""docs/how-to/connect-an-application.md works as it stands: three applications on libraries that we did not write."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support import apache, how_to, node
from support.browser import Kind
from support.keys import KeyOf
from support.processes import free_port
from support.provider import NURSE, Provider
from support.steps import choose_role, choose_way, touch

pytestmark = pytest.mark.browser


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """Readable by the user that Apache serves as, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="carekey-how-to-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.parametrize(
    ("heading", "port"),
    [
        pytest.param("Python", 9000),
        pytest.param("Node", 9001, marks=pytest.mark.node),
        pytest.param("Apache", 9002, marks=pytest.mark.apache),
    ],
)
def test_the_page_leads_to_a_first_log_in(
    tab: Page, provider: Provider, key_of: KeyOf, empty_folder: Path, heading: str, port: int
) -> None:
    folder = empty_folder
    if heading == "Node":
        (folder / "node_modules").symlink_to(node.packages())
    if heading == "Apache":
        apache.check()
    key_of(NURSE, Kind.SYNCED).plug_in(tab)
    ports = {8000: provider.port, port: free_port()}
    with how_to.application(heading, folder, ports=ports, port=port, environment=dict(provider.environment)) as address:
        tab.goto(address)
        link = tab.get_by_role("link", name="Log in", exact=True)
        if link.is_visible():
            link.click()
        choose_way(tab, "passkey")
        touch(tab)
        choose_role(tab, "ST HILDA'S COMMUNITY HOSPITAL")
        expect(tab.get_by_role("heading", name="Hello Niamh O'Sullivan")).to_be_visible()
        expect(tab.locator("body")).to_contain_text(NURSE)
        expect(tab.locator("body")).to_contain_text("nhsid_nrbac_roles")
        assert tab.url == f"{address}/"


def test_every_section_has_code_and_a_way_to_run_it() -> None:
    for heading in ("Python", "Node", "Apache"):
        found = how_to.section(heading)
        assert len(found.files) >= 2, heading
        assert "carekey clients create" in found.script
