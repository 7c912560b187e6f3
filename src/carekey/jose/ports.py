"""What the key ring needs of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.event import Recorder
from carekey.kernel.ids import IssuerName, KeyId


class Keys(Protocol):
    def list(self, issuer: IssuerName) -> Sequence[StoredKey]: ...

    def add(self, key: StoredKey) -> bool:
        """False, and no change, if the issuer already has a key of this algorithm in this state,
        unless the state is RETIRING: of two nodes that rotate at once, one wins."""
        ...

    def move(self, id: KeyId, *, was: KeyState, to: KeyState, at: datetime) -> bool:
        """True for exactly one caller."""
        ...

    def remove(self, id: KeyId) -> bool: ...


class KeysTx(Protocol):
    @property
    def keys(self) -> Keys: ...
    @property
    def audit(self) -> Recorder: ...
