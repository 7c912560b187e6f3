"""What workstations need of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carekey.authenticators.smartcard.ports import Cards
from carekey.directory.ports import People
from carekey.kernel.event import Recorder
from carekey.sessions.ports import CardPlaces, LogoutDeliveries, Sessions
from carekey.workstations.model import Workstation, WorkstationId


class Workstations(Protocol):
    def add(self, workstation: Workstation) -> bool:
        """False, and no change, if the id is taken: of simultaneous callers exactly one gets True."""
        ...

    def find(self, id: WorkstationId) -> Workstation | None:
        """Revoked ones included."""
        ...

    def list(self) -> Sequence[Workstation]:
        """By name, revoked ones included."""
        ...

    def revoke(self, id: WorkstationId, *, at: datetime) -> bool:
        """True for the caller that did it."""
        ...

    def heard(self, id: WorkstationId, *, at: datetime) -> bool:
        """Note a statement that names this moment. False, and no change, if a later one or the same was noted, or the
        workstation is revoked: of simultaneous callers with the same moment exactly one gets True."""
        ...


class WorkstationTx(Protocol):
    @property
    def workstations(self) -> Workstations: ...
    @property
    def card_places(self) -> CardPlaces: ...
    @property
    def cards(self) -> Cards: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def logout_deliveries(self) -> LogoutDeliveries: ...
    @property
    def people(self) -> People: ...
    @property
    def audit(self) -> Recorder: ...
