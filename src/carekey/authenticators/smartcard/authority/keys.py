"""Where the authority's own keys are: a file, sealed under the master key, or a PKCS#11 token."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from carekey.authenticators.smartcard.authority.signing import Key
from carekey.jose.sealing import Sealing

PURPOSE = "smartcard authority key: "


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
