"""Where phones want to be told that something waits."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, select, tuple_, update

from carekey.authenticators.phone.confirmation.model import State
from carekey.authenticators.phone.push.model import Subscription
from carekey.kernel.ids import CredentialId, PersonId
from carekey.storage.encoding import from_micros, to_micros
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.dialect import ONE, Dialect, at_most
from carekey.storage.sql.schema import confirmations, push_subscriptions


class _SubscriptionsSql:
    def __init__(self, dialect: Dialect) -> None:
        c, asked = push_subscriptions.c, confirmations.c
        self.put = dialect.put(push_subscriptions, "credential")
        self.find = dialect.text(select(push_subscriptions).where(c.credential == bindparam("this")), "this")
        self.remove = dialect.text(
            delete(push_subscriptions).where(c.credential == bindparam("this"), c.endpoint == bindparam("at")),
            *("this", "at"),
        )
        self.due = dialect.text(
            at_most(
                select(push_subscriptions)
                .where(
                    tuple_(c.told_at, c.credential) > tuple_(bindparam("after_at"), bindparam("after_one")),
                    exists(ONE).where(
                        asked.person == c.person,
                        asked.expires_at > bindparam("now"),
                        asked.state == bindparam("pending"),
                        asked.asked_at > c.told_at,
                    ),
                )
                .order_by(c.told_at, c.credential)
            ),
            *("after_at", "after_one", "now", "pending", "limit"),
        )
        self.tell = dialect.text(
            update(push_subscriptions)
            .values(told_at=bindparam("until"))
            .where(c.credential == bindparam("this"), c.endpoint == bindparam("at"), c.told_at == bindparam("was")),
            *("until", "this", "at", "was"),
        )


class Subscriptions:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_SubscriptionsSql)

    def put(self, subscription: Subscription) -> None:
        row = (
            subscription.credential,
            subscription.person,
            subscription.endpoint,
            subscription.p256dh,
            subscription.auth,
            to_micros(subscription.told_at),
        )
        self._connection.run(self._sql.put, row)

    def find(self, credential: CredentialId) -> Subscription | None:
        row = self._connection.one(self._sql.find, (credential,))
        return None if row is None else _subscription(*row)

    def remove(self, credential: CredentialId, *, endpoint: str) -> bool:
        return self._connection.changed(self._sql.remove, (credential, endpoint)) == 1

    def due(self, *, now: datetime, limit: int, after: Subscription | None = None) -> Sequence[Subscription]:
        last = (0, "") if after is None else (to_micros(after.told_at), after.credential)
        rows = self._connection.all(self._sql.due, (*last, to_micros(now), State.PENDING.value, limit))
        return [_subscription(*row) for row in rows]

    def tell(self, subscription: Subscription, *, until: datetime) -> bool:
        row = (to_micros(until), subscription.credential, subscription.endpoint, to_micros(subscription.told_at))
        return self._connection.changed(self._sql.tell, row) == 1


def _subscription(
    credential: str, person: str, endpoint: str, p256dh: bytes, auth: bytes, told_at: int
) -> Subscription:
    return Subscription(
        credential=CredentialId(credential),
        person=PersonId(person),
        endpoint=endpoint,
        p256dh=bytes(p256dh),
        auth=bytes(auth),
        told_at=from_micros(told_at),
    )
