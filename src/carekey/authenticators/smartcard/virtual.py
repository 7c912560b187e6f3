"""Virtual cards: folders of keys and certificates that the service itself holds, for demonstrations and sandboxes.

They are issued, judged and revoked as cards in readers are. What they prove is nothing, since the service has their
keys: settings keep them out of production.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.authority.signing import user_name
from carekey.authenticators.smartcard.model import Purpose
from carekey.authenticators.smartcard.writable import SLOTS
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import PersonId

PASSPHRASE = "demo"  # noqa: S105 (browsers take no file without one; it protects nothing)

_SERIAL = re.compile(r"[0-9]{12}-[0-9a-f]{6}")
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class VirtualCard:
    """A `writable.Writable`."""

    folder: Path

    @property
    def slots(self) -> Mapping[Purpose, tuple[bytes, ...]]:
        return SLOTS

    @property
    def serial(self) -> str:
        return self.folder.name

    @property
    def person(self) -> PersonId:
        return PersonId(self.serial.partition("-")[0])

    def certificate(self, id: bytes) -> bytes | None:
        return self._read(id, "cer")

    def key(self, id: bytes) -> ec.EllipticCurvePrivateKey | None:
        der = self._read(id, "key")
        if der is None:
            return None
        key = load_der_private_key(der, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def make_key(self, id: bytes, label: str) -> ec.EllipticCurvePrivateKey:
        del label
        if (known := self.key(id)) is not None:
            return known
        key = ec.generate_private_key(ec.SECP256R1())
        self._put(id, "key", key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        return key

    def request(self, key: Any, user: str) -> x509.CertificateSigningRequest:
        return x509.CertificateSigningRequestBuilder().subject_name(user_name(user)).sign(key, hashes.SHA256())

    def write(self, id: bytes, label: str, der: bytes) -> None:
        del label
        self._put(id, "cer", der)

    def check(self, id: bytes) -> None:
        """Raises: CardError."""
        der, key = self.certificate(id), self.key(id)
        if der is None or key is None:
            raise CardError("The card lacks a key or a certificate.")
        public_key = x509.load_der_x509_certificate(der).public_key()
        try:
            assert isinstance(public_key, ec.EllipticCurvePublicKey)
            public_key.verify(key.sign(b"carekey", _ECDSA), b"carekey", _ECDSA)
        except (AssertionError, InvalidSignature):
            raise CardError("The card's key and certificate do not belong together.") from None

    def remove(self, id: bytes) -> None:
        for kind in ("cer", "key"):
            self._file(id, kind).unlink(missing_ok=True)

    def shown(self) -> Sequence[bytes]:
        """What a TLS handshake would show: the certificate for logging in, once its key has proven to be there.

        Raises: CardError."""
        found = self._newest()
        if found is None:
            return ()
        id, der = found
        self.check(id)
        return (der,)

    def file(self, between: Sequence[bytes]) -> bytes | None:
        """Key and certificate for logging in, as browsers import them (PKCS #12). `between`: the authorities above.

        Triple DES and SHA-1 are what every browser and system can still read; there is nothing to protect."""
        found = self._newest()
        if found is None or (key := self.key(found[0])) is None:
            return None
        weak = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(2048)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303 (what every browser can still read)
            .build(PASSPHRASE.encode())
        )
        return pkcs12.serialize_key_and_certificates(
            f"CareKey demo card {self.person}".encode(),
            key,
            x509.load_der_x509_certificate(found[1]),
            [x509.load_der_x509_certificate(one) for one in between],
            weak,
        )

    def _newest(self) -> tuple[bytes, bytes] | None:
        """Where its certificate for logging in is. A renewal that was interrupted leaves the old one too, which is
        refused."""
        found = [(id, der) for id in SLOTS[Purpose.AUTHENTICATION] if (der := self.certificate(id)) is not None]
        return max(found, key=lambda one: x509.load_der_x509_certificate(one[1]).not_valid_before_utc, default=None)

    def _file(self, id: bytes, kind: str) -> Path:
        return self.folder / f"{id.hex()}.{kind}"

    def _read(self, id: bytes, kind: str) -> bytes | None:
        try:
            return self._file(id, kind).read_bytes()
        except FileNotFoundError:
            return None

    def _put(self, id: bytes, kind: str, content: bytes) -> None:
        """Whole or not at all, so that an interrupted issue goes on."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._file(id, "part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
        part.replace(self._file(id, kind))


@dataclass(frozen=True, slots=True)
class Wallet:
    """The virtual cards of this installation. Every node needs the same folder."""

    folder: Path

    def cards(self) -> Sequence[VirtualCard]:
        """By holder, oldest first where somebody has several."""
        if not self.folder.is_dir():
            return ()
        found = sorted(self.folder.iterdir(), key=lambda one: (one.name.partition("-")[0], one.stat().st_mtime))
        return [VirtualCard(one) for one in found if _SERIAL.fullmatch(one.name)]

    def card(self, serial: str) -> VirtualCard | None:
        """Nothing that is not a serial number ever becomes part of a path."""
        found = self.folder / serial if _SERIAL.fullmatch(serial) else None
        return VirtualCard(found) if found is not None and found.is_dir() else None

    def of(self, person: PersonId) -> VirtualCard | None:
        return next((one for one in self.cards() if one.person == person), None)

    def blank(self, person: PersonId, entropy: Entropy) -> VirtualCard:
        """A card to issue. There is nothing of it until a key is made on it."""
        return VirtualCard(self.folder / f"{person}-{entropy.bytes(3).hex()}")
