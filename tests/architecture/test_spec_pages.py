"""The pages in docs/specs name modules and tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted((ROOT / "docs" / "specs").glob("*.md"))
TESTS = {
    name
    for folder in ("src", "tests")
    for file in (ROOT / folder).rglob("test_*.py")
    for name in re.findall(r"^\s*(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_module_and_test_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`([^`\s]+)`", page.read_text(encoding="utf-8"))
    missing = [name for name in named if re.fullmatch(r"test_\w+", name) and name not in TESTS]
    # A page may say in which folder its modules are; their tests are beside them.
    bases = [ROOT, ROOT / "src" / "carekey", *(ROOT / name for name in named if name.startswith("src/"))]
    missing += [
        name
        for name in named
        if re.fullmatch(r"[\w/]+\.py", name)
        and not any((place / name).exists() for base in bases for place in (base, base / "tests"))
    ]
    assert missing == []


def test_there_are_pages() -> None:
    assert PAGES
