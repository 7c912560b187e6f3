"""Ten thousand log-ins that wait for a phone, at one worker: what they hold, what they cost, and how soon each hears.

A real server over SQLite, and as many connections from this process. It ends by itself.
"""

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from carekey.authenticators.phone.approval import Approval, State
from carekey.kernel.assurance import AAL
from carekey.kernel.clock import SystemClock
from carekey.kernel.ids import ClientId, IssuerName, LoginId
from carekey.kernel.secret import digest
from carekey.login.model import Asked, Login
from carekey.storage.open import open_store
from carekey.storage.sql.migrate import upgrade
from carekey.storage.store import Store, Tx
from carekey.web.cookies import Cookies
from client import CLIENT_ID, Key
from driver import cpu_seconds, resident_mb
from targets import Target, carekey

HOW_MANY = 10_000
QUIET_SECONDS = 15
LASTING = timedelta(minutes=20)
AT_ONCE = 50
BUDGET_MB = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """CPU is the server's, in milliseconds for each second in which all of them wait and nothing happens."""

    count: int
    mb: float
    quiet_ms_per_second: float
    one_hears_ms: float
    all_hear_seconds: float
    all_hear_cpu_ms: float
    """For one of them."""


@contextmanager
def many_files() -> Iterator[None]:
    """Each connection is a file, here and in a server that is started inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def server(folder: Path) -> Iterator[tuple[Target, str]]:
    """One that is ready to be started, over an empty database, and the database's address."""
    url = f"sqlite:///{folder}/waiting.db"
    upgrade(url)
    yield carekey(folder, Key(), url, "waiting"), url


async def measure(target: Target, url: str, server: int, *, count: int = HOW_MANY) -> Waiting:
    """`url`: of the database, into which the log-ins are written."""
    now = SystemClock().now()
    cookies = Cookies(secure=False, port=target.port)
    with closing(open_store(url)) as store:
        for start in range(0, count, 500):
            await store.write(partial(_begin, numbers=range(start, min(start + 500, count)), now=now))
        before = resident_mb(server)
        gate = asyncio.Semaphore(AT_ONCE)
        pages = [_Page(number) for number in range(count)]
        await asyncio.gather(*(page.open(target.port, cookies, gate) for page in pages))
        try:
            await asyncio.sleep(3)
            held = resident_mb(server) - before
            spent = cpu_seconds(server)
            await asyncio.sleep(QUIET_SECONDS)
            quiet = (cpu_seconds(server) - spent) / QUIET_SECONDS * 1000
            one = await _told(store, pages[:1], now)
            spent = cpu_seconds(server)
            everyone = await _told(store, pages[1:], now)
            told = (cpu_seconds(server) - spent) / max(count - 1, 1) * 1000
        finally:
            for page in pages:
                page.close()
    return Waiting(
        count=count,
        mb=held,
        quiet_ms_per_second=quiet,
        one_hears_ms=one * 1000,
        all_hear_seconds=everyone,
        all_hear_cpu_ms=told,
    )


async def _told(store: Store, pages: list["_Page"], now: datetime) -> float:
    """Seconds from the change in the store, as another worker would make it, until the last of these pages has heard."""
    for start in range(0, len(pages), 500):
        await store.write(partial(_refuse, numbers=[page.number for page in pages[start : start + 500]], now=now))
    began = time.perf_counter()
    async with asyncio.timeout(120):
        await asyncio.gather(*(page.hear(State.REFUSED) for page in pages))
    return time.perf_counter() - began


class _Page:
    def __init__(self, number: int) -> None:
        self.number = number

    async def open(self, port: int, cookies: Cookies, gate: asyncio.Semaphore) -> None:
        login = _login(self.number)
        async with gate:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=2048)
            self._writer.write(
                f"GET /login/{login}/phone/events HTTP/1.1\r\nhost: localhost:{port}\r\n"
                f"cookie: {cookies.login(login)}={_secret(self.number)}\r\n\r\n".encode()
            )
            head = await self._reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.partition(b"\r\n")[0], head
            await self._reader.readuntil(b": waiting")

    async def hear(self, state: State) -> None:
        await self._reader.readuntil(f"data: {state}".encode())

    def close(self) -> None:
        self._writer.transport.abort()


def _begin(tx: Tx, *, numbers: range, now: datetime) -> None:
    for number in numbers:
        tx.logins.start(
            Login(
                id=_login(number),
                issuer=IssuerName("healthcare"),
                browser=digest(_secret(number)),
                reference="BENCHED2",
                asked=_ASKED,
                request=b"{}",
                started_at=now,
                expires_at=now + LASTING,
            )
        )
        tx.approvals.ask(_approval(number, now))


def _refuse(tx: Tx, *, numbers: list[int], now: datetime) -> None:
    for number in numbers:
        tx.approvals.change(replace(_approval(number, now), state=State.REFUSED), was=State.WAITING)


def _approval(number: int, now: datetime) -> Approval:
    return Approval(
        code=digest(f"code {number}"),
        salt=b"salt",
        login=_login(number),
        number="57",
        application="Ward of the bench",
        zone="internet",
        person=None,
        levels=frozenset({AAL.AAL2}),
        asked_at=now,
        expires_at=now + LASTING,
    )


_ASKED = Asked(client=ClientId(CLIENT_ID), application="Ward of the bench", acr=("AAL2_OR_AAL3_ANY",))


def _login(number: int) -> LoginId:
    return LoginId(f"bench-{number:016}")


def _secret(number: int) -> str:
    return f"secret-{number}"
