"""Whether a client's certificate still counts, by the operator's policy (RFC 5280 section 6.3; RFC 8705 section 2.1).

Who looks it up is a port: the lists and responders are the same as for people's cards, and so is what reads them.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from carekey.oidc.errors import InvalidClient, Reason


class Policy(StrEnum):
    REQUIRE = "require"
    """What nothing current is known of is refused."""
    IF_AVAILABLE = "if_available"
    """Such a certificate counts; one that is known to be revoked does not."""
    OFF = "off"
    """Nobody asks."""


class Standing(StrEnum):
    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class LooksUp(Protocol):
    async def standing(self, path: Sequence[x509.Certificate], *, now: datetime) -> Standing:
        """Of a certificate and the authorities above it, up to the anchor."""
        ...


class Revocation:
    def __init__(self, policy: Policy, lookup: LooksUp) -> None:
        self._policy = policy
        self._lookup = lookup

    async def check(self, path: Sequence[x509.Certificate], *, now: datetime) -> None:
        """Raises: InvalidClient."""
        if self._policy is Policy.OFF:
            return
        match await self._lookup.standing(path, now=now):
            case Standing.REVOKED:
                raise InvalidClient(reason=Reason.CERTIFICATE_REVOKED)
            case Standing.UNKNOWN if self._policy is Policy.REQUIRE:
                raise InvalidClient(reason=Reason.REVOCATION_UNKNOWN)
            case _:
                pass
