"""What the measured application does for itself: signs its assertions and reads its ID tokens."""

import base64
import json
import time
import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CLIENT_ID = "bench"
LASTING = "bench-lasting"
"""The same application, registered for refresh tokens too."""
API, API_SECRET = "bench-api", "only for measuring"
"""An API that introspects tokens."""
REDIRECT = "https://ward.example/callback"


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8))


@dataclass(frozen=True, slots=True)
class Key:
    """An RSA key of 2048 bits and its JWKs."""

    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def public_jwk(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        return {"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": "AQAB"}

    @property
    def private_jwk(self) -> dict[str, str]:
        numbers = self.private.private_numbers()
        parts = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1}
        return self.public_jwk | {name: _number(value) for name, value in (parts | {"qi": numbers.iqmp}).items()}

    def assertion(self, audience: str, client: str = CLIENT_ID) -> str:
        """A client assertion for `private_key_jwt` (OpenID Connect Core section 9)."""
        now = int(time.time())
        header = {"alg": "RS256", "kid": "bench", "typ": "JWT"}
        payload = {
            "iss": client,
            "sub": client,
            "aud": audience,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 60,
        }
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
        return f"{signed}.{base64url(self.private.sign(signed.encode(), PKCS1v15(), hashes.SHA256()))}"


@dataclass(frozen=True, slots=True)
class DpopKey:
    """A key on P-256 that tokens are bound to (RFC 9449)."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def proof(self, method: str, address: str) -> str:
        point = self.private.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(32)) for number in (point.x, point.y))
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": x, "y": y}}
        payload = {"jti": str(uuid.uuid4()), "htm": method, "htu": address, "iat": int(time.time())}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
        r, s = decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


def claims(token: str) -> dict[str, object]:
    """The payload of a JWT. Its signature is the business of tests, not of measurements."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
