"""Texts to confirm, evidence, and the phones that show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, exists, select, update

from carekey.authenticators.phone.confirmation.model import Confirmation, Device, Evidence, State
from carekey.kernel.ids import ConfirmationId, CredentialId, PersonId
from carekey.storage.encoding import from_micros, to_json, to_micros
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.dialect import ONE, Dialect, at_most
from carekey.storage.sql.schema import confirmations, evidence, phone_devices

_confirmation = msgspec.json.Decoder(Confirmation)


class _ConfirmationsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = confirmations.c
        self.add = dialect.add(confirmations)
        self.find = dialect.text(select(c.data).where(c.id == bindparam("this")), "this")
        self.pending = dialect.text(
            select(c.data)
            .where(c.person == bindparam("whose"), c.expires_at > bindparam("now"), c.state == bindparam("pending"))
            .order_by(c.asked_at, c.id),
            *("whose", "now", "pending"),
        )
        self.change = dialect.text(
            update(confirmations)
            .values(state=bindparam("new"), data=bindparam("text"))
            .where(c.id == bindparam("this"), c.state == bindparam("was")),
            *("new", "text", "this", "was"),
        )
        self.moved = dialect.text(
            select(c.id, c.state).where(c.expires_at > bindparam("now"), c.state != bindparam("pending")),
            *("now", "pending"),
        )


class Confirmations:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_ConfirmationsSql)

    def ask(self, confirmation: Confirmation) -> None:
        row = (
            confirmation.id,
            confirmation.person,
            confirmation.state.value,
            to_json(confirmation),
            to_micros(confirmation.asked_at),
            to_micros(confirmation.expires_at),
        )
        self._connection.run(self._sql.add, row)

    def find(self, id: ConfirmationId) -> Confirmation | None:
        row = self._connection.one(self._sql.find, (id,))
        return None if row is None else _confirmation.decode(row[0])

    def pending(self, person: PersonId, *, now: datetime) -> Sequence[Confirmation]:
        rows = self._connection.all(self._sql.pending, (person, to_micros(now), State.PENDING.value))
        return [_confirmation.decode(row[0]) for row in rows]

    def change(self, confirmation: Confirmation, *, was: State) -> bool:
        row = (confirmation.state.value, to_json(confirmation), confirmation.id, was.value)
        return self._connection.changed(self._sql.change, row) == 1

    def moved(self, *, now: datetime) -> Mapping[ConfirmationId, State]:
        rows = self._connection.all(self._sql.moved, (to_micros(now), State.PENDING.value))
        return {id: State(state) for id, state in rows}


class _EvidencesSql:
    def __init__(self, dialect: Dialect) -> None:
        c = evidence.c
        self.add = dialect.add(evidence)
        self.find = dialect.text(select(evidence).where(c.id == bindparam("this")), "this")
        self.of_person = dialect.text(
            at_most(
                select(evidence).where(c.person == bindparam("whose")).order_by(c.confirmed_at.desc(), c.id.desc())
            ),
            *("whose", "limit"),
        )


class Evidences:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_EvidencesSql)

    def keep(self, evidence: Evidence) -> None:
        row = (
            evidence.id,
            evidence.person,
            evidence.application,
            to_micros(evidence.confirmed_at),
            evidence.document,
        )
        self._connection.run(self._sql.add, row)

    def find(self, id: ConfirmationId) -> Evidence | None:
        row = self._connection.one(self._sql.find, (id,))
        return None if row is None else _evidence(*row)

    def of_person(self, person: PersonId, *, limit: int) -> Sequence[Evidence]:
        return [_evidence(*row) for row in self._connection.all(self._sql.of_person, (person, limit))]


def _evidence(id: str, person: str, application: str, confirmed_at: int, document: str) -> Evidence:
    return Evidence(
        id=ConfirmationId(id),
        person=PersonId(person),
        application=application,
        confirmed_at=from_micros(confirmed_at),
        document=document,
    )


class _DevicesSql:
    def __init__(self, dialect: Dialect) -> None:
        c = phone_devices.c
        self.forget = dialect.text(
            delete(phone_devices).where(
                c.credential == bindparam("this"),
                ~exists(ONE).where(phone_devices.alias("other").c.digest == bindparam("secret")),
            ),
            *("this", "secret"),
        )
        self.add = dialect.add_new(phone_devices)
        self.find = dialect.text(select(phone_devices).where(c.digest == bindparam("secret")), "secret")


class Devices:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_DevicesSql)

    def know(self, device: Device) -> bool:
        self._connection.run(self._sql.forget, (device.credential, device.digest))
        self._connection.run(self._sql.add, (device.credential, device.digest, device.person))
        return self.find(device.digest) == device

    def find(self, digest: bytes) -> Device | None:
        row = self._connection.one(self._sql.find, (digest,))
        if row is None:
            return None
        credential, digest, person = row
        return Device(credential=CredentialId(credential), digest=bytes(digest), person=PersonId(person))
