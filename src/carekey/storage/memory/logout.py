"""Logout deliveries."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.kernel.ids import ClientId, IssuerName, SessionId
from carekey.sessions.model import DeliveryState, LogoutDelivery, Session
from carekey.storage.memory.oidc import Clients
from carekey.storage.memory.sessions import Sessions
from carekey.storage.memory.table import Journal, Table


class LogoutDeliveries:
    def __init__(self, journal: Journal, sessions: Sessions, clients: Clients) -> None:
        self._rows: Table[tuple[SessionId, ClientId], LogoutDelivery] = Table(journal)
        self._sessions = sessions
        self._clients = clients

    def queue(self, session: Session, *, at: datetime) -> None:
        for id in self._sessions.clients_of(session.id):
            client = self._clients.find(session.issuer, id)
            if client is not None and client.backchannel_logout_uri is not None:
                row = LogoutDelivery(
                    session=session.id,
                    client=id,
                    issuer=session.issuer,
                    person=session.person,
                    queued_at=at,
                    due_at=at,
                )
                self._rows.insert((session.id, id), row)

    def due(self, *, now: datetime) -> Sequence[tuple[IssuerName, ClientId]]:
        return sorted({(row.issuer, row.client) for row in self._rows if row.due_at and row.due_at <= now})

    def claim(
        self, issuer: IssuerName, client: ClientId, *, now: datetime, until: datetime, limit: int
    ) -> Sequence[LogoutDelivery]:
        due = [
            (row.due_at, row.session, row)
            for row in self._rows
            if (row.issuer, row.client) == (issuer, client) and row.due_at and row.due_at <= now
        ]
        taken = [replace(row, tries=row.tries + 1, due_at=until) for *_, row in sorted(due)[:limit]]
        for row in taken:
            self._rows.set((row.session, row.client), row)
        return sorted(taken, key=lambda row: row.session)

    def settle(
        self,
        delivery: LogoutDelivery,
        *,
        state: DeliveryState,
        outcome: str,
        at: datetime,
        again_at: datetime | None = None,
    ) -> bool:
        key = (delivery.session, delivery.client)
        row = self._rows.get(key)
        if row is None or row.due_at is None or row.tries != delivery.tries:
            return False
        settled_at = None if state is DeliveryState.WAITING else at
        self._rows.set(key, replace(row, state=state, outcome=outcome, due_at=again_at, settled_at=settled_at))
        return True

    def of_session(self, id: SessionId) -> Sequence[LogoutDelivery]:
        return sorted((row for row in self._rows if row.session == id), key=lambda row: row.client)

    def of_client(self, issuer: IssuerName, client: ClientId, *, limit: int) -> Sequence[LogoutDelivery]:
        own = [row for row in self._rows if (row.issuer, row.client) == (issuer, client)]
        return sorted(own, key=lambda row: (row.queued_at, row.session), reverse=True)[:limit]

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.queued_at <= before, limit)
