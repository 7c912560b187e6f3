#!/usr/bin/env python3
"""carekey-agent: tells CareKey when a smartcard leaves the reader of this workstation.

One file, and nothing to install besides: Python 3.9 or later, its OpenSSL, and PC/SC (libpcsclite) as on any Linux
with a card reader. It runs as an ordinary user, opens no port, and sees no passcode: it reads the public certificate of
a card when that is put in, and watches the reader. Logging in never depends on it.

    carekey_agent.py key                              makes this workstation's key, and prints what is to be enrolled
    carekey_agent.py run --service https://ORIGIN     watches, and tells

What it tells, signed with the workstation's key (Ed25519): "at this moment, these cards are in my readers". Such a word
can end or lock sessions, never begin one. The service notes who said it, refuses what is forged, late or said before,
and does what the site has decided.
"""

import argparse
import base64
import ctypes
import email.utils
import gzip
import hashlib
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple
from urllib.parse import urlsplit

FOLDER = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "carekey-agent"
REPEAT = 300.0
"""Seconds after which it says again what it said, so that an operator sees that it lives."""
RETRY = 1.0
TIMEOUT = 3.0


def say(text: str) -> None:
    sys.stderr.write(f"carekey-agent: {text}\n")
    sys.stderr.flush()


# The workstation's key


class Ed25519:
    """Signing with the OpenSSL that Python itself uses (RFC 8032)."""

    KIND = 1087  # EVP_PKEY_ED25519

    def __init__(self, seed: bytes) -> None:
        import _ssl

        self._crypto = crypto = ctypes.CDLL(getattr(_ssl, "__file__", None))
        pointer = ctypes.c_void_p
        crypto.EVP_PKEY_new_raw_private_key.restype = pointer
        crypto.EVP_PKEY_new_raw_private_key.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
        crypto.EVP_PKEY_get_raw_public_key.argtypes = [pointer, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t)]
        crypto.EVP_MD_CTX_new.restype = pointer
        crypto.EVP_MD_CTX_free.argtypes = [pointer]
        crypto.EVP_DigestSignInit.argtypes = [pointer] * 5
        crypto.EVP_DigestSign.argtypes = [
            pointer,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_size_t),
            ctypes.c_char_p,
            ctypes.c_size_t,
        ]
        self._key = crypto.EVP_PKEY_new_raw_private_key(self.KIND, None, seed, len(seed))
        if not self._key:
            raise OSError("this Python's OpenSSL cannot do Ed25519")

    def public(self) -> bytes:
        found, size = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
        if self._crypto.EVP_PKEY_get_raw_public_key(self._key, found, ctypes.byref(size)) != 1:
            raise OSError("the key cannot be read")
        return found.raw

    def sign(self, data: bytes) -> bytes:
        context = self._crypto.EVP_MD_CTX_new()
        try:
            made, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
            ready = self._crypto.EVP_DigestSignInit(context, None, None, None, self._key) == 1
            if not ready or self._crypto.EVP_DigestSign(context, made, ctypes.byref(size), data, len(data)) != 1:
                raise OSError("OpenSSL did not sign")
            return made.raw
        finally:
            self._crypto.EVP_MD_CTX_free(context)


def own_key(folder: Path) -> Ed25519:
    """The key of this workstation, made at first use. Nobody but this user can read it."""
    file = folder / "key"
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(os.urandom(32))
    return Ed25519(file.read_bytes())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# The reader (PC/SC, as pcsc-lite has it)

DWORD = ctypes.c_ulong
PRESENT, UNAVAILABLE, UNKNOWN, MUTE = 0x20, 0x08, 0x04, 0x200
TIMED_OUT = 0x8010000A
SHARED, LEAVE = 2, 0
PNP = b"\\\\?PnP?\\Notification"
"""A reader that is none: it changes when readers come and go."""
ATR_SIZE = 33


class ReaderState(ctypes.Structure):
    _fields_ = (
        ("reader", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
        ("current", DWORD),
        ("event", DWORD),
        ("atr_size", DWORD),
        ("atr", ctypes.c_ubyte * ATR_SIZE),
    )


class IoRequest(ctypes.Structure):
    _fields_ = (("protocol", ctypes.c_ulong), ("size", ctypes.c_ulong))


class NoReader(Exception):
    """PC/SC is not there, or has gone."""


class Readers:
    """The readers of this workstation, and which of them holds which card."""

    def __init__(self) -> None:
        try:
            self._pcsc: Any = ctypes.CDLL("libpcsclite.so.1")
        except OSError:
            raise NoReader("libpcsclite.so.1 is not installed") from None
        pcsc, handle, pointer = self._pcsc, ctypes.c_long, ctypes.c_void_p
        pcsc.SCardEstablishContext.argtypes = [DWORD, pointer, pointer, ctypes.POINTER(handle)]
        pcsc.SCardReleaseContext.argtypes = [handle]
        pcsc.SCardListReaders.argtypes = [handle, pointer, ctypes.c_char_p, ctypes.POINTER(DWORD)]
        pcsc.SCardGetStatusChange.argtypes = [handle, DWORD, ctypes.POINTER(ReaderState), DWORD]
        connecting: List[Any] = [handle, ctypes.c_char_p, DWORD, DWORD, ctypes.POINTER(handle), ctypes.POINTER(DWORD)]
        pcsc.SCardConnect.argtypes = connecting
        pcsc.SCardBeginTransaction.argtypes = [handle]
        pcsc.SCardEndTransaction.argtypes = [handle, DWORD]
        pcsc.SCardDisconnect.argtypes = [handle, DWORD]
        pcsc.SCardTransmit.argtypes = [
            handle,
            ctypes.POINTER(IoRequest),
            ctypes.c_char_p,
            DWORD,
            pointer,
            ctypes.c_char_p,
            ctypes.POINTER(DWORD),
        ]
        self._context = handle()
        self._check(pcsc.SCardEstablishContext(0, None, None, ctypes.byref(self._context)))
        self._states: Dict[bytes, int] = {PNP: 0}
        self._held: Dict[bytes, Tuple[int, Optional[bytes]]] = {}

    def close(self) -> None:
        self._pcsc.SCardReleaseContext(self._context)

    def wait(self, seconds: float) -> None:
        """Until a card or a reader comes or goes, but no longer. Raises: NoReader."""
        names = list(self._states)
        states = (ReaderState * len(names))(*(ReaderState(reader=one, current=self._states[one]) for one in names))
        code = self._pcsc.SCardGetStatusChange(self._context, DWORD(int(seconds * 1000)), states, len(names))
        if code & 0xFFFFFFFF == TIMED_OUT:
            return
        self._check(code)
        for state in states:
            self._states[state.reader] = state.event

    def cards(self) -> Tuple[List[bytes], Set[bytes]]:
        """The certificates of the cards that are in now, and of those that left since it was last asked, even if they
        are back. Raises: NoReader."""
        self._look()
        lost = {one for name, (_, one) in self._held.items() if one is not None and name not in self._states}
        held: Dict[bytes, Tuple[int, Optional[bytes]]] = {}
        for name, event in self._states.items():
            count = event >> 16  # pcsc-lite counts each coming and going here
            before = self._held.get(name)
            present = bool(event & PRESENT) and not event & (UNAVAILABLE | UNKNOWN | MUTE)
            if before is not None and before[1] is not None and (not present or before[0] != count):
                lost.add(before[1])
            if name == PNP or not present:
                continue
            held[name] = before if before is not None and before[0] == count else (count, self._certificate(name))
        self._held = held
        return sorted({one for _, one in held.values() if one is not None}), lost

    def _look(self) -> None:
        size = DWORD(0)
        code = self._pcsc.SCardListReaders(self._context, None, None, ctypes.byref(size))
        names: List[bytes] = []
        if code == 0:
            text = ctypes.create_string_buffer(size.value)
            if self._pcsc.SCardListReaders(self._context, None, text, ctypes.byref(size)) == 0:
                names = [one for one in text.raw[: size.value].split(b"\0") if one]
        self._states = {PNP: self._states.get(PNP, 0), **{one: self._states.get(one, 0) for one in names}}
        self.wait(0)

    def _certificate(self, name: bytes) -> Optional[bytes]:
        for again in range(3):
            if again:
                time.sleep(0.2)  # somebody else has it to themselves, or it is still waking up
            card, protocol = ctypes.c_long(), DWORD()
            both = 3  # T=0 or T=1
            if self._pcsc.SCardConnect(self._context, name, SHARED, both, ctypes.byref(card), ctypes.byref(protocol)):
                continue
            try:
                self._pcsc.SCardBeginTransaction(card)
                found = piv_certificate(lambda apdu, c=card, p=protocol: self._transmit(c, p.value, apdu))
                self._pcsc.SCardEndTransaction(card, LEAVE)
                if found is not None:
                    return found
            finally:
                self._pcsc.SCardDisconnect(card, LEAVE)
        say("there is a card whose certificate cannot be read: it is not a PIV card, and is passed over")
        return None

    def _transmit(self, card: Any, protocol: int, apdu: bytes) -> bytes:
        answer, size = ctypes.create_string_buffer(512), DWORD(512)
        how = IoRequest(protocol, ctypes.sizeof(IoRequest))
        sent = apdu[:-1] if protocol == 1 and len(apdu) > 5 else apdu  # T=0 has no length expected after data
        failed = self._pcsc.SCardTransmit(card, ctypes.byref(how), sent, len(sent), None, answer, ctypes.byref(size))
        return b"\x6f\x00" if failed else answer.raw[: size.value]

    def _check(self, code: int) -> None:
        if code:
            raise NoReader(f"PC/SC does not answer (0x{code & 0xFFFFFFFF:08x}): is pcscd running?")


# The card (NIST SP 800-73-4)

SELECT = bytes.fromhex("00a4040009a0000003080000100000")
GET_CERTIFICATE = bytes.fromhex("00cb3fff055c035fc10500")
"""The certificate for PIV authentication, which can be read without the passcode."""


def piv_certificate(transmit: Any) -> Optional[bytes]:
    """DER; None for a card that has none. The application is selected only if it is not: selecting it again could take
    the passcode from somebody who has just typed it."""
    data = _whole(transmit, GET_CERTIFICATE)
    if data is None and transmit(SELECT)[-2:][:1] in (b"\x90", b"\x61"):
        data = _whole(transmit, GET_CERTIFICATE)
    outer = dict(_tlv(data or b""))
    inner = dict(_tlv(outer.get(0x53, b"")))
    found, info = inner.get(0x70), inner.get(0x71, b"\0")
    if not found:
        return None
    try:
        return gzip.decompress(found) if info[:1] and info[0] & 1 else found
    except (OSError, EOFError):
        return None


def _whole(transmit: Any, apdu: bytes) -> Optional[bytes]:
    answer, parts = transmit(apdu), b""
    while answer[-2:-1] == b"\x61":
        parts += answer[:-2]
        answer = transmit(b"\x00\xc0\x00\x00" + answer[-1:])
    return parts + answer[:-2] if answer[-2:] == b"\x90\x00" else None


def _tlv(data: bytes) -> List[Tuple[int, bytes]]:
    found, at = [], 0
    while at + 2 <= len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        found.append((tag, data[at : at + size]))
        at += size
    return found


# The service


@dataclass
class Service:
    """Where to tell it, and how that went."""

    origin: str
    key: Ed25519
    trust: Optional[str] = None
    ahead: int = 0
    """Milliseconds that the service's clock is ahead of this workstation's."""
    last: int = 0

    def tell(self, cards: List[bytes]) -> str:
        """Empty if it was believed, else why not."""
        why, ahead = self._post(cards)
        if why in ("clock", "replayed") and ahead is not None:
            self.ahead = ahead
            why, _ = self._post(cards)
        return why

    def statement(self, cards: List[bytes]) -> bytes:
        now = time.time_ns() // 1_000_000 + self.ahead
        # A clock that is put back far must not keep its last word for ever.
        self.last = now if now > self.last or self.last - now > 60_000 else self.last + 1
        named = encoded(hashlib.sha256(self.key.public()).digest())[:22]
        header = {"alg": "EdDSA", "typ": "carekey-cards+jwt"}
        claims = {"iss": named, "aud": self.origin, "at": self.last, "cards": [encoded(one) for one in cards]}
        signed = ".".join(encoded(json.dumps(one, separators=(",", ":")).encode()) for one in (header, claims))
        return f"{signed}.{encoded(self.key.sign(signed.encode()))}".encode()

    def _post(self, cards: List[bytes]) -> Tuple[str, Optional[int]]:
        request = urllib.request.Request(  # noqa: S310 (the operator names the address)
            f"{self.origin}/workstations/cards",
            data=self.statement(cards),
            headers={"content-type": "application/jwt"},
        )
        context = ssl.create_default_context(cafile=self.trust) if self.origin.startswith("https:") else None
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT, context=context) as answer:  # noqa: S310
                answer.read(4096)
                return "", None
        except urllib.error.HTTPError as refused:
            with refused:
                return _reason(refused), _ahead(refused.headers.get("date"))
        except OSError as error:
            return f"the service cannot be reached ({type(error).__name__})", None


def _reason(refused: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(refused.read(4096))["error"])
    except (ValueError, KeyError, TypeError):
        return f"the service answered {refused.code}"


def _ahead(date: Optional[str]) -> Optional[int]:
    try:
        theirs = email.utils.parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return None
    return int(theirs * 1000) - time.time_ns() // 1_000_000


# Watching


@dataclass
class Watch:
    """Tells each change at once, tries again what was not believed, and repeats itself now and then."""

    service: Service
    told: Optional[List[bytes]] = None
    told_at: float = 0.0
    complaint: str = ""
    gone: Set[bytes] = field(default_factory=set)
    """Cards that left, which has still to be told, even if they are back."""

    def notice(self, cards: List[bytes], *, lost: Set[bytes], now: float) -> None:
        self.gone = (self.gone | lost) & set(self.told or ())
        if self.gone:
            if not self._tell([one for one in self.told or () if one not in self.gone], now):
                return
            self.gone = set()
        if cards != self.told or now - self.told_at >= REPEAT:
            self._tell(cards, now)

    def patience(self, cards: List[bytes]) -> float:
        return RETRY if self.gone or self.told != cards else REPEAT

    def _tell(self, cards: List[bytes], now: float) -> bool:
        why = self.service.tell(cards)
        if why and why != self.complaint:
            say(f"not believed: {why}")
        elif self.complaint and not why:
            say("believed again")
        self.complaint = why
        if not why:
            self.told, self.told_at = cards, now
        return not why


def run(service: Service) -> None:
    watch, readers, missing = Watch(service), None, ""
    while True:
        cards: List[bytes] = []
        try:
            readers = readers or Readers()
            cards, lost = readers.cards()
            missing = ""
            watch.notice(cards, lost=lost, now=time.monotonic())
            readers.wait(watch.patience(cards))
        except NoReader as error:  # what cannot be seen is not there
            if str(error) != missing:
                say(str(error))
            missing = str(error)
            if readers is not None:
                readers.close()
            readers = None
            watch.notice([], lost=set(watch.told or ()), now=time.monotonic())
            time.sleep(RETRY)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="carekey_agent.py", description="Tells CareKey when a smartcard is taken out."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where the key is (by default {FOLDER})")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("key", help="print this workstation's public key; make it first if there is none")
    runs = commands.add_parser("run", help="watch the readers")
    runs.add_argument("--service", required=True, help="origin of the service, such as https://login.example.org")
    runs.add_argument("--trust", help="PEM file with the authority of the service's certificate, if it is your own")
    given = parser.parse_args()
    key = own_key(given.folder)
    if given.command == "key":
        sys.stdout.write(encoded(key.public()) + "\n")
        return 0
    origin = given.service.rstrip("/")
    parts = urlsplit(origin)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        say("--service has to be an https address: anybody could listen otherwise")
        return 2
    try:
        run(Service(origin=origin, key=key, trust=given.trust))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
