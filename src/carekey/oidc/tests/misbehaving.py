"""Endpoints of clients on loopback that answer, fail, hang, close, speak something else or do not end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

HANGS, SILENT, GARBLED = "hangs", "silent", "garbled"
EMPTY = "content-length: 0\r\n"


@dataclass
class Endpoint:
    """`answers`: a status, or a way to give none, for each request; the last one for all that follow."""

    path: str = "/"
    answers: list[int | str] = field(default_factory=lambda: [204])
    headers: str = EMPTY
    endless: bool = False
    heads: list[str] = field(default_factory=list)
    """In small letters."""
    address: str = ""
    arrivals: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    def take(self, body: bytes) -> None:
        """What to make of a body that came."""

    async def reached(self, times: int) -> None:
        async with asyncio.timeout(20):
            for _ in range(times):
                await self.arrivals.get()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].split("\r\n")[0])
            self.take(await reader.readexactly(length))
            self.heads.append(head)
            self.arrivals.put_nowait(None)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == HANGS:
                await asyncio.sleep(3600)
            elif answer == GARBLED:
                writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            elif answer != SILENT:
                writer.write(f"HTTP/1.1 {answer} So\r\n{self.headers}\r\n".encode())
                while self.endless:
                    writer.write(b"a" * 65_536)
                    await writer.drain()
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


EndpointT = TypeVar("EndpointT", bound=Endpoint)


@asynccontextmanager
async def serving(endpoint: EndpointT) -> AsyncIterator[EndpointT]:
    running = await asyncio.start_server(endpoint.handle, "127.0.0.1", 0)
    async with running:
        endpoint.address = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}{endpoint.path}"
        yield endpoint
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "Endpoint.handle" in repr(task.get_coro()):
                task.cancel()
