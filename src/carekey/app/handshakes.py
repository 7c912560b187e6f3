"""The door of the listeners that ask for certificates: TLS handshakes are bounded in number and time, whoever knocks."""

import asyncio
import resource
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address

IN_ALL = 1000
BY_ADDRESS = 200
"""Under way at once. A whole hospital may come by one address, and its people type their PINs at the same time; but
whoever only holds connections open takes no more than this from everybody else."""
BACKLOG = 256
"""Connections that the system accepts before we do: all of them are open files at once."""
OPEN_FILES = 8192
"""As many as all handshakes and connections can take, and the rest of the process."""


@dataclass(slots=True, kw_only=True)
class Handshakes:
    """Those that are under way."""

    in_all: int = IN_ALL
    by_address: int = BY_ADDRESS
    seconds: float
    """For one of them."""
    _under_way: Counter[str] = field(default_factory=Counter)
    _count: int = 0

    def begin(self, address: str) -> bool:
        """Whether there is room for one more from this address."""
        if self._count >= self.in_all or self._under_way[address] >= self.by_address:
            return False
        self._count += 1
        self._under_way[address] += 1
        return True

    def end(self, address: str) -> None:
        self._count -= 1
        self._under_way[address] -= 1
        if not self._under_way[address]:
            del self._under_way[address]


class Door(asyncio.Protocol):
    """Stands before a listener's protocol until the handshake is done; to whom there is no room for it just hangs up."""

    def __init__(self, inside: Callable[[], asyncio.Protocol], context: ssl.SSLContext, handshakes: Handshakes) -> None:
        self._inside = inside
        self._context = context
        self._handshakes = handshakes
        self._early = bytearray()
        self._gone = False
        self._greeting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP's is no other
        peer = transport.get_extra_info("peername")
        address = peer and party(peer[0])
        if not address or not self._handshakes.begin(address):
            transport.abort()
            return
        transport.pause_reading()  # what comes is for TLS
        self._greeting = asyncio.get_running_loop().create_task(self._greet(transport, address))

    async def _greet(self, transport: asyncio.Transport, address: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self._handshakes.seconds,
                ssl_shutdown_timeout=2,
            )
        except OSError:  # ssl.SSLError, and whatever the network or the time-out did
            return
        finally:
            self._handshakes.end(address)
        if secured is None or self._gone:
            return
        inside = self._inside()
        secured.set_protocol(inside)
        inside.connection_made(secured)
        if self._early:
            inside.data_received(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        """The request may come with the handshake's last message."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (its base's)
        self._gone = True


def party(address: str) -> str:
    """Who counts as one address: a whole /64 of IPv6, which anybody has who has one of it (RFC 6177)."""
    if ":" not in address:
        return address
    parsed = IPv6Address(address)
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


def allow_open_files() -> None:
    """Up to what the system allows: a limit for interactive users is less than the handshakes that are let in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
