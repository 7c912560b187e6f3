"""A command that starts from nothing says what the copies say that other tests run (`support/commands.py`)."""

import os
import subprocess
from pathlib import Path

import pytest

from support import commands
from support.provider import CAREKEY, PYTHONPATH


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["person", "list", "--help"], 2),
        (["demo", "people", "--json"], 0),
        (["person", "show", "nobody"], 3),
    ],
    ids=["a word", "a wrong command", "a command that opens the installation", "what is not there"],
)
def test_it_is_the_same_command(tmp_path: Path, arguments: list[str], code: int) -> None:
    settings = {"CAREKEY_ENVIRONMENT": "demo", "CAREKEY_DATA": str(tmp_path / "data"), "PYTHONPATH": PYTHONPATH}
    environment = {**os.environ, **settings}
    copied = commands.run(arguments, environment=environment, folder=tmp_path, within=60)
    from_nothing = subprocess.run(
        [*CAREKEY, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    said = [(done.returncode, done.stdout, done.stderr.replace("python -m ", "")) for done in (copied, from_nothing)]
    assert said[0] == said[1]
    assert copied.returncode == code


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    environment = {**os.environ, "CAREKEY_ENVIRONMENT": "demo", "CAREKEY_DATA": str(tmp_path / "data")}
    with pytest.raises(subprocess.TimeoutExpired) as ended:
        commands.run(["serve"], environment=environment, folder=tmp_path, within=0.01)
    assert ended.value.cmd == ["carekey", "serve"]
