"""Choosing a user code, comparing one, taking it away.

A short code does not withstand trying, however slow each try is. So its digest is sealed under the master key besides,
for its person: whoever has the database alone cannot begin, and nobody can give one person another's.
"""

from datetime import datetime

from carekey.authenticators.slow_digest import NOBODY, SlowDigests
from carekey.authenticators.user_code.events import UserCodeChosen, UserCodeRemoved
from carekey.authenticators.user_code.model import UserCode
from carekey.authenticators.user_code.ports import Tx
from carekey.directory.model import PersonStatus
from carekey.jose.sealing import SealBroken, Sealing
from carekey.kernel.actor import Actor
from carekey.kernel.ids import PersonId


class CodeDigests:
    """Raises `slow_digest.TooBusy` throughout."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing
        self._slow = SlowDigests()

    async def make(self, code: str, person: PersonId, *, now: datetime) -> UserCode:
        hashed = await self._slow.make(code)
        return UserCode(
            person=person, sealed=self._sealing.seal(hashed.encode(), purpose=_purpose(person)), chosen_at=now
        )

    async def matches(self, kept: UserCode | None, code: str) -> bool:
        """Takes as long if there is none."""
        return await self._slow.matches(self._opened(kept), code)

    def _opened(self, kept: UserCode | None) -> str:
        if kept is None:
            return NOBODY
        try:
            return self._sealing.open(kept.sealed, purpose=_purpose(kept.person)).decode()
        except SealBroken:  # its master key is gone: the person chooses another
            return NOBODY


def choose(tx: Tx, code: UserCode, *, by: Actor, now: datetime, reference: str = "") -> bool:
    """False, and no change, if its person may not log in."""
    person = tx.people.find(code.person)
    if person is None or person.status is not PersonStatus.ACTIVE:
        return False
    tx.user_codes.put(code)
    tx.audit.record(UserCodeChosen(at=now, actor=by, reference=reference, person=code.person))
    return True


def remove(tx: Tx, person: PersonId, *, by: Actor, now: datetime, reference: str = "") -> bool:
    """Whether there was one."""
    if not tx.user_codes.remove(person):
        return False
    tx.audit.record(UserCodeRemoved(at=now, actor=by, reference=reference, person=person))
    return True


def _purpose(person: PersonId) -> str:
    return f"user code of {person}"
