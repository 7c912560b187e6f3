"""Who sends a push message, as its push service is told (RFC 8292)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from carekey.jose import base64url

LIFETIME = timedelta(hours=12)
"""Section 2: not more than 24 hours; what is left is for clocks that are wrong."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Vapid:
    key: ec.EllipticCurvePrivateKey
    contact: str
    """Where the push service finds the operator: a mailto: or https: address (section 2.1)."""

    @property
    def public(self) -> str:
        """The `applicationServerKey` of a subscription (section 4.1), and `k` (section 3.2)."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64url.encode(point).decode()

    def authorization(self, endpoint: str, *, now: datetime) -> str:
        """The value of the header `authorization` for this push resource alone (section 3)."""
        claims = {"aud": origin(endpoint), "exp": int((now + LIFETIME).timestamp()), "sub": self.contact}
        parts = ({"typ": "JWT", "alg": "ES256"}, claims)
        signed = b".".join(base64url.encode(json.dumps(part).encode()) for part in parts)
        r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(SHA256())))
        signature = base64url.encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={signed.decode()}.{signature.decode()}, k={self.public}"


def origin(endpoint: str) -> str:
    """Of an address, as RFC 6454 section 6.1 writes it: without the port that its scheme has anyway."""
    parts = urlsplit(endpoint)
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default)}"


def key_from(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """The same key from the same 48 secret bytes, each as likely as any other (FIPS 186-5 appendix A.2.1)."""
    if len(seed) != 48:
        raise ValueError("48 bytes make a key of P-256")
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
