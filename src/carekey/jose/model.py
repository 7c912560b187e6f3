"""A signing key as it is kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carekey.kernel.ids import IssuerName, KeyId


class KeyState(StrEnum):
    NEXT = "next"
    """Published, not yet used, so that relying parties have it before they need it."""
    ACTIVE = "active"
    RETIRING = "retiring"
    """Not used any more, published until the last token that it signed has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    id: KeyId
    issuer: IssuerName
    alg: str
    state: KeyState
    sealed: bytes
    """The private key, PKCS#8 DER, encrypted under the master key with the key id as associated data."""
    created_at: datetime
    changed_at: datetime
    """When it entered its present state."""
