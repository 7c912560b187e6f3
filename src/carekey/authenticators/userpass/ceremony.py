"""Checking a user name and password: words for refusals, and the pause after wrong tries."""

import hashlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from carekey.authenticators.base import Credential, Rejected, Verified
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import PersonId

KIND = "userpass"
TRIES = 5
PAUSE = timedelta(minutes=15)
LONGEST = 1024
"""Characters of a password. A longer one is wrong without being hashed."""


class Reason(StrEnum):
    WRONG = "wrong"
    PAUSED = "paused"
    REVOKED = "revoked"
    WRONG_PERSON = "wrong_person"
    LEVEL_NOT_ACCEPTED = "level_not_accepted"


def handle(user_name: str) -> bytes:
    """User names are the same in upper and lower case."""
    return user_name.strip().casefold().encode()


def finish(
    credential: Credential | None,
    *,
    matched: bool,
    expected_person: PersonId | None,
    accepted: frozenset[AAL],
    now: datetime,
) -> Verified | Rejected:
    """Judge a try, once the password has been compared."""
    if credential is None or not matched:
        return Rejected(why=Reason.WRONG)
    if credential.revoked_at is not None:
        return Rejected(why=Reason.REVOKED)
    if expected_person is not None and credential.person != expected_person:
        return Rejected(why=Reason.WRONG_PERSON)
    if AAL.AAL1 not in accepted:
        return Rejected(why=Reason.LEVEL_NOT_ACCEPTED)
    return Verified(
        person=credential.person, credential=credential.id, kind=KIND, aal=AAL.AAL1, amr=Amr.PASSWORD, at=now
    )


def window(user_name: str, now: datetime) -> tuple[str, datetime]:
    """The key under which tries for a user name are counted, and when the count starts afresh: at the next full quarter of
    an hour, so that every node can tell the clock time without asking. The name itself may be a mistyped password."""
    length = int(PAUSE.total_seconds())
    ends = datetime.fromtimestamp((int(now.timestamp()) // length + 1) * length, UTC)
    return f"userpass:{hashlib.sha256(handle(user_name)).hexdigest()[:32]}:{int(ends.timestamp())}", ends
