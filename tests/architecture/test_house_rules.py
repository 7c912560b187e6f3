"""Conventions that a machine can hold."""

import importlib
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

import carekey
from carekey.kernel.event import AuditEvent
from support.pages import folders, templates

ROOT = Path(__file__).parents[2]


def events() -> dict[str, list[type[AuditEvent]]]:
    for module in pkgutil.walk_packages(carekey.__path__, "carekey."):
        if module.name.endswith(".events"):
            importlib.import_module(module.name)
    found: dict[str, list[type[AuditEvent]]] = {}

    def walk(kind: type[AuditEvent]) -> None:
        for child in kind.__subclasses__():
            if "tag" in vars(child):
                found.setdefault(child.tag, []).append(child)
            walk(child)

    walk(AuditEvent)
    return found


def test_every_audit_event_says_what_it_means_under_a_tag_of_its_own():
    for tag, kinds in events().items():
        assert re.fullmatch(r"[a-z_-]+:[a-z_-]+:[a-z_-]+", tag), tag
        # A dataclass with slots is made twice, under one name.
        assert len({(kind.__module__, kind.__name__) for kind in kinds}) == 1, f"{tag} is used twice"
        # Without a docstring of its own a dataclass gets one that begins with its signature.
        assert not kinds[-1].__doc__.startswith(f"{kinds[-1].__name__}("), f"{tag} has no docstring"


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.name)
def test_locked_requirements_carry_hashes_and_no_address(file: Path):
    text = file.read_text()
    assert "://" not in text
    assert not re.search(r"^--?(index-url|extra-index-url|find-links|i|f)\b", text, re.MULTILINE)
    pinned = re.findall(r"^[A-Za-z0-9_.-]+==\S+", text, re.MULTILINE)
    assert pinned
    for block in re.split(r"\n(?=[A-Za-z0-9])", text.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize("file", ["tests/node/package-lock.json", "bench/peer/package-lock.json"])
def test_locked_npm_packages_carry_hashes_and_no_address(file: str):
    packages = json.loads((ROOT / file).read_text())["packages"]
    locked = {name: entry for name, entry in packages.items() if name}
    assert locked
    for name, entry in locked.items():
        assert "resolved" not in entry, name
        assert entry["integrity"].startswith("sha512-"), name


def test_every_folder_of_tests_beside_the_code_is_a_package():
    """Otherwise two files of one name would be one module (pytest's importlib mode)."""
    folders = {file.parent for file in (ROOT / "src").rglob("tests/test_*.py")}
    assert folders
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_page_has_an_inline_script_or_style():
    """The content security policy would block it, in the browser and not in a test that reads the page."""
    for template in (ROOT / "src").rglob("templates/**/*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), template
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), template


def test_tests_of_one_name_in_one_file_do_not_hide_each_other():
    for file in [*(ROOT / "src").rglob("test_*.py"), *(ROOT / "tests").rglob("test_*.py")]:
        names = re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
        assert [name for name, count in Counter(names).items() if count > 1] == [], file


def whole(template: str) -> str:
    """With what it is made of."""
    slice, _, file = template.partition("/")
    text = (folders()[slice] / file).read_text("utf-8")
    return text + "".join(whole(part) for part in re.findall(r'{% (?:include|extends) "([^"]+)" %}', text))


LOG_IN_PAGES = sorted(one for one in templates() if "/login/" in whole(one))


@pytest.mark.parametrize("template", LOG_IN_PAGES)
def test_on_every_page_of_a_log_in_the_next_person_can_say_that_it_is_not_them(template: str):
    """The account chooser asks just that."""
    assert "someone_else" in whole(template) or "someone-else" in whole(template) or template == "login/account.html"


def test_there_are_pages_of_a_log_in():
    assert {"login/ways.html", "smartcard/runs_out.html", "phone/waiting.html"} <= set(LOG_IN_PAGES)
