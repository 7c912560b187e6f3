"""A log-in on one device that is approved on another. Pure (UAF reference sections 23.1 and 23.2).

The computer shows a code, by which the phone finds the approval, and a number, which the person types on the phone
before any UAF request is made: it ties the phone to the screen in front of the person.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from carekey.authenticators.base import Verified
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import LoginId, PersonId
from carekey.kernel.secret import digest

LIFETIME = timedelta(minutes=2)
_READABLE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH = 12


class State(StrEnum):
    WAITING = "waiting"
    OPENED = "opened"
    """A phone has it; no other can have it any more."""
    MATCHED = "matched"
    """The number was right, and the UAF request is on its way."""
    APPROVED = "approved"
    FINISHED = "finished"
    """The computer that asked has taken the proof."""
    REFUSED = "refused"
    WRONG_NUMBER = "wrong_number"
    FAILED = "failed"
    """The phone's answer did not hold."""
    ENDED = "ended"
    """It held, but other fingers or faces are enrolled than when the phone was registered: it has to be registered anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    code: bytes
    """The digest of the code that the computer shows."""
    salt: bytes
    """With the browser's own secret it makes the code again."""
    login: LoginId
    state: State = State.WAITING
    number: str
    application: str
    zone: str
    """The network zone of the computer, for the person to see."""
    person: PersonId | None
    """The only person who may approve, if the application named one."""
    levels: frozenset[AAL]
    asked_at: datetime
    expires_at: datetime
    holder: bytes = b""
    """The digest of the secret of the phone that opened it."""
    proof: Verified | None = None

    def held_by(self, secret: str) -> bool:
        return bool(self.holder) and hmac.compare_digest(self.holder, digest(secret))


def new_code(random: bytes) -> str:
    """60 of the bits as a text that a person can type: `ABCD-EFGH-JKLM`."""
    text = "".join(_READABLE[byte & 31] for byte in random[:_CODE_LENGTH])
    return "-".join(text[at : at + 4] for at in range(0, _CODE_LENGTH, 4))


def new_number(random: Callable[[int], bytes]) -> str:
    """Two digits, the first no zero."""
    return str(10 + int.from_bytes(random(4), "big") % 90)


def code_digest(code: str) -> bytes:
    """However the code was typed: small letters, blanks, no hyphens."""
    return digest("approval:" + "".join(letter for letter in code.upper() if letter in _READABLE))


def opened(approval: Approval, *, holder: str) -> Approval:
    return replace(approval, state=State.OPENED, holder=digest(holder))


def numbered(approval: Approval, number: str) -> Approval:
    """One try: who guesses has one chance in ninety, and the person at the computer sees that somebody tried."""
    right = hmac.compare_digest(approval.number.encode(), number.strip().encode())
    return replace(approval, state=State.MATCHED if right else State.WRONG_NUMBER)
