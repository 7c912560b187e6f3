"""Nonces of the server's choice, so that proofs cannot be made long before they are used (RFC 9449 sections 8 and 9).

They are a MAC of the time under a key of the issuer's: every node makes and knows the same, and nothing is kept. The
token endpoint and our own resources share them, because clients keep one for each origin.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from carekey.jose import base64url

PERIOD = timedelta(minutes=2)
"""One is good in the period in which it was given out, and in the next."""


class Nonces:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def current(self, now: datetime) -> str:
        return self._of(_period(now))

    def good(self, nonce: str | None, now: datetime) -> bool:
        if nonce is None:
            return False
        number = _period(now)
        return any(hmac.compare_digest(nonce, self._of(one)) for one in (number, number - 1))

    def _of(self, number: int) -> str:
        return base64url.encode(hmac.digest(self._key, number.to_bytes(8, "big"), hashlib.sha256)).decode("ascii")


def _period(now: datetime) -> int:
    return int(now.timestamp() // PERIOD.total_seconds())
