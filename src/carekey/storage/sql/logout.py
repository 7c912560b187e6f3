"""Logout deliveries."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update

from carekey.kernel.ids import ClientId, IssuerName, SessionId
from carekey.sessions.model import DeliveryState, LogoutDelivery, Session
from carekey.storage.encoding import from_micros, maybe_from_micros, maybe_to_micros, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import NUMBER, ONE, Dialect, at_most, given
from carekey.storage.sql.oidc import Clients
from carekey.storage.sql.schema import logout_deliveries
from carekey.storage.sql.sessions import Sessions


def _delivery(row: Row) -> LogoutDelivery:
    session, client, issuer, person, queued_at, tries, due_at, state, outcome, settled_at = row
    return LogoutDelivery(
        session=session,
        client=client,
        issuer=issuer,
        person=person,
        queued_at=from_micros(queued_at),
        tries=tries,
        due_at=maybe_from_micros(due_at),
        state=DeliveryState(state),
        outcome=outcome,
        settled_at=maybe_from_micros(settled_at),
    )


class _LogoutDeliveriesSql:
    def __init__(self, dialect: Dialect) -> None:
        c, now = logout_deliveries.c, given("now", NUMBER)
        of_client = (c.issuer == bindparam("in_issuer"), c.client == bindparam("of_client"))
        due = (c.due_at.is_not(None), c.due_at <= now)
        self.queue = dialect.add(logout_deliveries)
        self.due = dialect.text(select(c.issuer, c.client).where(*due).distinct().order_by(c.issuer, c.client), "now")
        first = at_most(select(c.session).where(*of_client, *due).order_by(c.due_at, c.session))
        self.claim = dialect.text(
            update(logout_deliveries)
            .values(tries=c.tries + ONE, due_at=bindparam("until"))
            # `due` once more: whoever had to wait for another's claim looks at the row as that one left it.
            .where(c.session.in_(first), *of_client, *due)
            .returning(*c),
            *("until", "in_issuer", "of_client", "now", "limit", "in_issuer", "of_client", "now"),
        )
        self.settle = dialect.text(
            update(logout_deliveries)
            .values(
                state=bindparam("new_state"),
                outcome=bindparam("new_outcome"),
                due_at=bindparam("again_at"),
                settled_at=bindparam("at"),
            )
            .where(
                c.session == bindparam("in_session"),
                c.client == bindparam("of_client"),
                c.tries == bindparam("this_try"),
                c.due_at.is_not(None),
            ),
            *("again_at", "new_state", "new_outcome", "at", "in_session", "of_client", "this_try"),
        )
        self.of_session = dialect.text(
            select(*c).where(c.session == bindparam("in_session")).order_by(c.client), "in_session"
        )
        self.of_client = dialect.text(
            at_most(select(*c).where(*of_client).order_by(c.queued_at.desc(), c.session.desc())),
            *("in_issuer", "of_client", "limit"),
        )


class LogoutDeliveries:
    def __init__(self, connection: Connection, dialect: Dialect, sessions: Sessions, clients: Clients) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_LogoutDeliveriesSql)
        self._sessions = sessions
        self._clients = clients

    def queue(self, session: Session, *, at: datetime) -> None:
        moment = to_micros(at)
        for id in self._sessions.clients_of(session.id):
            client = self._clients.find(session.issuer, id)
            if client is None or client.backchannel_logout_uri is None:
                continue
            waiting = DeliveryState.WAITING.value
            row = (session.id, id, session.issuer, session.person, moment, 0, moment, waiting, "", None)
            self._connection.run(self._sql.queue, row)

    def due(self, *, now: datetime) -> Sequence[tuple[IssuerName, ClientId]]:
        return [(issuer, client) for issuer, client in self._connection.all(self._sql.due, (to_micros(now),))]

    def claim(
        self, issuer: IssuerName, client: ClientId, *, now: datetime, until: datetime, limit: int
    ) -> Sequence[LogoutDelivery]:
        moment = to_micros(now)
        values = (to_micros(until), issuer, client, moment, limit, issuer, client, moment)
        return sorted(map(_delivery, self._connection.all(self._sql.claim, values)), key=lambda row: row.session)

    def settle(
        self,
        delivery: LogoutDelivery,
        *,
        state: DeliveryState,
        outcome: str,
        at: datetime,
        again_at: datetime | None = None,
    ) -> bool:
        settled_at = None if state is DeliveryState.WAITING else at
        values = (
            maybe_to_micros(again_at),
            state.value,
            outcome,
            maybe_to_micros(settled_at),
            delivery.session,
            delivery.client,
            delivery.tries,
        )
        return self._connection.changed(self._sql.settle, values) == 1

    def of_session(self, id: SessionId) -> Sequence[LogoutDelivery]:
        return [_delivery(row) for row in self._connection.all(self._sql.of_session, (id,))]

    def of_client(self, issuer: IssuerName, client: ClientId, *, limit: int) -> Sequence[LogoutDelivery]:
        return [_delivery(row) for row in self._connection.all(self._sql.of_client, (issuer, client, limit))]
