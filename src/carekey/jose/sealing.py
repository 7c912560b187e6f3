"""Private keys at rest: AES-256-GCM under a master key, bound to what they are for."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carekey.kernel.entropy import Entropy

_VERSION = b"\x01"
_NONCE = 12
_TAG = 16


class SealBroken(Exception):
    """Sealed under another master key, for another purpose, or altered."""


class Sealing:
    """Seals with the first master key, opens with any, so that a master key can be replaced.

    Random 96-bit nonces are safe for 2^32 seals under one key (NIST SP 800-38D section 8.3); keys and secrets are
    sealed a few times a day.
    """

    def __init__(self, master: bytes, *older: bytes, entropy: Entropy) -> None:
        """Each master key is 32 bytes. Raises: ValueError."""
        if any(len(key) != 32 for key in (master, *older)):
            raise ValueError("a master key is 32 bytes")
        self._keys = [AESGCM(key) for key in (master, *older)]
        self._entropy = entropy

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        """`purpose` is authenticated, not kept: a sealed text moved to another place does not open."""
        nonce = self._entropy.bytes(_NONCE)
        return _VERSION + nonce + self._keys[0].encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """Raises: SealBroken."""
        if not sealed.startswith(_VERSION) or len(sealed) < 1 + _NONCE + _TAG:
            raise SealBroken
        nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        for key in self._keys:
            try:
                return key.decrypt(nonce, rest, purpose.encode())
            except InvalidTag:
                continue
        raise SealBroken
