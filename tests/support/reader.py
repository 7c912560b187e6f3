"""A real card reader as far as PC/SC can tell: pcscd with the virtual reader vpcd, in a network namespace of its own (vpcd
listens on every address), and a card that can be put in and taken out. Needs root.

Run as a program inside the namespace it is the card: certificate files to put in on standard input, or an empty line.
"""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from support.processes import running

PORT = 0x8C7B
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
ATR = bytes.fromhex("3b848001434b455911")
"""Speaks T=1; four bytes of history, and the check byte (ISO 7816-3)."""
PIV = bytes.fromhex("a000000308000010000100")


def tlv(tag: bytes, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return tag + length + value


class Card:
    """A PIV card with a certificate to read, and nothing else (NIST SP 800-73-4)."""

    def __init__(self, certificate: bytes) -> None:
        body = tlv(b"\x70", certificate) + tlv(b"\x71", b"\0") + tlv(b"\xfe", b"")
        self._object = tlv(b"\x53", body)
        self._rest = b""
        self._selected = False

    def answer(self, apdu: bytes) -> bytes:
        kind = apdu[1:2]
        if kind == b"\xa4" and PIV.startswith(apdu[5 : 5 + apdu[4]]):
            self._selected = True
            return self._part(tlv(b"\x61", tlv(b"\x4f", PIV)))
        if kind == b"\xc0":
            return self._part(self._rest, apdu[4] or 256)
        if kind == b"\xcb" and self._selected and apdu[5:10] == bytes.fromhex("5c035fc105"):
            return self._part(self._object)
        return b"\x6a\x82"

    def _part(self, data: bytes, size: int = 256) -> bytes:
        self._rest = data[size:]
        more = min(len(self._rest), 256)
        return data[:size] + (bytes([0x61, more % 256]) if more else b"\x90\x00")


def _serve(line: socket.socket, card: Card) -> None:
    with suppress(OSError, struct.error):
        while True:
            (size,) = struct.unpack(">H", _exactly(line, 2))
            asked = _exactly(line, size)
            if size == 1:
                if asked[0] != 4:  # power off, power on, reset
                    continue
                reply = ATR
            else:
                reply = card.answer(asked)
            line.sendall(struct.pack(">H", len(reply)) + reply)


def _exactly(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = line.recv(size - len(found))
        if not part:
            raise OSError
        found += part
    return found


def _card_program() -> None:
    line: socket.socket | None = None
    for command in sys.stdin:
        if line is not None:
            line.shutdown(socket.SHUT_RDWR)
            line.close()
            line = None
        if command.strip():
            line = socket.create_connection(("127.0.0.1", PORT), timeout=5)
            line.settimeout(None)
            card = Card(Path(command.strip()).read_bytes())
            threading.Thread(target=_serve, args=(line, card), daemon=True).start()


@dataclass
class Reader:
    socket: Path
    """Where PC/SC answers: for PCSCLITE_CSOCK_NAME."""
    _card: subprocess.Popen[str]

    def put_in(self, certificate: Path) -> None:
        self._say(str(certificate))

    def take_out(self) -> None:
        self._say("")

    def _say(self, line: str) -> None:
        assert self._card.stdin is not None
        self._card.stdin.write(line + "\n")
        self._card.stdin.flush()


def possible() -> bool:
    """Whether there is a virtual reader, and somebody who may make a namespace."""
    if os.geteuid() != 0 or not DRIVER.exists() or not Path("/usr/sbin/pcscd").exists():
        return False
    name = f"carekey-agent{os.getpid()}p"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        return False
    entered = subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return entered.returncode == 0


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    name = f"carekey-agent{os.getpid()}"
    run, configured = folder / "run", folder / "readers"
    run.mkdir()
    configured.mkdir()
    (configured / "vpcd").write_text(
        f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\nLIBPATH {DRIVER}\nCHANNELID 0x{PORT:X}\n'
    )
    subprocess.run(["ip", "netns", "add", name], check=True)
    inside = ["ip", "netns", "exec", name]
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        Path("/run/pcscd").mkdir(exist_ok=True)
        # `ip netns exec` has mounts of its own, so other daemons of this machine keep their socket.
        own_socket = 'mount --bind "$1" /run/pcscd && exec pcscd --foreground --config "$2"'
        daemon = [*inside, "sh", "-c", own_socket, "sh", run, configured]
        with running(daemon, answers=(run / "pcscd.comm").exists, log=folder / "pcscd.log"):
            card = subprocess.Popen(
                [*inside, sys.executable, "-m", "support.reader"],
                stdin=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            )
            try:
                time.sleep(0.2)
                yield Reader(run / "pcscd.comm", card)
            finally:
                assert card.stdin is not None
                card.stdin.close()
                card.wait(10)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


if __name__ == "__main__":
    _card_program()
