"""A PKI with cards for the demo people, in files, with its revocation lists on the web; and a card host that knows it."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from carekey.authenticators.smartcard.tests import pki
from carekey.authenticators.smartcard.tests.pki import Authority
from support.processes import free_port

DAY = timedelta(days=1)


def started() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class PemCard:
    certificate: Path
    key: Path


@dataclass
class Lists:
    """What the web server for revocation lists answers: paths to bodies."""

    port: int
    bodies: dict[str, bytes] = field(default_factory=dict)
    responders: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    """OCSP: what they answer to a question."""


@dataclass(kw_only=True)
class CardPki:
    folder: Path
    lists: Lists
    now: datetime = field(default_factory=started)

    def __post_init__(self) -> None:
        self.root = pki.root(starts=self.now - 400 * DAY, ends=self.now + 4000 * DAY)
        points = (f"http://127.0.0.1:{self.lists.port}/root.crl",)
        self.sub = pki.sub(self.root, points=points, starts=self.now - 300 * DAY, ends=self.now + 2000 * DAY)
        self.stranger = pki.root(7, common="Other", starts=self.now - DAY, ends=self.now + 100 * DAY)
        self._write("root.pem", self.root.certificate.public_bytes(Encoding.PEM))
        self._write("sub.pem", self.sub.certificate.public_bytes(Encoding.PEM))
        self._write("key.pem", _pem(pki.key(9)))
        # Named from the first list on: a node that has a list looks again when it is about to run out.
        self.revoked = self.card("555000000101", name="-revoked")
        self.publish(x509.load_pem_x509_certificate(self.revoked.certificate.read_bytes()).serial_number)

    def publish(self, *revoked: int) -> None:
        """New lists, which name these serial numbers."""
        this, after = self.now - timedelta(hours=1), self.now + DAY
        self.lists.bodies["/root.crl"] = self.root.crl(this=this, next=after)
        self.lists.bodies["/sub.crl"] = self.sub.crl(*revoked, this=this, next=after)

    def card(self, user: str, *, by: Authority | None = None, name: str = "", **how: Any) -> PemCard:
        """A card for a person; its key is the same for all, as nobody here keeps it secret."""
        points = pki.web_points(f"http://127.0.0.1:{self.lists.port}/sub.crl")
        common = {"starts": self.now - 30 * DAY, "ends": self.now + 700 * DAY, "points": points}
        made = pki.card(by or self.sub, user=user, **{**common, **how})
        return PemCard(
            certificate=self._write(f"card-{user}{name}.pem", made.public_bytes(Encoding.PEM)),
            key=self.folder / "key.pem",
        )

    def _write(self, name: str, content: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(content)
        return file

    @cached_property
    def server(self) -> PemCard:
        """What the card host shows of itself: good for localhost, its wildcard and every address of these tests."""
        own = pki.key(21)
        names = [x509.DNSName("localhost"), x509.DNSName("*.card.test"), x509.DNSName("card.test")]
        addresses = [x509.IPAddress(ip_address("127.0.0.1"))]
        certificate = (
            self.root.builder(pki.name("localhost"), own.public_key(), starts=self.now - DAY, ends=self.now + 100 * DAY)
            .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self.root.key, hashes.SHA256())
        )
        return PemCard(
            certificate=self._write("server.pem", certificate.public_bytes(Encoding.PEM)),
            key=self._write("server.key", _pem(own)),
        )

    def settings(self, *, port: int, url: str, zones: str = '["127.0.0.0/8"]') -> Mapping[str, str]:
        """For `support.provider.carekey`."""
        return {
            "SMARTCARDS__URL": url,
            "SMARTCARDS__PORT": str(port),
            "SMARTCARDS__CERTIFICATE": str(self.server.certificate),
            "SMARTCARDS__PRIVATE_KEY": str(self.server.key),
            "SMARTCARDS__PKIS__TEST__PROFILE": "national",
            "SMARTCARDS__PKIS__TEST__ANCHORS": str(self.folder / "root.pem"),
            "SMARTCARDS__PKIS__TEST__INTERMEDIATES": str(self.folder / "sub.pem"),
            "ZONES__HSCN": zones,
        }


def _pem(key: Any) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made


@contextmanager
def serving_lists() -> Iterator[Lists]:
    lists = Lists(port=free_port())

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = lists.bodies.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            responder = lists.responders.get(self.path)
            self.send_response(200 if responder else 503)
            self.end_headers()
            self.wfile.write(responder(asked) if responder else b"")

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", lists.port), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield lists
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def card_pki(folder: Path) -> Iterator[CardPki]:
    folder.mkdir(parents=True, exist_ok=True)
    with serving_lists() as lists:
        yield CardPki(folder=folder, lists=lists)


@dataclass(kw_only=True)
class Curl:
    """curl, with a cookie jar: a person without any script, and with a card or none."""

    folder: Path
    trust: Path
    card: PemCard | None = None
    more: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    """A command that runs it, such as one that enters a network namespace."""

    def run(self, address: str, *arguments: str, follow: bool = True) -> "Answer":
        jar = str(self.folder / "cookies.txt")
        command = [*self.inside, "curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", str(self.trust)]
        command += ["--cookie", jar, "--cookie-jar", jar, "--max-time", "20", "--include", *self.more]
        command += ["--location"] if follow else []
        if self.card is not None:
            command += ["--cert", str(self.card.certificate), "--key", str(self.card.key)]
        command += [
            "--write-out",
            "\n%{url_effective} %{http_code} %{num_redirects} %{redirect_url}",
            *arguments,
            address,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        body, _, told = done.stdout.rpartition("\n")
        url, status, redirects, onward = told.split(" ")
        return Answer(done.returncode, body, url, int(status), int(redirects), onward, done.stderr)

    def cookies(self) -> str:
        """As a header has them."""
        lines = [line.split("\t") for line in (self.folder / "cookies.txt").read_text().splitlines()]
        return "; ".join(f"{line[5]}={line[6]}" for line in lines if len(line) == 7)


@dataclass(frozen=True)
class Answer:
    code: int
    body: str
    url: str
    status: int
    redirects: int
    onward: str
    errors: str


def greets(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody shakes hands there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=2) as raw, context.wrap_socket(raw):
            return True
    except OSError:
        return False


def greetings(port: int, *, version: ssl.TLSVersion, trust: Path, card: PemCard) -> Iterator[ssl.SSLSocket]:
    """Three, each of which would go on with the session of the one before. What was said to them is read to its end, as
    TLS 1.3 brings tickets with it."""
    context = ssl.create_default_context(cafile=str(trust))
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(card.certificate, card.key)
    earlier = None
    for _ in range(3):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="localhost", session=earlier) as secured,
        ):
            secured.sendall(b"GET /smartcard HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while secured.recv(65536):
                pass
            yield secured
            earlier = secured.session


def wait_for_tls(port: int, *, within: float = 30) -> None:
    """Raises: TimeoutError."""
    deadline = time.monotonic() + within
    while not greets(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody answers at {port}")
        time.sleep(0.05)
