"""A push service and a browser that share no code with us: it takes messages on loopback, and reads them."""

import asyncio
import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Browser:
    """The user agent's end of RFC 8291."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.auth = b"sixteen  secrets"

    def keys(self) -> dict[str, str]:
        return {name: urlsafe_b64encode(of).rstrip(b"=").decode() for name, of in self._named()}

    def _named(self) -> list[tuple[str, bytes]]:
        return [("p256dh", self.point), ("auth", self.auth)]

    def read(self, body: bytes) -> bytes:
        salt, size, id_size = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21 : 21 + id_size], body[21 + id_size :]
        assert len(sealed) <= size
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        prk_key = _mac(self.auth, self.private.exchange(ec.ECDH(), theirs))
        prk = _mac(salt, _mac(prk_key, b"WebPush: info\x00" + self.point + sender + b"\x01"))
        cek = _mac(prk, b"Content-Encoding: aes128gcm\x00\x01")[:16]
        nonce = _mac(prk, b"Content-Encoding: nonce\x00\x01")[:12]
        padded = AESGCM(cek).decrypt(nonce, sealed, None)
        text, delimiter = padded.rstrip(b"\x00")[:-1], padded.rstrip(b"\x00")[-1]
        assert delimiter == 2
        return text


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, hashlib.sha256)


@dataclass
class PushService:
    port: int = 0
    status: int | None = 201
    """What it answers; None hangs."""
    taken: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def endpoint(self, name: str = "JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV") -> str:
        return f"http://127.0.0.1:{self.port}/p/{name}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.taken.append((first, headers, body))
            if self.status is None:
                await asyncio.sleep(60)
            writer.write(f"HTTP/1.1 {self.status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def push_service(status: int | None = 201) -> AsyncIterator[PushService]:
    service = PushService(status=status)
    running = await asyncio.start_server(service.handle, "127.0.0.1", 0)
    async with running:
        service.port = running.sockets[0].getsockname()[1]
        yield service
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "PushService.handle" in repr(task.get_coro()):
                task.cancel()
