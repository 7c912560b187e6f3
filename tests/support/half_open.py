"""Peers that stall in the TLS handshake."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


@contextmanager
def half_open(port: int, count: int, *, source: str = "127.0.0.1") -> Iterator[None]:
    """So many that say half a greeting, and no more. Those that are hung up on stay hung up on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 1000), hard), hard))
    try:
        with ExitStack() as stack:
            for _ in range(count):
                with suppress(ConnectionError):
                    peer = stack.enter_context(
                        socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0))
                    )
                    peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def hung_up_on(port: int, *, source: str = "127.0.0.1") -> bool:
    """Whether one more from there is, at once."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0)) as peer:
            return peer.recv(1) == b""
    except ConnectionError:
        return True
