"""What log-in with a phone needs of a store besides what every authenticator does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from carekey.authenticators.phone.approval import Approval, State
from carekey.authenticators.ports import AuthenticatorTx
from carekey.kernel.ids import LoginId


class Approvals(Protocol):
    def ask(self, approval: Approval) -> None:
        """Keep a new one. What the same log-in asked before is forgotten."""
        ...

    def find(self, code: bytes) -> Approval | None:
        """By the digest of its code; expired ones included."""
        ...

    def of(self, login: LoginId) -> Approval | None: ...

    def change(self, approval: Approval, *, was: State) -> bool:
        """Replace the one with this code if its state is still `was`: of simultaneous callers exactly one gets True."""
        ...

    def moved(self, *, now: datetime) -> Mapping[LoginId, State]:
        """The state of each that waits no more and has not expired: one question for everybody who watches."""
        ...


class UafKeys(Protocol):
    """Public keys that were ever registered, so that none is registered twice (UAF reference section 15.3)."""

    def claim(self, key: bytes) -> bool:
        """By the SHA-256 of its SubjectPublicKeyInfo. True for exactly one caller, ever."""
        ...


class PhoneTx(AuthenticatorTx, Protocol):
    @property
    def approvals(self) -> Approvals: ...
    @property
    def uaf_keys(self) -> UafKeys: ...
