"""What is wrong with an installation is one sentence and the fix, an exit code that means something, and no stack trace
(ux.md section 8)."""

import base64
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.smartcard.tests.pki import ROOT
from support import commands
from support.processes import free_port
from support.provider import PYTHONPATH

USAGE, CONFLICT, DEPENDENCY = 2, 5, 7
SECRET = "a-password-of-the-database"


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAREKEY_")}
    given = {
        "PYTHONPATH": PYTHONPATH,
        "CAREKEY_DATA": str(folder / "data"),
        "CAREKEY_SERVER__PORT": str(free_port()),
        **{f"CAREKEY_{name}": value for name, value in settings.items()},
    }
    return commands.run(arguments, environment={**environment, **given}, folder=folder, within=60)


def fails(done: subprocess.CompletedProcess[str], code: int, *said: str, announced: bool = False) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert SECRET not in done.stderr + done.stdout
    assert all(part in done.stderr for part in said), done.stderr
    assert ("openid-configuration" in done.stderr) == announced, "it said that it serves"
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.endswith((".", "?"))


SETTINGS: dict[str, tuple[Mapping[str, str], str]] = {
    "unknown setting": ({"SERVER__PROT": "1"}, "server.prot"),
    "port no number": ({"SERVER__PORT": "eighty"}, "server.port"),
    "port out of range": ({"SERVER__PORT": "70000"}, "server.port"),
    "issuer no address": ({"ISSUERS__A__URL": "https://[bad"}, "issuers.a.url"),
    "issuer's port out of range": ({"ISSUERS__A__URL": "https://a.example:99999"}, "issuers.a.url"),
    "issuer's port no number": ({"ISSUERS__A__URL": "https://a.example:x"}, "issuers.a.url"),
    "issuer on plain http": ({"ISSUERS__A__URL": "http://a.example"}, "issuers.a.url"),
    "issuer with a slash": ({"ISSUERS__A__URL": "https://a.example/"}, "issuers.a.url"),
    "unknown way": ({"ISSUERS__A__URL": "https://a.example", "ISSUERS__A__WAYS": "['smoke']"}, "issuers.a.ways"),
    "password in production": (
        {
            "ENVIRONMENT": "production",
            "KEYS__MASTER": base64.b64encode(bytes(32)).decode(),
            "ISSUERS__A__URL": "https://a.example",
            "ISSUERS__A__WAYS": "['password']",
        },
        "issuers.a.ways",
    ),
    "production without a master key": (
        {"ENVIRONMENT": "production", "ISSUERS__A__URL": "https://a.example"},
        "keys.master_file",
    ),
    "host of nobody": ({"SERVER__HOST": "host.invalid"}, "server.host"),
    "host no name": ({"SERVER__HOST": "a..b"}, "server.host"),
    "certificate without its key": ({"SERVER__CERTIFICATE": "x.pem"}, "server.private_key"),
    "zone no range": ({"ZONES": "{hscn = ['10.0.0.0/99']}"}, "zones.hscn"),
    "session for no time": ({"SESSIONS__IDLE": "soon"}, "sessions.idle"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str) -> None:
    settings, said = SETTINGS[name]
    fails(run(tmp_path, "serve", **settings), USAGE, said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda file: None, "cannot be read"),
        (lambda file: file.mkdir(), "cannot be read"),
        (lambda file: file.write_text("server = {"), "not valid TOML"),
        (lambda file: file.write_bytes(b"service = '\xff'"), "not valid TOML"),
        (lambda file: file.write_text("[servre]\nport = 1"), "Did you mean server?"),
    ],
)
def test_a_broken_settings_file_is_named(tmp_path: Path, write: Callable[[Path], object], said: str) -> None:
    file = tmp_path / "carekey.toml"
    write(file)
    fails(run(tmp_path, "serve", "--config", str(file)), USAGE, said)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An installation that is in order."""
    assert run(tmp_path, "keys", "list").returncode == 0
    return tmp_path


@pytest.mark.parametrize("command", [("serve",), ("serve", "--workers", "2"), ("keys", "list")])
def test_the_wrong_master_key(made: Path, command: tuple[str, ...]) -> None:
    other = base64.b64encode(bytes(32)).decode()
    fails(run(made, *command, KEYS__MASTER=other), DEPENDENCY, "master key")


@pytest.mark.parametrize("text", ["short", "", "=", "é" * 44])
def test_a_master_key_that_is_none(made: Path, text: str) -> None:
    (made / "data" / "master.key").write_text(text)
    fails(run(made, "serve"), USAGE, "32 bytes in base64")


def test_a_master_key_that_cannot_be_read(made: Path) -> None:
    key = made / "data" / "master.key"
    key.unlink()
    key.mkdir()
    fails(run(made, "serve"), USAGE, "cannot be read")


@pytest.mark.parametrize("command", [("serve",), ("db", "check"), ("clients", "list")])
def test_a_database_of_another_version(made: Path, command: tuple[str, ...]) -> None:
    connection = sqlite3.connect(made / "data" / "carekey.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    fails(run(made, *command), DEPENDENCY, "9999", "newer CareKey")


def test_a_database_that_is_none(made: Path) -> None:
    for part in (made / "data").glob("carekey.db*"):
        part.unlink()
    (made / "data" / "carekey.db").write_bytes(b"not a database at all, and long enough to be looked at" * 40)
    fails(run(made, "serve"), DEPENDENCY, "cannot be opened")


@pytest.mark.parametrize("section", ["server", "api_host", "smartcards"])
def test_a_port_in_use(made: Path, section: str) -> None:
    root = made / "root.pem"
    root.write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))
    where = {
        "server": {},
        "api_host": {"URL": "https://api.example", "PROXIED": "true"},
        "smartcards": {"URL": "https://card.example", "PROXIED": "true", "PKIS__A__ANCHORS": str(root)},
    }[section]
    with taken_port() as port:
        settings = {f"{section.upper()}__{name}": value for name, value in {**where, "PORT": port}.items()}
        done = run(
            made, "serve", **{"SERVER__PROXIES": '["127.0.0.1/32"]', "ZONES__HSCN": '["10.0.0.0/8"]', **settings}
        )
        fails(done, CONFLICT, port, f"{section}.port")


@contextmanager
def taken_port() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


def test_a_listener_beside_whose_port_is_taken_later_ends_with_a_sentence(made: Path) -> None:
    """And not in an abort, while it waits for the end of the process that started it."""
    with taken_port() as port:
        settings = {"URL": "https://api.example", "PROXIED": "true", "PORT": port}
        own = {f"CAREKEY_API_HOST__{name}": value for name, value in settings.items()}
        more = {
            "PYTHONPATH": PYTHONPATH,
            "CAREKEY_DATA": str(made / "data"),
            "CAREKEY_SERVER__PROXIES": '["127.0.0.1/32"]',
        }
        command = [sys.executable, "-m", "carekey.app.api_host"]
        process = subprocess.Popen(
            command, env={**os.environ, **own, **more}, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stderr
            said = process.stderr.read()
    assert process.returncode == 3, said  # as uvicorn has it
    assert (port in said, "Fatal" in said, "Traceback" in said) == (True, False, False)


@pytest.mark.parametrize("command", [("serve",), ("db", "upgrade"), ("keys", "list")])
def test_a_data_folder_that_cannot_be_made(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("no folder")
    fails(run(tmp_path, *command, DATA=str(tmp_path / "file" / "data")), USAGE, "data folder")


@pytest.mark.parametrize("command", [("serve",), ("db", "upgrade"), ("db", "check"), ("clients", "list")])
def test_postgresql_that_is_down(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = f"postgresql://carekey:{SECRET}@127.0.0.1:{free_port()}/carekey"
    fails(run(tmp_path, *command, DATABASE__URL=url), DEPENDENCY, "cannot be reached")


@pytest.mark.parametrize("url", ["mysql://x", "sqlite:carekey.db", "nonsense", f"postgresql://u:{SECRET} x@h/d"])
def test_an_address_of_no_database(tmp_path: Path, url: str) -> None:
    fails(run(tmp_path, "serve", DATABASE__URL=url), DEPENDENCY, "database")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h/d",
        f"postgresql://h/d?user=u&password={SECRET}",
        f"postgresql://h/d?password={SECRET}&user=u",
    ],
)
def test_no_password_is_shown_with_the_settings(tmp_path: Path, url: str) -> None:
    done = run(tmp_path, "config", "show", DATABASE__URL=url, KEYS__MASTER=SECRET)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout
    assert "***" in done.stdout


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"client_name": 7}', '{"client_name": "\\ud800"}'])
def test_metadata_that_is_none(made: Path, text: str) -> None:
    file = made / "metadata.json"
    file.write_text(text)
    fails(run(made, "clients", "create", "--from", str(file)), USAGE)
