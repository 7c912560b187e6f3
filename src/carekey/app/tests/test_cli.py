"""How the server's process comes to its options, and what it does without."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

import carekey
from carekey.app import data_folder, serving, settings
from carekey.app.cli import Asked, plain
from carekey.app.command_line import app
from carekey.app.listener import Listener
from support.processes import free_port

PLAIN = {
    "serve": Asked(),
    "serve --config a.toml": Asked(config=Path("a.toml")),
    "serve --workers 4": Asked(workers=4),
    "serve --only card-host --config a.toml": Asked(config=Path("a.toml"), only=Listener.CARD_HOST),
}


@pytest.fixture(autouse=True)
def _no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAREKEY_CONFIG", raising=False)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What the command line would have served."""
    found: list[Asked] = []
    monkeypatch.setattr(serving, "serve", lambda config, *, workers, only: found.append(Asked(config, workers, only)))
    return found


@pytest.mark.parametrize("words", PLAIN)
def test_plain_options_mean_what_they_mean_to_the_command_line(words: str, served: list[Asked]) -> None:
    assert plain(words.split()) == PLAIN[words]
    app(words.split(), standalone_mode=False)
    assert served == [PLAIN[words]]


def test_the_variable_for_the_settings_file_is_read_as_the_command_line_reads_it(
    monkeypatch: pytest.MonkeyPatch, served: list[Asked]
) -> None:
    for value in ("b.toml", ""):
        monkeypatch.setenv("CAREKEY_CONFIG", value)
        app(["serve"], standalone_mode=False)
        assert plain(["serve"]) == served.pop()


@pytest.mark.parametrize(
    "words",
    [
        "",
        "doctor",
        "--verbose serve",
        "serve --help",
        "serve --config",
        "serve --config --only",
        "serve --config a --config b",
        "serve --workers 0",
        "serve --workers ²",
        "serve --workers four",
        "serve --only nothing",
        "serve --prot 1",
        "serve now --config a",
    ],
)
def test_whatever_else_is_left_to_the_command_line(words: str) -> None:
    assert plain(words.split()) is None


def test_every_option_of_serve_can_be_plain() -> None:
    command = typer.main.get_command(app).commands["serve"]
    values = {"--config": "a.toml", "--workers": "1", "--only": "main"}
    named = [name for option in command.params for name in option.opts if name.startswith("--") and name != "--help"]
    assert sorted(named) == sorted(values)
    assert all(plain(["serve", name, values[name]]) for name in named)


_START = """
import gc, sys, uvicorn
from carekey.app.cli import main
uvicorn.run = lambda *_, **__: print(*sys.modules, gc.isenabled())
sys.argv = ["carekey", "serve"]
main()
"""


def test_a_server_starts_without_the_libraries_of_the_command_line(tmp_path: Path) -> None:
    """Nor with what only an upgrade, PostgreSQL or a card reader needs."""
    environment = {"CAREKEY_DATA": str(tmp_path), "CAREKEY_SERVER__PORT": str(free_port())}
    data_folder.prepare(settings.load(None, environment))
    done = subprocess.run(
        [sys.executable, "-c", _START],
        env={"PYTHONPATH": str(Path(carekey.__path__[0]).parent), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"carekey.app.wiring", "carekey.storage.sql.sqlite"} <= loaded
    assert "True" in loaded, "a server that looks for no garbage would grow"
    without = {"typer", "pydantic", "rich.console", "carekey.app.command_line", "alembic", "psycopg", "pkcs11"}
    assert loaded & without == set()
