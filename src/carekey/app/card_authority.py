"""The card authority of an installation: its files, made by one command and read at start."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app.card_profiles import profiles
from carekey.app.settings import Settings, SettingsError, duration
from carekey.authenticators.smartcard.authority.keys import FileKeys, KeyStore
from carekey.authenticators.smartcard.authority.publishing import Published
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.authority.signing import (
    Addresses,
    Authority,
    authority_name,
    root_certificate,
    serial_number,
)
from carekey.authenticators.smartcard.issuing import Desk
from carekey.jose.sealing import SealBroken, Sealing
from carekey.kernel.actor import Actor
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy
from carekey.kernel.secret import Secret
from carekey.storage.store import Store, Tx

if TYPE_CHECKING:
    from carekey.app.wiring import Installation

ROOT, CARDS = "root", "cards"
"""The names under which the two are published, and those of their files."""

ROOT_LASTS = timedelta(days=365 * 20)
CARDS_LASTS = timedelta(days=365 * 10)


def folder(found: Settings) -> Path:
    return Path(found.card_authority.folder) if found.card_authority.folder else found.folder() / "card-authority"


def create(found: Settings, sealing: Sealing, *, organisation: str, clock: Clock, entropy: Entropy) -> list[Path]:
    """Make a root and an authority for cards below it; their certificates' files. Raises: OSError, FileExistsError."""
    where, now = folder(found), clock.now()
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(where.iterdir()):
        raise FileExistsError(where)

    def serial() -> int:
        return serial_number(entropy.bytes(16))

    store = key_store(found, sealing)
    top, below = store.make(ROOT), store.make(CARDS)
    name = authority_name(organisation, "Smartcard Root")
    own = root_certificate(name, top, serial=serial(), ends=now + ROOT_LASTS, now=now)
    root = Authority(certificate=own, key=top, addresses=_addresses(found, ROOT))
    cards = root.sign_authority(
        authority_name(organisation, "Smartcards"),
        below.public_key(),
        serial=serial(),
        ends=now + CARDS_LASTS,
        now=now,
    )
    # The certificate of the cards' authority comes last: with it the authority is there.
    return [_write(_certificate(where, ROOT), own), _write(_certificate(where, CARDS), cards)]


def key_store(found: Settings, sealing: Sealing) -> KeyStore:
    """Where the authority's own keys are. Raises: SettingsError, OSError."""
    token = found.card_authority
    if token.token_module is None:
        return FileKeys(folder(found), sealing)
    try:
        from carekey.authenticators.smartcard.authority.token_keys import TokenKeys
    except ModuleNotFoundError:
        raise SettingsError(
            "card_authority.token_module needs the package python-pkcs11: install carekey[cards]."
        ) from None
    if token.token_pin_file is None:
        raise SettingsError("card_authority.token_module needs card_authority.token_pin_file.")
    pin = Secret(Path(token.token_pin_file).read_text(encoding="utf-8").strip())
    return TokenKeys(token.token_module, pin, token.token_serial)


def published(found: Settings, sealing: Sealing) -> tuple[Published, ...]:
    """The root and the cards' authority; nothing if there are none. Raises: SettingsError."""
    where = folder(found)
    if not _certificate(where, CARDS).exists():
        return ()
    try:
        store = key_store(found, sealing)
        return tuple(_published(found, store, name) for name in (ROOT, CARDS))
    except OSError as error:
        raise SettingsError(f"The card authority's file {error.filename} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SettingsError(f"The card authority in {where} is damaged: bring back its files from a copy.") from None
    except SealBroken:
        raise SettingsError(f"The keys in {where} were sealed under another master key.") from None


def _published(found: Settings, store: KeyStore, name: str) -> Published:
    certificate = x509.load_pem_x509_certificate(_certificate(folder(found), name).read_bytes())
    certified = certificate.public_key()
    assert isinstance(certified, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    key = store.load(name, certified)
    return Published(
        name=name, authority=Authority(certificate=certificate, key=key, addresses=_addresses(found, name))
    )


def certificates(found: Settings) -> tuple[bytes, bytes] | None:
    """Those of the root and of the cards' authority, DER, for judging the cards they made. Raises: SettingsError."""
    where = folder(found)
    if not _certificate(where, CARDS).exists():
        return None
    try:
        root, cards = (
            x509.load_pem_x509_certificate(_certificate(where, name).read_bytes()).public_bytes(Encoding.DER)
            for name in (ROOT, CARDS)
        )
    except (OSError, ValueError):
        raise SettingsError(f"The card authority in {where} is damaged: bring back its files from a copy.") from None
    return root, cards


def desk(running: "Installation", *, by: Actor, lifetime: timedelta | None = None) -> Desk[Tx]:
    """Where this installation's cards are made. `lifetime`: of their certificates, if not the settings'.

    Raises: CardError, if it has no authority."""
    made = desks(running.settings, running.card_authorities, running.store, running.clock, running.entropy)
    if made is None:
        raise CardError("There is no card authority: make one with `carekey card new-authority`.")
    return made(by, lifetime)


def desks(
    found: Settings, authorities: Sequence[Published], store: Store, clock: Clock, entropy: Entropy
) -> "Desks | None":
    """How to have a desk in somebody's name; None if this installation has no authority."""
    authority = next((one.authority for one in authorities if one.name == CARDS), None)
    if authority is None:
        return None

    def made(by: Actor, lifetime: timedelta | None = None) -> Desk[Tx]:
        made_as = profiles(found.card_authority, lifetime or card_lifetime(found))
        return Desk(store=store, authority=authority, profiles=made_as, clock=clock, entropy=entropy, by=by)

    return made


class Desks(Protocol):
    def __call__(self, by: Actor, lifetime: timedelta | None = None) -> Desk[Tx]: ...


def list_lifetime(found: Settings) -> timedelta:
    return duration("card_authority.list_lifetime", found.card_authority.list_lifetime)


def card_lifetime(found: Settings) -> timedelta:
    return duration("card_authority.card_lifetime", found.card_authority.card_lifetime)


def _addresses(found: Settings, name: str) -> Addresses:
    base = (found.card_authority.url or found.origin()).rstrip("/") + "/pki"
    return Addresses(crl=f"{base}/{name}.crl", ocsp=f"{base}/ocsp", certificate=f"{base}/{name}.cer")


def _certificate(where: Path, name: str) -> Path:
    return where / f"{name}.pem"


def _write(file: Path, certificate: x509.Certificate) -> Path:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(handle, "wb") as out:
        out.write(certificate.public_bytes(Encoding.PEM))
    return file
