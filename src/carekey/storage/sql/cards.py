"""Smartcards, their certificates, and what was fetched about revocation."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, select, update

from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, Purpose, WhyCancelled
from carekey.authenticators.smartcard.ports import StoredEvidence
from carekey.kernel.ids import PersonId
from carekey.storage.encoding import from_micros, maybe_from_micros, maybe_to_micros, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import card_certificates, cards, revocation_evidence


def _card(row: Row) -> Card:
    id, serial, person, profile, state, created_at, changed_at, why = row
    return Card(
        id=id,
        serial=serial,
        person=person,
        profile=profile,
        state=CardState(state),
        created_at=from_micros(created_at),
        changed_at=from_micros(changed_at),
        why_cancelled=None if why is None else WhyCancelled(why),
    )


def _certificate(row: Row) -> CardCertificate:
    issuer, serial, card, purpose, der, starts_at, ends_at, revoked_at, superseded_at = row
    return CardCertificate(
        issuer=issuer,
        serial=int(serial, 16),
        card=card,
        purpose=Purpose(purpose),
        der=der,
        starts_at=from_micros(starts_at),
        ends_at=from_micros(ends_at),
        revoked_at=maybe_from_micros(revoked_at),
        superseded_at=maybe_from_micros(superseded_at),
    )


class _CardsSql:
    def __init__(self, dialect: Dialect) -> None:
        c, of = cards.c, card_certificates.c
        this = c.id == bindparam("this")
        named = (of.issuer == bindparam("issuer"), of.serial == bindparam("number"))
        self.find = dialect.text(select(*c).where(this), "this")
        self.find_serial = dialect.text(select(*c).where(c.serial == bindparam("of")), "of")
        self.find_certificate = dialect.text(
            select(*c).join(card_certificates, of.card == c.id).where(*named), "issuer", "number"
        )
        self.held = dialect.text(
            select(*c).where(c.person == bindparam("holder")).order_by(c.created_at, c.id), "holder"
        )
        self.add = dialect.add_new(cards)
        self.move = dialect.text(
            update(cards)
            .values(state=bindparam("to"), changed_at=bindparam("at"), why_cancelled=bindparam("why"))
            .where(this, c.state == bindparam("was")),
            *("to", "at", "why", "this", "was"),
        )
        self.certificates = dialect.text(
            select(*of).where(of.card == bindparam("on")).order_by(of.starts_at, of.serial), "on"
        )
        self.add_certificate = dialect.add_new(card_certificates)
        self.supersede = dialect.text(
            update(card_certificates).values(superseded_at=bindparam("at")).where(*named, of.superseded_at.is_(None)),
            *("at", "issuer", "number"),
        )
        self.revoke = dialect.text(
            update(card_certificates)
            .values(revoked_at=bindparam("at"))
            .where(and_(of.card == bindparam("on"), of.revoked_at.is_(None))),
            *("at", "on"),
        )
        self.revoked = dialect.text(
            select(*of)
            .where(of.issuer == bindparam("by"), of.ends_at > bindparam("after"), of.revoked_at.is_not(None))
            .order_by(of.revoked_at, of.serial),
            *("by", "after"),
        )


class Cards:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_CardsSql)

    def find(self, id: CardId) -> Card | None:
        return self._one(self._sql.find, id)

    def find_serial(self, serial: str) -> Card | None:
        return self._one(self._sql.find_serial, serial)

    def find_certificate(self, issuer: bytes, serial: int) -> Card | None:
        return self._one(self._sql.find_certificate, issuer, f"{serial:x}")

    def held_by(self, person: PersonId) -> Sequence[Card]:
        return [_card(row) for row in self._connection.all(self._sql.held, (person,))]

    def add(self, card: Card) -> bool:
        row = (
            card.id,
            card.serial,
            card.person,
            card.profile,
            card.state.value,
            to_micros(card.created_at),
            to_micros(card.changed_at),
            card.why_cancelled and card.why_cancelled.value,
        )
        return self._connection.changed(self._sql.add, row) == 1

    def move(self, id: CardId, *, was: CardState, to: CardState, at: datetime, why: WhyCancelled | None = None) -> bool:
        values = (to.value, to_micros(at), why and why.value, id, was.value)
        return self._connection.changed(self._sql.move, values) == 1

    def certificates(self, id: CardId) -> Sequence[CardCertificate]:
        return [_certificate(row) for row in self._connection.all(self._sql.certificates, (id,))]

    def add_certificate(self, certificate: CardCertificate) -> bool:
        row = (
            certificate.issuer,
            f"{certificate.serial:x}",
            certificate.card,
            certificate.purpose.value,
            certificate.der,
            to_micros(certificate.starts_at),
            to_micros(certificate.ends_at),
            maybe_to_micros(certificate.revoked_at),
            maybe_to_micros(certificate.superseded_at),
        )
        return self._connection.changed(self._sql.add_certificate, row) == 1

    def supersede(self, issuer: bytes, serial: int, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.supersede, (to_micros(at), issuer, f"{serial:x}")) == 1

    def revoke_certificates(self, id: CardId, *, at: datetime) -> int:
        return self._connection.changed(self._sql.revoke, (to_micros(at), id))

    def revoked(self, issuer: bytes, *, after: datetime) -> Sequence[CardCertificate]:
        return [_certificate(row) for row in self._connection.all(self._sql.revoked, (issuer, to_micros(after)))]

    def _one(self, sql: str, *values: str | bytes) -> Card | None:
        row = self._connection.one(sql, values)
        return None if row is None else _card(row)


def _evidence(row: Row) -> StoredEvidence:
    key, der, fetched_at, until, expires_at = row
    return StoredEvidence(
        key=key,
        der=der,
        fetched_at=from_micros(fetched_at),
        until=from_micros(until),
        expires_at=from_micros(expires_at),
    )


class _RevocationEvidenceSql:
    def __init__(self, dialect: Dialect) -> None:
        c = revocation_evidence.c
        new = dialect.insert(revocation_evidence)
        self.find = dialect.text(
            select(*c).where(c.key == bindparam("this"), c.fetched_at > bindparam("than")), "this", "than"
        )
        self.since = dialect.text(
            select(*c).where(c.fetched_at >= bindparam("moment")).order_by(c.fetched_at, c.key), "moment"
        )
        self.put = dialect.text(
            new.on_conflict_do_update(
                index_elements=["key"],
                set_={column.name: new.excluded[column.name] for column in c if column.name != "key"},
                where=c.fetched_at < new.excluded.fetched_at,
            ),
            *c.keys(),
        )


class RevocationEvidence:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_RevocationEvidenceSql)

    def find(self, key: str, *, newer_than: datetime | None = None) -> StoredEvidence | None:
        row = self._connection.one(self._sql.find, (key, -1 if newer_than is None else to_micros(newer_than)))
        return None if row is None else _evidence(row)

    def since(self, moment: datetime) -> Sequence[StoredEvidence]:
        return [_evidence(row) for row in self._connection.all(self._sql.since, (to_micros(moment),))]

    def put(self, evidence: StoredEvidence) -> bool:
        row = (
            evidence.key,
            evidence.der,
            to_micros(evidence.fetched_at),
            to_micros(evidence.until),
            to_micros(evidence.expires_at),
        )
        return self._connection.changed(self._sql.put, row) == 1
