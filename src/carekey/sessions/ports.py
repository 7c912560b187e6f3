"""What sessions need of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carekey.directory.ports import People
from carekey.kernel.event import Recorder
from carekey.kernel.ids import ClientId, CredentialId, IssuerName, PersonId, RoleProfileId, SessionId
from carekey.sessions.model import CardPlace, DeliveryState, LogoutDelivery, Proof, Session


class Sessions(Protocol):
    def find(self, digest: bytes) -> Session | None:
        """The session whose cookie has this digest, ended ones included."""
        ...

    def get(self, id: SessionId) -> Session | None: ...

    def start(self, session: Session) -> None: ...

    def use(self, id: SessionId, *, at: datetime, role: RoleProfileId | None) -> bool:
        """Note that it was used, and the role now in force. False if it has ended or is locked."""
        ...

    def renew(self, id: SessionId, *, digest: bytes, proof: Proof, at: datetime, role: RoleProfileId | None) -> bool:
        """The same person proved again who they are: the session goes on under a new secret, resting on the new
        proof and not locked, so that what applications received in it stays good. False if it has ended."""
        ...

    def lock(self, id: SessionId, *, at: datetime) -> bool:
        """Nobody uses it until it is renewed. True for the caller that locked it; what was issued in it stays."""
        ...

    def end(self, id: SessionId, *, at: datetime) -> bool:
        """True for the caller that ended it. What was issued in it stops working with it."""
        ...

    def of_person(self, person: PersonId) -> Sequence[Session]:
        """Those that have not been ended."""
        ...

    def joined(self, id: SessionId, client: ClientId) -> bool:
        """Note that a client received tokens in this session. Doing it twice changes nothing.

        False if the session has ended. Whoever ends it at the same moment sees the client, or the client sees the
        end: nobody is left with tokens and never told."""
        ...

    def clients_of(self, id: SessionId) -> Sequence[ClientId]: ...


class CardPlaces(Protocol):
    """Which card is in which workstation's reader."""

    def find(self, card: CredentialId) -> CardPlace | None:
        """Where it is, or was last."""
        ...

    def hold(self, card: CredentialId) -> CardPlace | None:
        """The same, for a transaction that writes: nobody takes it out before that ends."""
        ...

    def at(self, workstation: str) -> Sequence[CardPlace]:
        """What is in the reader of this workstation now, by card."""
        ...

    def put_in(self, card: CredentialId, workstation: str, *, at: datetime) -> None:
        """It is here from now on, wherever it was."""
        ...

    def take_out(self, card: CredentialId, workstation: str, *, at: datetime) -> bool:
        """True for exactly one caller, if it was here."""
        ...

    def forget(self, card: CredentialId, workstation: str) -> bool:
        """As `take_out`, but nothing is known of it afterwards."""
        ...


class LogoutDeliveries(Protocol):
    """Whom to tell of the end of a session, and what became of it."""

    def queue(self, session: Session, *, at: datetime) -> None:
        """One delivery, due at once, for each client of the session that has a back-channel logout address."""
        ...

    def due(self, *, now: datetime) -> Sequence[tuple[IssuerName, ClientId]]:
        """The clients that have something due."""
        ...

    def claim(
        self, issuer: IssuerName, client: ClientId, *, now: datetime, until: datetime, limit: int
    ) -> Sequence[LogoutDelivery]:
        """Take what is due in hand until then, one try more noted. Of simultaneous callers exactly one gets each."""
        ...

    def settle(
        self,
        delivery: LogoutDelivery,
        *,
        state: DeliveryState,
        outcome: str,
        at: datetime,
        again_at: datetime | None = None,
    ) -> bool:
        """Note how a try ended; `again_at` if it stays waiting. False, and no change, if the caller's time was up
        and another has taken it in hand since."""
        ...

    def of_session(self, id: SessionId) -> Sequence[LogoutDelivery]:
        """By client."""
        ...

    def of_client(self, issuer: IssuerName, client: ClientId, *, limit: int) -> Sequence[LogoutDelivery]:
        """The latest first."""
        ...


class SessionTx(Protocol):
    @property
    def sessions(self) -> Sessions: ...
    @property
    def logout_deliveries(self) -> LogoutDeliveries: ...
    @property
    def people(self) -> People: ...
    @property
    def audit(self) -> Recorder: ...
