"""What confirming needs of a store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from carekey.authenticators.phone.confirmation.model import Confirmation, Device, Evidence, State
from carekey.kernel.ids import ConfirmationId, PersonId


class Confirmations(Protocol):
    def ask(self, confirmation: Confirmation) -> None: ...

    def find(self, id: ConfirmationId) -> Confirmation | None:
        """Expired ones included, until they are swept."""
        ...

    def pending(self, person: PersonId, *, now: datetime) -> Sequence[Confirmation]:
        """Those that wait for this person and have not expired, oldest first."""
        ...

    def change(self, confirmation: Confirmation, *, was: State) -> bool:
        """Replace the one with this id if its state is still `was`: of simultaneous callers exactly one gets True."""
        ...

    def moved(self, *, now: datetime) -> Mapping[ConfirmationId, State]:
        """The state of each that waits no more and has not expired: one question for everybody who watches."""
        ...


class Evidences(Protocol):
    def keep(self, evidence: Evidence) -> None:
        """For good."""
        ...

    def find(self, id: ConfirmationId) -> Evidence | None: ...

    def of_person(self, person: PersonId, *, limit: int) -> Sequence[Evidence]:
        """The latest first."""
        ...


class Devices(Protocol):
    def know(self, device: Device) -> bool:
        """Keep the secret of a registered phone; a newer one takes the place of the older.
        False, and no change, if another phone has this secret."""
        ...

    def find(self, digest: bytes) -> Device | None:
        """The phone, even if its registration has ended since: the caller asks for that."""
        ...


class ConfirmationTx(Protocol):
    @property
    def confirmations(self) -> Confirmations: ...
    @property
    def evidences(self) -> Evidences: ...
    @property
    def devices(self) -> Devices: ...
