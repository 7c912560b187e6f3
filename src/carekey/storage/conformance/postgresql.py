"""A PostgreSQL server of one's own, for tests and measurements."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

INSTALLED = Path("/usr/lib/postgresql")
START_SECONDS = 60


class NotInstalled(Exception):
    """The server programs are missing."""


@dataclass
class Server:
    """A server in a temporary folder. `url` is of its first database."""

    programs: Path
    folder: Path
    port: int
    durable: bool

    @property
    def url(self) -> str:
        return f"postgresql://carekey@127.0.0.1:{self.port}/postgres"

    def database(self, name: str) -> str:
        """Make another, empty database; its address."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        return self.url.removesuffix("postgres") + name

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **({} if self.durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own arguments)
                [*_as_nobody_special(), self.programs / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd="/",
            )
        self._wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)  # "fast": waits for no client
        self._process.wait(START_SECONDS)

    def kill(self) -> None:
        """`kill -9` of the server and of every process it has made."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for process in [first, *map(int, children)]:
            os.kill(process, signal.SIGKILL)
        self._process.wait(START_SECONDS)
        while any(map(_alive, children)):  # they hold the shared memory that the next start must find free
            time.sleep(0.01)

    def _wait(self) -> None:
        for _ in range(START_SECONDS * 20):
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        raise RuntimeError((self.folder / "log").read_text())


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[Server]:
    """A new server on a free port of the loopback address; stopped and deleted afterwards.

    `durable` waits for the disk, which tests of anything but durability need not.
    Raises: NotInstalled.
    """
    found = sorted(INSTALLED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3].split(".")[0]))
    alone = shutil.which("postgres")
    programs = found[-1].parent if found else Path(alone).parent if alone else None
    if programs is None:
        raise NotInstalled("PostgreSQL's server programs are missing: install the package postgresql.")
    folder = Path(tempfile.mkdtemp(prefix="carekey-postgresql-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        subprocess.run(  # noqa: S603
            [
                *_as_nobody_special(),
                *(programs / "initdb", "-D", folder / "data", "-U", "carekey", "-A", "trust"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        server = Server(programs, folder, _free_port(), durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgresql(*, durable: bool = False) -> Iterator[str]:
    """The address of an empty database on a server of its own. Raises: NotInstalled."""
    with running_server(durable=durable) as server:
        yield server.url


def _as_nobody_special() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _alive(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
