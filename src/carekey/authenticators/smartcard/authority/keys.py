"""Where the authority's own keys are: files, sealed under the master key, or a PKCS#11 token (`token_keys.py`)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from carekey.authenticators.smartcard.authority.signing import Key, PublicKey
from carekey.jose.sealing import Sealing

PURPOSE = "smartcard authority key: "


class KeyStore(Protocol):
    """By the name of the authority that signs with it."""

    def make(self, name: str) -> Key:
        """Raises: FileExistsError, if there is one of that name; OSError."""
        ...

    def load(self, name: str, certified: PublicKey) -> Key:
        """`certified`: its public key, by its certificate. Raises: OSError; SealBroken; ValueError, if it is another."""
        ...


@dataclass(frozen=True, slots=True)
class FileKeys:
    """A `KeyStore`."""

    folder: Path
    sealing: Sealing

    def make(self, name: str) -> Key:
        key = new_key()
        save(self._file(name), key, self.sealing)
        return key

    def load(self, name: str, certified: PublicKey) -> Key:
        key = load(self._file(name), self.sealing)
        if key.public_key() != certified:
            raise ValueError(name)
        return key

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.key"


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP384R1())


def save(file: Path, key: Key, sealing: Sealing) -> None:
    """Raises: FileExistsError; a key that is replaced takes every card that it signed along."""
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = sealing.seal(plain, purpose=PURPOSE + file.name)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(sealed)
        out.flush()
        os.fsync(out.fileno())


def load(file: Path, sealing: Sealing) -> Key:
    """Raises: OSError; SealBroken."""
    key = load_der_private_key(sealing.open(file.read_bytes(), purpose=PURPOSE + file.name), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key
