"""A smartcard reader that is none: pcscd with the virtual reader vpcd, in a network namespace.

The namespace is there because vpcd listens on every address it has. Programs reach the reader by pcscd's Unix socket,
which is a file of our own: other readers on this machine, and other tests', are not disturbed.
"""

import ctypes
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.networks import possible
from support.piv_card import PivCard
from support.processes import running

MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
_PCSCD, _DRIVER = Path("/usr/sbin/pcscd"), Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_PORT = 0x8C7B
_CLONE_NEWNET = 0x40000000
_ATR = 4


def why_not() -> str:
    """Why this machine has no such reader; empty if it can have one."""
    for needed in (_PCSCD, _DRIVER, Path(MODULE)):
        if not needed.exists():
            return f"{needed} is missing: apt-get install pcscd vsmartcard-vpcd opensc-pkcs11 (make test does, as root)"
    return "" if possible() else "this machine does not let us make network namespaces (needs root and iproute2)"


@dataclass
class Reader:
    namespace: str
    environment: Mapping[str, str]
    """By which programs find it."""
    _in: socket.socket | None = field(default=None, init=False)
    _beside: socket.socket | None = field(default=None, init=False)

    def insert(self, card: PivCard) -> None:
        """Returns when OpenSC sees it."""
        assert self._in is None, "there is a card in it"
        self._put_in(card)
        self._wait(cards=1)

    def insert_beside(self, card: PivCard) -> None:
        """Into the second slot, whose card is another as far as programs can tell. The first has one already."""
        assert self._in is not None, "there is no card in the first slot"
        self._beside = _serving(self.namespace, _PORT + 1, card)
        self._wait(cards=2)

    def remove(self) -> None:
        if self._beside is not None:
            with suppress(OSError):
                self._beside.shutdown(socket.SHUT_RDWR)
            self._beside = None
            self._wait(cards=1)
        if self._in is not None:
            if self._in.fileno() == -1:
                # It pulled itself out in the middle of a command, and pcscd said so at once. Back before pcscd looks at the
                # reader itself, every 0.4 s, it would never have left for it, and stay mute. Nothing tells when it has.
                time.sleep(1)
            with suppress(OSError):
                self._in.shutdown(socket.SHUT_RDWR)
            self._in = None
            self._wait(cards=0)

    def inserted(self, card: PivCard) -> None:
        """Again, after it was pulled out in the middle."""
        self.remove()
        self.insert(card)

    def swap(self, card: PivCard, *, out_for: float) -> None:
        """In so many seconds, and nobody waits until anything has noticed."""
        assert self._in is not None, "there is no card in it"
        self._in.shutdown(socket.SHUT_RDWR)
        time.sleep(out_for)
        self._put_in(card)

    def _put_in(self, card: PivCard) -> None:
        self._in = _serving(self.namespace, _PORT, card)

    def _wait(self, *, cards: int) -> None:
        deadline = time.monotonic() + 10
        while self.tool("--list-token-slots").stdout.count("piv_II") != cards:
            assert time.monotonic() < deadline, "the reader did not notice"
            time.sleep(0.1)

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """OpenSC's own, which knows nothing of CareKey."""
        return subprocess.run(
            ["pkcs11-tool", "--module", MODULE, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@contextmanager
def card_reader() -> Iterator[Reader]:
    name = f"ck{os.getpid()}r"
    # Unix sockets have short names.
    with tempfile.TemporaryDirectory(prefix="ckr") as short:
        folder = Path(short)
        (folder / "readers").mkdir()
        (folder / "run").mkdir()
        Path("/run/pcscd").mkdir(exist_ok=True)
        (folder / "readers/vpcd").write_text(
            f'FRIENDLYNAME "Virtual"\nDEVICENAME /dev/null:{_PORT:#x}\nLIBPATH {_DRIVER}\nCHANNELID {_PORT:#x}\n'
        )
        # A PUK is what this family of cards has instead of a security officer's PIN.
        style = (
            "app default { }\napp opensc-pkcs11 { pkcs11 { user_pin_unblock_style = set_pin_in_unlogged_session; } }\n"
        )
        (folder / "opensc.conf").write_text(style)
        socket_file = folder / "run/pcscd.comm"
        # `ip netns exec` gives the program mounts of its own: pcscd takes no other place for its socket.
        starts = f"mount --bind {folder}/run /run/pcscd && exec {_PCSCD} --foreground -c {folder}/readers"
        try:
            subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True, capture_output=True)
            with running(
                ["ip", "netns", "exec", name, "sh", "-c", starts], answers=socket_file.exists, log=folder / "pcscd.log"
            ):
                reader = Reader(
                    name,
                    {"PCSCLITE_CSOCK_NAME": str(socket_file), "OPENSC_CONF": str(folder / "opensc.conf")},
                )
                yield reader
                reader.remove()
        finally:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _serving(namespace: str, port: int, card: PivCard) -> socket.socket:
    """The driver has two slots, on ports side by side."""
    made = _inside(namespace, port)
    threading.Thread(target=_serve, args=(made, card), daemon=True).start()
    return made


def _inside(namespace: str, port: int) -> socket.socket:
    """A connection to the reader's driver: made by a thread that enters the namespace, and no other of ours does."""
    made: list[socket.socket] = []

    def enter() -> None:
        with Path(f"/run/netns/{namespace}").open() as there:
            if ctypes.CDLL(None).setns(there.fileno(), _CLONE_NEWNET) != 0:
                return
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not made:
            with suppress(OSError):
                made.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            time.sleep(0.02)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert made, "the reader's driver does not answer"
    made[0].settimeout(None)
    made[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made[0]


def _serve(connection: socket.socket, card: PivCard) -> None:
    """vpcd's protocol: two bytes of length, then a command for the card, or one byte for its power."""
    card.reset()
    answer_to_reset = _answer_to_reset()
    with connection, suppress(OSError, EOFError):
        while True:
            (size,) = struct.unpack(">H", _exactly(connection, 2))
            asked = _exactly(connection, size)
            if size == 1:
                if asked[0] != _ATR:
                    card.reset()
                    continue
                told = answer_to_reset
            else:
                told = card.answer(asked)
            connection.sendall(struct.pack(">H", len(told)) + told)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        # The driver sends length and body apart: without this each command waits 40 ms for an acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = connection.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _answer_to_reset() -> bytes:
    """ISO 7816-3: direct convention, T=1, and whose card it is; the last byte checks the rest."""
    told = bytes([0x80 | 4, 0x01]) + b"CKEY"
    check = 0
    for byte in told:
        check ^= byte
    return b"\x3b" + told + bytes([check])
