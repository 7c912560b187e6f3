"""What authenticators need of a store, and of whoever runs the attempt."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from carekey.authenticators.base import Attempt, Challenge, Credential, Enrolment, Verified
from carekey.directory.ports import People
from carekey.kernel.event import Recorder
from carekey.kernel.ids import CredentialId, LoginId, PersonId, SessionId
from carekey.kernel.secret import Secret


class Credentials(Protocol):
    def find(self, kind: str, handle: bytes) -> Credential | None:
        """The credential, revoked ones included: the caller says why it refuses them."""
        ...

    def held_by(self, person: PersonId) -> Sequence[Credential]:
        """Those that are not revoked, oldest first."""
        ...

    def add(self, credential: Credential) -> bool:
        """Keep a new credential. False, and no change, if the kind already has this handle:
        of simultaneous callers exactly one gets True."""
        ...

    def advance(self, id: CredentialId, *, counter: int, at: datetime) -> bool:
        """Note a use. True if the signature counter rose above the stored one, or both are 0.

        Of callers with the same counter exactly one gets True (WebAuthn level 3 section 6.1.1).
        False changes nothing. A revoked credential is never advanced."""
        ...

    def replace(self, id: CredentialId, *, data: bytes, was: bytes) -> bool:
        """Change `data` if it is still `was`."""
        ...

    def revoke(self, id: CredentialId, *, at: datetime) -> bool:
        """True for the caller that ended it, False if it was ended before or does not exist."""
        ...


class Challenges(Protocol):
    def put(self, challenge: Challenge) -> None: ...

    def take(self, digest: bytes, *, now: datetime) -> Challenge | None:
        """Remove and return it. None if unknown, taken before, or expired:
        of simultaneous callers exactly one gets it."""
        ...


class Enrolments(Protocol):
    def put(self, enrolment: Enrolment) -> None: ...

    def find(self, digest: bytes) -> Enrolment | None: ...

    def use(self, digest: bytes, *, now: datetime) -> bool:
        """True for exactly one caller, before it expires."""
        ...


class Ongoing(Protocol):
    """A session, as far as a link that was made in it looks at one."""

    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def locked_at(self) -> datetime | None: ...


class Sessions(Protocol):
    def get(self, id: SessionId) -> Ongoing | None: ...


class Failures(Protocol):
    """How often something has gone wrong lately, so that guessing becomes slow."""

    def add(self, key: str, *, now: datetime, until: datetime) -> int:
        """Count one more; the count starts afresh after `until` of its first failure. Returns the new count."""
        ...

    def count(self, key: str, *, now: datetime) -> int: ...

    def clear(self, key: str) -> None: ...


class AuthenticatorTx(Protocol):
    @property
    def credentials(self) -> Credentials: ...
    @property
    def challenges(self) -> Challenges: ...
    @property
    def enrolments(self) -> Enrolments: ...
    @property
    def failures(self) -> Failures: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def people(self) -> People: ...
    @property
    def audit(self) -> Recorder: ...


TxT_contra = TypeVar("TxT_contra", contravariant=True)


class Attempts(Protocol[TxT_contra]):
    """Whom an attempt is for, and how it ends. `login/attempts.py` is one; a desk check could be another."""

    def find(
        self, tx: TxT_contra, id: LoginId, *, browser: Secret | None, way: str, zone: str, now: datetime
    ) -> Attempt | None:
        """The attempt if it is open, was begun by this browser, and allows this way from this network zone."""
        ...

    def conclude(self, tx: TxT_contra, attempt: Attempt, proof: Verified) -> None:
        """Keep the proof. The caller then sends the browser to /login/{id}."""
        ...
