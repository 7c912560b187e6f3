"""What the documentation names is there: commands, and the pages that it links to."""

import re
from pathlib import Path

import pytest
import typer

from carekey.app.command_line import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND = re.compile(r"(?:^|`)carekey ([a-z][a-z -]*)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)[^)]*\)")


def _missing(words: list[str]) -> bool:
    """Whether these words, as far as they could be the name of a command, name none."""
    here = typer.main.get_command(app)
    for word in words:
        commands = getattr(here, "commands", None)
        if commands is None:
            return False  # the rest are its arguments
        if word not in commands:
            return True
        here = commands[word]
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    named = [found.strip() for found in COMMAND.findall(text)]
    assert [command for command in named if _missing(command.split(" -")[0].split())] == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_a_command_that_is_not_there_is_found() -> None:
    assert _missing(["people", "export"])
    assert not _missing(["people", "import", "staff"])
