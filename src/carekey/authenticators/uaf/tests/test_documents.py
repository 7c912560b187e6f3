"""What the documents promise: the README's example runs, and the specification's table names what exists."""

import re
from pathlib import Path

import pytest

from carekey.authenticators.uaf.tests.phone import Model, Phone
from carekey.authenticators.uaf.tests.server import Server

FOLDER = Path(__file__).resolve().parents[1]
TABLE = FOLDER.parents[3] / "docs" / "specs" / "fido-uaf.md"


def test_the_readmes_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    model = Model()
    names = {
        "statements": [("tablet", model.statement())],
        "random": Server.trusting(model).random,
        "send": Phone(model).answer,
    }
    exec(compile(example, "README.md", "exec"), names)
    assert names["outcome"].person == "ann"  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", [FOLDER / "README.md", TABLE], ids=lambda path: path.name)
def test_every_named_module_exists_and_every_module_is_named(document):
    named = set(re.findall(r"`(?:tests/)?(\w+\.py)`", document.read_text()))
    modules = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    tests = {path.name for path in (FOLDER / "tests").glob("*.py")}
    assert named <= modules | tests
    if document is not TABLE:
        assert modules <= named


def test_every_row_names_a_test_or_says_why_not():
    rows = [line.split("|")[1:-1] for line in TABLE.read_text().splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 50
    for section, _, module, proof in rows:
        assert "test_" in proof or re.search("not |refused|hands over", proof), section
        assert module.strip() == "—" or "`" in module or "all of it" in module, section
