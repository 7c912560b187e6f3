"""Agreements to let applications see something."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, update

from carekey.kernel.ids import ClientId, IssuerName, PersonId
from carekey.login.model import Consent
from carekey.storage.encoding import from_micros, maybe_from_micros, maybe_to_micros, to_json, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import consents

_items = msgspec.json.Decoder(tuple[str, ...])


def _consent(row: Row) -> Consent:
    person, issuer, client, items, given_at, expires_at, withdrawn_at = row
    return Consent(
        person=person,
        issuer=issuer,
        client=client,
        items=_items.decode(items),
        given_at=from_micros(given_at),
        expires_at=from_micros(expires_at),
        withdrawn_at=maybe_from_micros(withdrawn_at),
    )


class _ConsentsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = consents.c
        this = (
            c.person == bindparam("in_person"),
            c.issuer == bindparam("in_issuer"),
            c.client == bindparam("of_client"),
        )
        key = ("in_person", "in_issuer", "of_client")
        self.find = dialect.text(select(*c).where(*this), *key)
        self.put = dialect.put(consents, "person", "issuer", "client")
        self.of_person = dialect.text(
            select(*c).where(c.person == bindparam("in_person")).order_by(c.issuer, c.client), "in_person"
        )
        self.withdraw = dialect.text(
            update(consents)
            .values(expires_at=bindparam("until"), withdrawn_at=bindparam("at"))
            .where(*this, c.withdrawn_at.is_(None)),
            *("until", "at"),
            *key,
        )


class Consents:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_ConsentsSql)

    def find(self, person: PersonId, issuer: IssuerName, client: ClientId) -> Consent | None:
        row = self._connection.one(self._sql.find, (person, issuer, client))
        return None if row is None else _consent(row)

    def put(self, consent: Consent) -> None:
        row = (
            consent.person,
            consent.issuer,
            consent.client,
            to_json(consent.items),
            to_micros(consent.given_at),
            to_micros(consent.expires_at),
            maybe_to_micros(consent.withdrawn_at),
        )
        self._connection.run(self._sql.put, row)

    def of_person(self, person: PersonId) -> Sequence[Consent]:
        return [_consent(row) for row in self._connection.all(self._sql.of_person, (person,))]

    def withdraw(self, consent: Consent, *, at: datetime, until: datetime) -> bool:
        values = (to_micros(until), to_micros(at), consent.person, consent.issuer, consent.client)
        return self._connection.changed(self._sql.withdraw, values) == 1
