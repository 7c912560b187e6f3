"""Smartcards of a demonstration: an authority, a card host with TLS, and a virtual card for each person.

Nothing of it needs a reader, and nothing of it is set where the settings have a card host of their own.
"""

import os
import socket
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from carekey.app import asgi, card_authority, master_key, smartcards
from carekey.app.demo import DEMO, PERSONS
from carekey.app.settings import Settings, SettingsError
from carekey.app.wiring import Installation
from carekey.authenticators.smartcard.authority import registration
from carekey.authenticators.smartcard.authority.signing import serial_number
from carekey.authenticators.smartcard.issuing import Step
from carekey.authenticators.smartcard.model import CardState, WhyCancelled
from carekey.directory.model import PersonStatus
from carekey.jose.sealing import Sealing
from carekey.kernel.clock import SystemClock
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import PersonId

REVOKED = PersonId("555000000115")
RUNS_OUT = PersonId("555000000108")
"""Whose card can be renewed already."""
SOON = timedelta(days=60)

_PORTS = range(8443, 8453)
_LASTS = timedelta(days=90)
_LOOPBACK = '["127.0.0.0/8", "::1/128"]'


def furnish_host(found: Settings) -> Mapping[str, str]:
    """Make what a card host needs, in the data folder; settings for it, by their variables. Raises: SettingsError."""
    clock, entropy = SystemClock(), SystemEntropy()
    if card_authority.certificates(found) is None:
        sealing = Sealing(master_key.read(found), entropy=entropy)
        try:
            card_authority.create(found, sealing, organisation="CareKey demo", clock=clock, entropy=entropy)
        except OSError as error:
            raise SettingsError(f"The demo's card authority cannot be made: {error}.") from None
    certificate, key = found.folder() / "card-host.pem", found.folder() / "card-host.key"
    if not _lasts(certificate, clock.now()) or not key.exists():
        _make_certificate(certificate, key, serial=serial_number(entropy.bytes(16)), now=clock.now())
    port = _free_port()
    zones = {} if "hscn" in found.zones else {"CAREKEY_ZONES__HSCN": _LOOPBACK}
    return {
        "CAREKEY_SMARTCARDS__URL": f"https://localhost:{port}",
        "CAREKEY_SMARTCARDS__PORT": str(port),
        "CAREKEY_SMARTCARDS__CERTIFICATE": str(certificate),
        "CAREKEY_SMARTCARDS__PRIVATE_KEY": str(key),
        **zones,
    }


async def issue(running: Installation, people: Collection[PersonId] = tuple(PERSONS)) -> None:
    """A virtual card for each of the demo people who has none. One card is revoked, and one near its end."""
    wallet, now = smartcards.wallet(running.settings), running.clock.now()
    for person in map(PERSONS.__getitem__, people):
        if person.person.status is not PersonStatus.ACTIVE:
            continue
        id = person.person.id
        card = wallet.of(id) or wallet.blank(id, running.entropy)
        serial = card.serial
        known = await running.store.read(lambda tx, serial=serial: tx.cards.find_serial(serial))  # type: ignore[misc]
        if known is None or known.state is CardState.PREPARED:
            desk = card_authority.desk(running, by=DEMO, lifetime=SOON if id == RUNS_OUT else None)
            known = await desk.issue(card, serial=serial, person=id, locked=False, progress=_quietly)
        if id == REVOKED and known.state is CardState.ACTIVE:
            await running.store.write(
                partial(
                    registration.cancel,
                    card=known,
                    why=WhyCancelled.LOST,
                    end_sessions=lambda _tx, _card: 0,
                    by=DEMO,
                    now=now,
                )
            )
    await asgi.publish_lists(running)


def _quietly(_step: Step, _what: str) -> None:
    """Nobody waits for it."""


def _lasts(certificate: Path, now: datetime) -> bool:
    try:
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return False
    return ends > now + timedelta(days=7)


def _make_certificate(certificate: Path, key: Path, *, serial: int, now: datetime) -> None:
    """For localhost alone, and signed by itself: whoever trusts it in a browser trusts it with nothing else."""
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LASTS)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(own, hashes.SHA256())
    )
    key.unlink(missing_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate.write_bytes(made.public_bytes(Encoding.PEM))


def _free_port() -> int:
    """Raises: SettingsError."""
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SettingsError("The card host finds no free port from 8443 on: set smartcards.url and smartcards.port.")
