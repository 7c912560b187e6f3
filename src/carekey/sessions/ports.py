"""What sessions need of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carekey.kernel.event import Recorder
from carekey.kernel.ids import ClientId, PersonId, RoleProfileId, SessionId
from carekey.sessions.model import Proof, Session


class Sessions(Protocol):
    def find(self, digest: bytes) -> Session | None:
        """The session whose cookie has this digest, ended ones included."""
        ...

    def get(self, id: SessionId) -> Session | None: ...

    def start(self, session: Session) -> None: ...

    def use(self, id: SessionId, *, at: datetime, role: RoleProfileId | None) -> bool:
        """Note that it was used, and the role now in force. False if it has ended."""
        ...

    def renew(self, id: SessionId, *, digest: bytes, proof: Proof, at: datetime, role: RoleProfileId | None) -> bool:
        """The same person proved again who they are: the session goes on under a new secret, resting on the new
        proof, so that what applications received in it stays good. False if it has ended."""
        ...

    def end(self, id: SessionId, *, at: datetime) -> bool:
        """True for the caller that ended it. What was issued in it stops working with it."""
        ...

    def of_person(self, person: PersonId) -> Sequence[Session]:
        """Those that have not been ended."""
        ...

    def joined(self, id: SessionId, client: ClientId) -> None:
        """Note that a client received tokens in this session. Doing it twice changes nothing."""
        ...

    def clients_of(self, id: SessionId) -> Sequence[ClientId]: ...


class SessionTx(Protocol):
    @property
    def sessions(self) -> Sessions: ...
    @property
    def audit(self) -> Recorder: ...
