"""What a listener answers to somebody who writes a line of the PROXY protocol before the handshake.

As a program it runs inside a network namespace: python proxy_line.py HOST PORT NAME TRUST PATH LINE-IN-HEX.
"""

import socket
import ssl
import struct
import sys
from ipaddress import IPv4Address
from pathlib import Path

HUNG_UP = "hung up"


def text_claim(source: str, to: str) -> bytes:
    """Version 1 of the protocol: the connection is said to come from `source`."""
    return f"PROXY TCP4 {source} {to} 50000 443\r\n".encode()


def binary_claim(source: str, to: str) -> bytes:
    """Version 2."""
    ends = struct.pack("!4s4sHH", IPv4Address(source).packed, IPv4Address(to).packed, 50000, 443)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(ends)) + ends


def answer(
    at: tuple[str, int], *, line: bytes, path: str, trust: Path, name: str = "localhost", source: str = ""
) -> str:
    """All of it. `name`: the host that is asked for. `source`: the client's own address, where it has several.

    Raises: OSError, where it hangs up instead."""
    request = f"GET {path} HTTP/1.1\r\nHost: {name}:{at[1]}\r\nConnection: close\r\n\r\n".encode()
    return spoken(at, request, line=line, trust=trust, name=name, source=source)


def spoken(
    at: tuple[str, int], request: bytes, *, trust: Path, line: bytes = b"", name: str = "localhost", source: str = ""
) -> str:
    """The same, for a request that is written out."""
    context = ssl.create_default_context(cafile=str(trust))
    with socket.create_connection(at, timeout=10, source_address=(source, 0)) as raw:
        raw.sendall(line)
        with context.wrap_socket(raw, server_hostname=name) as secured:
            secured.sendall(request)
            return secured.makefile("rb").read().decode()


def status(answered: str) -> int:
    return int(answered.split()[1])


if __name__ == "__main__":
    host, port, name, trust, path, line = sys.argv[1:]
    try:
        print(answer((host, int(port)), line=bytes.fromhex(line), path=path, trust=Path(trust), name=name))
    except (ssl.SSLError, ConnectionError):
        print(HUNG_UP)
