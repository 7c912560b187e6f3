"""The master key, under which private keys are sealed: where it is, how it is made, and which keys come of it."""

import base64
import binascii
import hmac
import os
from pathlib import Path

from carekey.app.settings import Settings, SettingsError
from carekey.kernel.entropy import Entropy


def read(found: Settings) -> bytes:
    """Raises: SettingsError."""
    if found.keys.master is not None:
        return _decoded(found.keys.master, "keys.master")
    file = file_of(found)
    try:
        text = file.read_text(encoding="ascii")
    except OSError as error:
        raise SettingsError(f"The master key {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = ""
    return _decoded(text.strip(), str(file))


def write(file: Path, entropy: Entropy) -> None:
    """Raises: FileExistsError; a key that is replaced takes everything sealed under it along."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(base64.b64encode(entropy.bytes(32)).decode() + "\n")


def file_of(found: Settings) -> Path:
    return Path(found.keys.master_file) if found.keys.master_file else found.folder() / "master.key"


def derived(master: bytes, purpose: str, *, digest: str = "sha256") -> bytes:
    """A key of its own for each purpose: none says anything of another, and none of the master key."""
    return hmac.digest(master, f"carekey: {purpose}".encode(), digest)


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise SettingsError(f"The master key in {where} must be 32 bytes in base64.")
    return key
