"""A push message that its browser alone can read (RFC 8291), as one record of aes128gcm (RFC 8188)."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4096
"""RFC 8291 section 4: push services need not take more."""
AUTH_SIZE = 16
SALT_SIZE = 16
LONGEST = RECORD_SIZE - 16 - 1 - (SALT_SIZE + 4 + 1 + 65)
"""Bytes of text: what its tag, its delimiter and the header leave of one record that is the whole message."""


def browsers_key(p256dh: bytes) -> ec.EllipticCurvePublicKey:
    """Raises: ValueError, for anything but an uncompressed point of P-256 (section 3.1)."""
    if len(p256dh) != 65:
        raise ValueError("no uncompressed point of P-256")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)


def encrypt(text: bytes, *, p256dh: bytes, auth: bytes, key: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """The body of the request. `p256dh` and `auth` come with the subscription; `key` and `salt` are for this message
    alone. Raises: ValueError, if any of them has not the form that it must have."""
    if len(text) > LONGEST or len(auth) != AUTH_SIZE or len(salt) != SALT_SIZE:
        raise ValueError("the text is too long, or the salt or the secret has another size")
    theirs = browsers_key(p256dh)
    ours = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    # RFC 8291 section 3.4
    shared = key.exchange(ec.ECDH(), theirs)
    ikm = _derived(shared, salt=auth, info=b"WebPush: info\0" + p256dh + ours, size=32)
    # RFC 8188 sections 2.2 and 2.3; the first record has the nonce as it is
    content_key = _derived(ikm, salt=salt, info=b"Content-Encoding: aes128gcm\0", size=16)
    nonce = _derived(ikm, salt=salt, info=b"Content-Encoding: nonce\0", size=12)
    # RFC 8188 section 2.1, and the delimiter of the last record of section 2
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(content_key).encrypt(nonce, text + b"\x02", None)


def _derived(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(secret)
