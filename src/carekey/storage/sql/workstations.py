"""Workstations, and the cards in their readers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from carekey.kernel.ids import CredentialId
from carekey.sessions.model import CardPlace
from carekey.storage.encoding import from_micros, maybe_from_micros, maybe_to_micros, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import card_places, workstations
from carekey.storage.store import PLACES_KEPT
from carekey.workstations.model import Workstation, WorkstationId


def _workstation(row: Row) -> Workstation:
    id, name, key, enrolled_at, heard_at, revoked_at = row
    return Workstation(
        id=id,
        name=name,
        key=key,
        enrolled_at=from_micros(enrolled_at),
        heard_at=from_micros(heard_at),
        revoked_at=maybe_from_micros(revoked_at),
    )


class _WorkstationsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = workstations.c
        this, believed = c.id == bindparam("this"), c.revoked_at.is_(None)
        self.add = dialect.add_new(workstations, "id")
        self.find = dialect.text(select(*c).where(this), "this")
        self.list = dialect.text(select(*c).order_by(c.name, c.id))
        self.revoke = dialect.text(
            update(workstations).values(revoked_at=bindparam("at")).where(this, believed), "at", "this"
        )
        self.heard = dialect.text(
            update(workstations).values(heard_at=bindparam("at")).where(this, believed, c.heard_at < bindparam("then")),
            *("at", "this", "then"),
        )


class Workstations:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_WorkstationsSql)

    def add(self, workstation: Workstation) -> bool:
        row = (
            workstation.id,
            workstation.name,
            workstation.key,
            to_micros(workstation.enrolled_at),
            to_micros(workstation.heard_at),
            maybe_to_micros(workstation.revoked_at),
        )
        return self._connection.changed(self._sql.add, row) == 1

    def find(self, id: WorkstationId) -> Workstation | None:
        row = self._connection.one(self._sql.find, (id,))
        return None if row is None else _workstation(row)

    def list(self) -> Sequence[Workstation]:
        return [_workstation(row) for row in self._connection.all(self._sql.list, ())]

    def revoke(self, id: WorkstationId, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.revoke, (to_micros(at), id)) == 1

    def heard(self, id: WorkstationId, *, at: datetime) -> bool:
        moment = to_micros(at)
        return self._connection.changed(self._sql.heard, (moment, id, moment)) == 1


def _place(row: Row) -> CardPlace:
    card, workstation, since, left_at, _ = row
    return CardPlace(card=card, workstation=workstation, since=from_micros(since), left_at=maybe_from_micros(left_at))


class _CardPlacesSql:
    def __init__(self, dialect: Dialect) -> None:
        c = card_places.c
        this = c.card == bindparam("this")
        here = (this, c.workstation == bindparam("here"), c.left_at.is_(None))
        self.find = dialect.text(select(*c).where(this), "this")
        # Against a removal at the same moment: PostgreSQL waits for it, SQLite has one writer.
        self.hold = dialect.text(select(*c).where(this).with_for_update(read=True), "this")
        self.at = dialect.text(
            select(*c).where(c.workstation == bindparam("here"), c.left_at.is_(None)).order_by(c.card), "here"
        )
        self.put_in = dialect.put(card_places, "card")
        self.take_out = dialect.text(
            update(card_places).values(left_at=bindparam("at"), expires_at=bindparam("until")).where(*here),
            *("at", "until", "this", "here"),
        )
        self.forget = dialect.text(delete(card_places).where(*here), "this", "here")


class CardPlaces:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_CardPlacesSql)

    def find(self, card: CredentialId) -> CardPlace | None:
        return self._one(self._sql.find, card)

    def hold(self, card: CredentialId) -> CardPlace | None:
        return self._one(self._sql.hold, card)

    def at(self, workstation: str) -> Sequence[CardPlace]:
        return [_place(row) for row in self._connection.all(self._sql.at, (workstation,))]

    def put_in(self, card: CredentialId, workstation: str, *, at: datetime) -> None:
        self._connection.run(self._sql.put_in, (card, workstation, to_micros(at), None, None))

    def take_out(self, card: CredentialId, workstation: str, *, at: datetime) -> bool:
        row = (to_micros(at), to_micros(at + PLACES_KEPT), card, workstation)
        return self._connection.changed(self._sql.take_out, row) == 1

    def forget(self, card: CredentialId, workstation: str) -> bool:
        return self._connection.changed(self._sql.forget, (card, workstation)) == 1

    def _one(self, sql: str, card: CredentialId) -> CardPlace | None:
        row = self._connection.one(sql, (card,))
        return None if row is None else _place(row)
