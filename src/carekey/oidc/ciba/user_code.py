"""`user_code`: who asks for a person has to bring a code that the person gave them (CIBA Core section 7.1).

The client's registration says whether it is needed (section 4); what any other client sends is passed over. A wrong
code, none, and nobody of that user ID are one answer, and take as long. Tries are counted for one client and one
person: a client that guesses is stopped, and stops nobody but itself. That person's other applications, the page
/requests, their phone and every way to log in know nothing of it.
"""

from datetime import datetime, timedelta

from carekey.authenticators.ports import Failures
from carekey.authenticators.slow_digest import TooBusy
from carekey.authenticators.user_code import code
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.authenticators.user_code.model import UserCode
from carekey.kernel import actor
from carekey.kernel.ids import PersonId
from carekey.kernel.unit_of_work import Store
from carekey.oidc.ciba.errors import InvalidUserCode, MissingUserCode, Reason, TooManyWrongCodes
from carekey.oidc.ciba.events import UserCodeRefused
from carekey.oidc.ciba.ports import CibaTx
from carekey.oidc.errors import OAuthError, TemporarilyUnavailable
from carekey.oidc.errors import Reason as Wrong
from carekey.oidc.model import Client

TRIES, TRIES_IN = 5, timedelta(minutes=15)
TRIES_A_DAY = 20
"""Far below the hundred in a row of NIST SP 800-63B section 5.2.2; a right code begins the count afresh."""


class UserCodeCheck:
    def __init__(self, *, store: Store[CibaTx], digests: CodeDigests) -> None:
        self._store = store
        self._digests = digests

    async def check(
        self, given: str | None, client: Client, person: PersonId, *, now: datetime, reference: str
    ) -> None:
        """Raises: MissingUserCode; InvalidUserCode and TooManyWrongCodes, after recording it."""
        if not client.ciba_user_code:
            return
        if given is None:
            raise MissingUserCode(reason=Reason.USER_CODE_MISSING)

        def look(tx: CibaTx) -> tuple[bool, UserCode | None]:
            return exhausted(tx.failures, client, person, now=now), tx.user_codes.find(person)

        stopped, kept = await self._store.read(look)
        if not stopped and await self._matches(kept, given):
            return

        def refuse(tx: CibaTx) -> OAuthError:
            # Its own count says whether this try was one too many, however many come at once.
            error = _too_many() if stopped or _failed(tx.failures, client, person, now=now) else _wrong()
            tx.audit.record(
                UserCodeRefused(
                    at=now,
                    actor=actor.client(client.id),
                    reference=reference,
                    issuer=client.issuer,
                    client=client.id,
                    person=person,
                    reason=error.reason,
                )
            )
            return error

        raise await self._store.write(refuse)

    async def _matches(self, kept: UserCode | None, given: str) -> bool:
        read = code.read(given)
        try:
            return await self._digests.matches(kept, read or "") and read is not None
        except TooBusy:
            raise TemporarilyUnavailable(reason=Wrong.UNAVAILABLE) from None


def accept(failures: Failures, client: Client, person: PersonId, *, now: datetime) -> None:
    """For a code that was right, in the transaction that makes use of it. Raises: TooManyWrongCodes, if so many others
    were tried meanwhile."""
    if client.ciba_user_code:
        if exhausted(failures, client, person, now=now):
            raise _too_many()
        for key, _, _ in _counts(client, person):
            failures.clear(key)


def exhausted(failures: Failures, client: Client, person: PersonId, *, now: datetime) -> bool:
    return any(failures.count(key, now=now) >= most for key, most, _ in _counts(client, person))


def _failed(failures: Failures, client: Client, person: PersonId, *, now: datetime) -> bool:
    """Count one more; whether that was more than may be."""
    counted = [failures.add(key, now=now, until=now + within) > most for key, most, within in _counts(client, person)]
    return any(counted)


def _counts(client: Client, person: PersonId) -> tuple[tuple[str, int, timedelta], ...]:
    whose = f"{client.issuer}:{client.id}:{person}"
    return (
        (f"user-code:{whose}", TRIES, TRIES_IN),
        (f"user-code-day:{whose}", TRIES_A_DAY, timedelta(days=1)),
    )


def _wrong() -> OAuthError:
    return InvalidUserCode(reason=Reason.USER_CODE)


def _too_many() -> OAuthError:
    return TooManyWrongCodes(reason=Reason.TOO_MANY_WRONG_CODES)
