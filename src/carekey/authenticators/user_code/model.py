"""A person's user code, as it is kept."""

from dataclasses import dataclass
from datetime import datetime

from carekey.kernel.ids import PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCode:
    person: PersonId
    sealed: bytes
    """Its slow digest, sealed."""
    chosen_at: datetime
