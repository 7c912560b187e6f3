"""A whole CareKey in processes of its own: free port, own data folder, the demo people."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from support import commands
from support.processes import free_port, running

ROOT = Path(__file__).parents[2]
CAREKEY = (sys.executable, "-m", "carekey")
PYTHONPATH = os.pathsep.join((str(ROOT / "src"), str(ROOT / "demo")))

GP = "555000000101"
NURSE = "555000000102"
LOCUM = "555000000103"
NO_ROLE = "555000000104"
SUSPENDED = "555000000105"
PHARMACIST = "555000000107"


@dataclass(frozen=True, kw_only=True)
class Provider:
    folder: Path
    port: int
    environment: Mapping[str, str]
    process: int = 0
    """The server's, which leads a group of its own."""

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"{self.issuer}/sandbox"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        everything = {**os.environ, **self.environment}
        return commands.run(arguments, environment=everything, folder=self.folder, within=60)

    def json(self, *arguments: str) -> Any:
        """What a command prints. Raises: AssertionError, with what it said."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, f"carekey {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    @cached_property
    def people(self) -> Mapping[str, Mapping[str, Any]]:
        """The demo people, by their id, with sandbox user names and passwords."""
        return {person["id"]: person for person in self.json("demo", "people")}

    def register(self, metadata: Mapping[str, Any], *, issuer: str = "healthcare") -> Mapping[str, Any]:
        """What the operator is told about the new client: `client_id`, and `client_secret` if it has one."""
        file = self.folder / f"metadata-{free_port()}.json"
        file.write_text(json.dumps(metadata))
        client: Mapping[str, Any] = self.json("clients", "create", "--issuer", issuer, "--from", str(file))
        return client

    def enrol_link(self, person: str) -> str:
        link: str = self.json("person", "enrol-link", person)["link"]
        return link


@contextmanager
def carekey(folder: Path, *, port: int | None = None, **settings: str) -> Iterator[Provider]:
    """`settings`: by the names of their variables, without `CAREKEY_`."""
    port = port or free_port()
    environment = {
        "PYTHONPATH": PYTHONPATH,
        "CAREKEY_ENVIRONMENT": "demo",
        "CAREKEY_DATA": str(folder / "data"),
        "CAREKEY_SERVER__PORT": str(port),
        **{f"CAREKEY_{name}": value for name, value in settings.items()},
    }
    provider = Provider(folder=folder, port=port, environment=environment)
    discovery = f"{provider.issuer}/.well-known/openid-configuration"
    with running(
        [*CAREKEY, "serve"], answers=discovery, log=folder / "carekey.log", cwd=folder, environment=environment
    ) as process:
        yield replace(provider, process=process.pid)


RECORDS = "http://localhost:8003"
"""What tokens for the record service call it, wherever it is."""


@contextmanager
def records(provider: Provider, folder: Path) -> Iterator[str]:
    """The demo's record service; its address."""
    port = free_port()
    environment = {
        "PYTHONPATH": PYTHONPATH,
        "RECORDS_ISSUER": provider.issuer,
        "RECORDS_NAME": RECORDS,
        "RECORDS_PORT": str(port),
    }
    address = f"http://localhost:{port}"
    command: Sequence[str] = (sys.executable, "-m", "records")
    with running(command, answers=f"{address}/healthz", log=folder / "records.log", environment=environment):
        yield address


@contextmanager
def ward(
    provider: Provider, folder: Path, *, kind: str = "ward", neighbour: str = "", records: str | None = None
) -> Iterator[str]:
    """The demo application, registered at the provider; its address. `records`: where the record service is."""
    port = free_port()
    address = f"http://localhost:{port}"
    environment = {
        "PYTHONPATH": PYTHONPATH,
        "WARD_KIND": kind,
        "WARD_ISSUER": provider.issuer,
        "WARD_PORT": str(port),
        "WARD_DATA": str(folder / kind),
        "WARD_NEIGHBOUR": neighbour,
        **({"WARD_RECORDS": RECORDS, "WARD_RECORDS_AT": records} if records else {}),
    }
    command: Sequence[str] = (sys.executable, "-m", "ward")
    about = subprocess.run(
        [*command, "registration"], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    environment["WARD_CLIENT_ID"] = provider.register(json.loads(about.stdout))["client_id"]
    with running(command, answers=f"{address}/healthz", log=folder / f"{kind}.log", environment=environment):
        yield address
