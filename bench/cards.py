"""Smartcards: validation, lists, handshakes, and a whole log-in with its TLS left to a proxy."""

import asyncio
import base64
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from browser import Answer, Browser, UnexpectedAnswerError
from carekey.authenticators.smartcard import crl, path, revocation
from carekey.authenticators.smartcard.evidence import CrlWanted, Evidence, RevocationList, Wanted
from carekey.authenticators.smartcard.profiles import PkiProfile, national_card
from carekey.authenticators.smartcard.tests import pki as vectors
from client import REDIRECT, Key
from driver import Run, cpu_seconds
from furnish import SMALL, make_directory, make_users
from journeys import CareKey, Journeys, User
from support.cards import DAY, CardPki, card_pki
from support.processes import free_port, running

ROOT = Path(__file__).parent.parent
ENTRIES = 100_000
FROM_HERE = {"x-forwarded-for": "127.0.0.20"}
"""What the proxy says of everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFigures:
    validation_ms: float
    """CPU of one judgement, with its revocation lists in memory."""
    list_seconds: float
    """A list of 100,000 entries: read, checked and indexed, in a thread."""
    list_pause_ms: float
    """For how long at most the event loop stood still meanwhile."""
    log_in_ms: float
    """Server CPU of a whole log-in through to userinfo, both processes, without TLS."""
    handshakes_per_core: float
    """Full mutual handshakes with one request each, for a second of the card host's CPU."""


def measure(folder: Path, *, count: int) -> CardFigures:
    with card_pki(folder / "pki") as pki:
        pause, seconds = asyncio.run(_list())
        return CardFigures(
            validation_ms=_validation(pki, count=count),
            list_seconds=seconds,
            list_pause_ms=pause * 1000,
            log_in_ms=asyncio.run(_log_ins(folder, pki, count=count)),
            handshakes_per_core=_handshakes(folder, pki, count=count),
        )


def _validation(pki: CardPki, *, count: int) -> float:
    """As the card host does it: path, then lists, of a chain that it has not seen before."""
    profile = national_card(anchors=(pki.root.der,), intermediates=(pki.sub.der,))
    now, key = pki.now, rsa.generate_private_key(65537, 2048).public_key()
    chains = [_card_of(pki, f"{555_200_000_000 + number}", key) for number in range(min(count, 300))]
    evidence = _evidence(pki, chains[0], profile)
    took = []
    for chain in chains * 3:
        began = time.process_time()
        found = path.judge([chain], profile=profile, now=now)
        assert isinstance(found, path.CardIdentity), found
        verdict = revocation.check(found, evidence=evidence, now=now)
        took.append(time.process_time() - began)
        assert verdict == revocation.Good(), verdict
    return median(took) * 1000


def _card_of(pki: CardPki, user: str, key: rsa.RSAPublicKey) -> bytes:
    files = pki.card(user, public=key, name="-bench")
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).public_bytes(Encoding.DER)


def _evidence(pki: CardPki, chain: bytes, profile: PkiProfile) -> Evidence:
    found = path.judge([chain], profile=profile, now=pki.now)
    assert isinstance(found, path.CardIdentity)
    asked = revocation.check(found, evidence=Evidence(), now=pki.now)
    assert isinstance(asked, revocation.NeedRevocation)
    read = [_read(pki, wanted) for wanted in asked.requests]
    return Evidence(lists={one.key: one for one in read})


def _read(pki: CardPki, wanted: Wanted) -> RevocationList:
    assert isinstance(wanted, CrlWanted)
    return crl.read(pki.lists.bodies[urlsplit(wanted.urls[0]).path], wanted, now=pki.now)


async def _list() -> tuple[float, float]:
    """Seconds that the loop stood still at most, and that the list took."""
    authority, now = vectors.SUB, vectors.NOW
    der = _long_list(authority)
    wanted = CrlWanted(key="k", urls=(), issuer=authority.certificate, point="")
    pauses, seconds = [], []
    for _ in range(3):
        done = asyncio.Event()
        watching = asyncio.create_task(_longest_pause(done))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        listed = await asyncio.to_thread(crl.read, der, wanted, now=now)
        seconds.append(time.perf_counter() - began)
        done.set()
        pauses.append(await watching)
        assert len(listed.revoked) == ENTRIES
    return median(pauses), median(seconds)


def _long_list(authority: vectors.Authority) -> bytes:
    revoked = [
        x509.RevokedCertificateBuilder().serial_number((1 << 100) + number).revocation_date(vectors.NOW).build()
        for number in range(ENTRIES)
    ]
    made = x509.CertificateRevocationListBuilder(authority.name, vectors.NOW, vectors.NOW + DAY, [], revoked)
    return made.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.DER)


async def _longest_pause(done: asyncio.Event) -> float:
    longest, last = 0.0, time.perf_counter()
    while not done.is_set():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last - 0.001), now
    return longest


class CardCareKey(CareKey):
    """The log-in with a card, whose certificate a proxy hands over."""

    def __init__(self, port: int, card_port: int, certificates: dict[str, str]) -> None:
        super().__init__(port)
        self.asked = {**CareKey.asked, "acr_values": "AAL3_SMARTCARD"}
        self.card_host = Browser(card_port, always=FROM_HERE)
        self._certificates = certificates

    async def log_in(self, browser: Browser, answer: Answer, user: User) -> Answer:
        browser.always = FROM_HERE
        step = answer.expect(303).location
        while not step.startswith(REDIRECT):
            place = urlsplit(step).path
            if "/smartcard?code=" in step:
                answer = await self.card_host.get(step, **{"client-cert": f":{self._certificates[user.id]}:"})
            else:
                answer = await browser.get(step)
                if answer.status == 200:
                    hidden = re.findall(rb'name="(csrf|label)" value="([^"]+)"', answer.body)
                    fields = {name.decode(): value.decode() for name, value in hidden}
                    if role := re.search(rb'name="role"[^>]*value="([0-9]+)"', answer.body):
                        fields["role"], place = role[1].decode(), f"{place}/role"
                    elif not place.endswith("/smartcard"):
                        raise UnexpectedAnswerError(f"not a page of this journey: {answer.body[:400]!r}")
                    answer = await browser.post(place, fields, origin=f"http://localhost:{browser.port}")
            step = answer.expect(303).location
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A CareKey with a card host behind a proxy, and people whose cards it knows."""

    settings: Mapping[str, str]
    url: str
    """Of its database."""
    port: int
    card_port: int
    key: Key
    users: list[User]
    busy: User
    certificates: Mapping[str, bytes]
    """In DER, by the person."""

    def journeys(self) -> "CardJourneys":
        shown = {id: base64.b64encode(der).decode() for id, der in self.certificates.items()}
        provider = CardCareKey(self.port, self.card_port, shown)
        return CardJourneys(
            provider=provider, port=self.port, key=self.key, users=self.users, workers=1, busy=self.busy
        )


class CardJourneys(Journeys):
    async def log_in(self, user: User) -> None:
        """In the first browser, whoever was there before."""
        self._browsers[0].cookies.clear()
        await self._log_in(self._browsers[0], user)

    async def logged_in(self, user: User) -> bool:
        """By what the service answers without showing a page."""
        answer = await self._browsers[0].get(self._authorization(user, prompt="none"))
        answered = parse_qs(urlsplit(answer.expect(303).location).query)
        if "code" not in answered and answered.get("error") != ["login_required"]:
            raise UnexpectedAnswerError(str(answered))
        return "code" in answered

    async def aclose(self) -> None:
        await super().aclose()
        assert isinstance(self.provider, CardCareKey)
        await self.provider.card_host.aclose()


async def furnished(folder: Path, pki: CardPki) -> Place:
    port, card_port, key = free_port(), free_port(), Key()
    url = f"sqlite:///{folder}/cards.db"
    await make_directory(url, SMALL)
    users, busy = await make_users(url, key)
    own = rsa.generate_private_key(65537, 2048).public_key()
    settings = {
        **pki.settings(port=card_port, url=f"https://localhost:{card_port}"),
        "SMARTCARDS__PROXIED": "true",
        "SERVER__PROXIES": '["127.0.0.1/32"]',
    }
    return Place(
        settings=settings,
        url=url,
        port=port,
        card_port=card_port,
        key=key,
        users=users,
        busy=busy,
        certificates={one.id: _card_of(pki, one.id, own) for one in (*users, busy)},
    )


async def _log_ins(folder: Path, pki: CardPki, *, count: int) -> float:
    place = await furnished(folder, pki)
    with carekey(folder, place.port, place.url, place.settings) as server:
        journeys = place.journeys()
        run = Run(journeys.complete_log_in, server, 1)
        await run.warm_up(max(count // 5, 10))
        for _ in range(5):
            await run.round(max(count // 5, 1), seconds=20)
        await journeys.aclose()
        return run.figures().cpu_ms


def _handshakes(folder: Path, pki: CardPki, *, count: int) -> float:
    port, card_port = free_port(), free_port()
    (folder / "tls").mkdir()
    key = rsa.generate_private_key(65537, 2048)
    card = pki.card("555200000000", public=key.public_key(), name="-tls")
    file = folder / "tls/key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(cafile=str(pki.folder / "root.pem"))
    context.load_cert_chain(card.certificate, file)
    settings = pki.settings(port=card_port, url=f"https://localhost:{card_port}")
    with carekey(folder / "tls", port, f"sqlite:///{folder}/tls/db", settings) as server:
        (card_host,) = [int(child) for child in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
        rates = []
        for _ in range(5):
            began = cpu_seconds(card_host)
            for _ in range(max(count // 5, 10)):
                with (
                    socket.create_connection(("127.0.0.1", card_port)) as raw,
                    context.wrap_socket(raw, server_hostname="localhost") as secured,
                ):
                    secured.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if not secured.recv(65536).startswith(b"HTTP/1.1 404"):
                        raise UnexpectedAnswerError("the card host does not answer")
            rates.append(max(count // 5, 10) / (cpu_seconds(card_host) - began))
        return median(rates)


def environment(folder: Path, port: int, url: str, settings: Mapping[str, str]) -> dict[str, str]:
    return {
        "PYTHONPATH": str(ROOT / "src"),
        "CAREKEY_DATA": str(folder / "data"),
        "CAREKEY_DATABASE__URL": url,
        "CAREKEY_SERVER__PORT": str(port),
        **{f"CAREKEY_{name}": value for name, value in settings.items()},
    }


@contextmanager
def carekey(folder: Path, port: int, url: str, settings: Mapping[str, str]) -> Iterator[int]:
    command = [sys.executable, "-m", "carekey", "serve"]
    variables = environment(folder, port, url, settings)
    ready = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    card_port = int(settings["SMARTCARDS__PORT"])
    with running(command, answers=ready, log=folder / "carekey.log", environment=variables) as process:
        while not listens(card_port):
            time.sleep(0.05)
        yield process.pid


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
