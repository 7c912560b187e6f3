"""Measures back-channel logout: 1,000 sessions end at once, and their applications are told, while people log in.

`python bench/logout.py [sessions]`. Budget: the last notice arrives within 5 seconds, and log-ins cost 10 % more at
most meanwhile. The applications are one asyncio server in this process that answers every notice with 200.
"""

import asyncio
import os
import sys
import tempfile
import time
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from carekey.kernel import actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.clock import SystemClock
from carekey.kernel.ids import ClientId, CredentialId, IssuerName, PersonId, SessionId
from carekey.oidc.model import Client
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded
from carekey.sessions.model import Proof, Session
from carekey.storage.open import open_store
from carekey.storage.store import Tx
from driver import Run, cpu_seconds
from journeys import Journeys
from targets import Target, targets

APPLICATIONS = 10
ISSUER = IssuerName("healthcare")
OPERATOR = actor.system("bench")
LOG_INS_AT_ONCE = 4


@dataclass(slots=True)
class Applications:
    """Takes notices, and knows when the last one came."""

    expected: int
    arrived: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-le")
                )
                await reader.readexactly(length)
                self.arrived += 1
                if self.arrived == self.expected:
                    self.complete.set()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):  # the measurement is over
            pass
        finally:
            writer.close()


def main() -> None:
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder:
        for name, opened in targets(Path(folder), national=False).items():
            if name != "oidc-provider":
                with opened() as target, target.running() as (server, _):
                    asyncio.run(_measure(target, server, sessions))


async def _measure(target: Target, server: int, count: int) -> None:
    applications = Applications(count)
    listener = await asyncio.start_server(applications.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    journeys = Journeys(
        provider=target.provider,
        port=target.port,
        key=target.key,
        users=target.users,
        workers=LOG_INS_AT_ONCE,
        busy=target.busy,
    )
    async with aclosing(journeys):
        quiet = Run(journeys.complete_log_in, server, LOG_INS_AT_ONCE)
        await quiet.warm_up(100)
        await quiet.round(300, seconds=60)
        with closing(open_store(target.environment["CAREKEY_DATABASE__URL"])) as store:
            begun = await store.write(lambda tx: _begin(tx, count, port))
            cpu, began = cpu_seconds(server), time.perf_counter()
            await store.write(lambda tx: _end(tx, begun))
            async with asyncio.timeout(120):
                await applications.complete.wait()
            alone, alone_cpu = time.perf_counter() - began, cpu_seconds(server) - cpu
            applications.arrived = 0
            applications.complete.clear()
            begun = await store.write(lambda tx: _begin(tx, count, port))
            began = time.perf_counter()
            await store.write(lambda tx: _end(tx, begun))
            busy = Run(journeys.complete_log_in, server, LOG_INS_AT_ONCE)
            await busy.round(100_000, seconds=5)
            async with asyncio.timeout(120):
                await applications.complete.wait()
            beside = time.perf_counter() - began
    listener.close()
    before, after = quiet.figures(), busy.figures()
    print(
        f"{target.name}: {count} notices to {APPLICATIONS} applications in {alone:.1f} s, "
        f"{alone_cpu / count * 1000:.2f} ms of CPU each; beside log-ins done after {beside:.1f} s at most, and log-ins "
        f"took {before.p50_ms:.1f} ms (p50) and {before.p95_ms:.1f} (p95) before, {after.p50_ms:.1f} and "
        f"{after.p95_ms:.1f} ms in those 5 s; {before.per_second:.0f} a second before, {after.per_second:.0f} then"
    )


def _begin(tx: Tx, count: int, port: int) -> list[Session]:
    now = SystemClock().now()
    for number in range(APPLICATIONS):
        client = Client(
            id=ClientId(f"told-{number}"),
            issuer=ISSUER,
            name=f"Application {number}",
            backchannel_logout_uri=f"http://127.0.0.1:{port}/logout/{number}",
            created_at=now,
        )
        if not tx.clients.add(client):
            tx.clients.replace(client)
    begun = []
    for number in range(count):
        session = Session(
            id=SessionId(os.urandom(16).hex()),
            digest=os.urandom(32),
            issuer=ISSUER,
            person=PersonId(f"{555_100_000_000 + number % 64}"),
            proof=Proof(credential=CredentialId("bench"), kind="webauthn", aal=AAL.AAL2, amr=Amr.PASSKEY, at=now),
            role=None,
            started_at=now,
            last_used_at=now,
        )
        tx.sessions.start(session)
        tx.sessions.joined(session.id, ClientId(f"told-{number % APPLICATIONS}"))
        begun.append(session)
    return begun


def _end(tx: Tx, sessions: list[Session]) -> None:
    for session in sessions:
        ending.end(tx, session, WhyEnded.OPERATOR, now=SystemClock().now(), by=OPERATOR)


if __name__ == "__main__":
    main()
