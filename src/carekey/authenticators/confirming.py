"""What whoever wants a text confirmed may know of it: ask a person, look how it stands, take it back.

`authenticators/phone/confirmation` is one that does it, on a registered phone. Each verb is part of the caller's own
unit of work, so that what rests on an answer is stored together with it, or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from carekey.authenticators.base import Verified
from carekey.kernel.actor import Actor
from carekey.kernel.ids import ConfirmationId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`text`: 1 to 200 printable ASCII characters, shown exactly so; `application`: who asks, as the person knows it."""

    person: PersonId
    text: str
    application: str
    until: datetime
    by: Actor
    reference: str = ""
    picture: bytes = b""
    """The same content as a PNG image, for devices that show images alone. It must have the size and colours that the
    device's metadata names, or the device is not asked."""


class CannotAsk(StrEnum):
    PERSON = "person"
    """Nobody has this user ID, or they may not log in."""
    NO_DEVICE = "no_device"
    """They have no device that can show it."""
    TEXT = "text"
    """The text cannot be shown exactly as it is: nothing is transliterated silently."""
    TOO_MANY = "too_many"
    """So much waits for this person already that it could not be read with care."""


class Standing(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    """The person said no."""
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Whoever asked took it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`proof`: how the person proved who they are, if they confirmed. The evidence goes by the same id."""

    standing: Standing
    proof: Verified | None = None


TxT_contra = TypeVar("TxT_contra", contravariant=True)


class Confirming(Protocol[TxT_contra]):
    def can_ask(self, tx: TxT_contra, person: PersonId) -> bool:
        """Whether the person has a device that shows texts."""
        ...

    def ask(self, tx: TxT_contra, wanted: Wanted, *, id: ConfirmationId, now: datetime) -> CannotAsk | None:
        """Ask. `id` (128 random bits or more, as base64url text) is the caller's to make and keep."""
        ...

    def look(self, tx: TxT_contra, id: ConfirmationId, *, now: datetime) -> Answer | None:
        """How it stands. None if it is not known: five minutes after `until` it may be forgotten, the evidence not."""
        ...

    def answered(self, tx: TxT_contra, *, now: datetime) -> Mapping[ConfirmationId, Standing]:
        """Those that were confirmed or refused and would still wait otherwise: one question for all."""
        ...

    def withdraw(self, tx: TxT_contra, id: ConfirmationId, *, now: datetime, by: Actor) -> bool:
        """True for the one caller that ended it while it waited: a withdrawal and an answer at once, one wins."""
        ...
