"""The one transaction over SQL, and its sweep."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, bindparam, delete, exists, select, tuple_

from carekey.storage.encoding import to_micros
from carekey.storage.sql.authenticators import Challenges, Credentials, Enrolments, Failures
from carekey.storage.sql.cards import Cards, RevocationEvidence
from carekey.storage.sql.confirmation import Confirmations, Devices, Evidences
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.consents import Consents
from carekey.storage.sql.decoupled import DecoupledRequests
from carekey.storage.sql.dialect import NUMBER, ONE, Dialect, at_most, given
from carekey.storage.sql.directory import Organisations, People, Positions, Roles
from carekey.storage.sql.logos import Logos
from carekey.storage.sql.logout import LogoutDeliveries
from carekey.storage.sql.metadata import MetadataBlobs
from carekey.storage.sql.oidc import (
    AccessTokens,
    Assertions,
    Clients,
    Codes,
    DpopProofs,
    InitialAccessTokens,
    PushedRequests,
    RefreshFamilies,
)
from carekey.storage.sql.phone import Approvals, UafKeys
from carekey.storage.sql.push import Subscriptions
from carekey.storage.sql.record import Audit, Keys
from carekey.storage.sql.schema import (
    access_tokens,
    approvals,
    assertions,
    card_places,
    challenges,
    codes,
    confirmations,
    consents,
    decoupled_requests,
    dpop_proofs,
    enrolments,
    failures,
    initial_access_tokens,
    logins,
    logout_deliveries,
    pushed_requests,
    refresh_families,
    revocation_evidence,
    session_clients,
    sessions,
)
from carekey.storage.sql.sessions import Logins, Sessions
from carekey.storage.sql.user_code import UserCodes
from carekey.storage.sql.workstations import CardPlaces, Workstations
from carekey.storage.store import DELIVERIES_KEPT, SESSIONS_KEPT, SWEEP_MARGIN


class SqlTx:
    """Made once for a connection and used for every transaction on it."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sweep = dialect.prepared(_SweepSql)
        self.people = People(connection, dialect)
        self.organisations = Organisations(connection, dialect)
        self.positions = Positions(connection, dialect)
        self.roles = Roles(connection, dialect)
        self.credentials = Credentials(connection, dialect)
        self.challenges = Challenges(connection, dialect)
        self.enrolments = Enrolments(connection, dialect)
        self.failures = Failures(connection, dialect)
        self.user_codes = UserCodes(connection, dialect)
        self.logos = Logos(connection, dialect)
        self.cards = Cards(connection, dialect)
        self.revocation = RevocationEvidence(connection, dialect)
        self.approvals = Approvals(connection, dialect)
        self.uaf_keys = UafKeys(connection, dialect)
        self.metadata_blobs = MetadataBlobs(connection, dialect)
        self.confirmations = Confirmations(connection, dialect)
        self.evidences = Evidences(connection, dialect)
        self.devices = Devices(connection, dialect)
        self.subscriptions = Subscriptions(connection, dialect)
        self.sessions = Sessions(connection, dialect)
        self.workstations = Workstations(connection, dialect)
        self.card_places = CardPlaces(connection, dialect)
        self.logins = Logins(connection, dialect)
        self.consents = Consents(connection, dialect)
        self.clients = Clients(connection, dialect)
        self.initial_access_tokens = InitialAccessTokens(connection, dialect)
        self.codes = Codes(connection, dialect)
        self.access_tokens = AccessTokens(connection, dialect)
        self.refresh_families = RefreshFamilies(connection, dialect)
        self.assertions = Assertions(connection, dialect)
        self.pushed_requests = PushedRequests(connection, dialect)
        self.dpop_proofs = DpopProofs(connection, dialect)
        self.decoupled_requests = DecoupledRequests(connection, dialect)
        self.logout_deliveries = LogoutDeliveries(connection, dialect, self.sessions, self.clients)
        self.keys = Keys(connection, dialect)
        self.audit = Audit(connection, dialect)

    def sweep(self, *, now: datetime, limit: int, sessions_kept: timedelta = SESSIONS_KEPT) -> int:
        before = to_micros(now - SWEEP_MARGIN)
        for sql in self._sweep.expired:
            if gone := self._connection.changed(sql, (before, limit)):
                return gone
        if gone := self._connection.changed(self._sweep.deliveries, (to_micros(now - DELIVERIES_KEPT), limit)):
            return gone
        since = to_micros(now - sessions_kept)
        old = self._connection.all(self._sweep.old_sessions, (since, since, limit))
        if old:
            self._connection.many(self._sweep.session_clients, old)
            self._connection.many(self._sweep.session, old)
        return len(old)


class _SweepSql:
    def __init__(self, dialect: Dialect) -> None:
        def oldest(table: Table, until: Column[Any], *also: ColumnElement[bool]) -> str:
            key = tuple(table.primary_key.columns)
            keys = at_most(select(*key).where(until <= bindparam("before"), *also).order_by(until))
            return dialect.text(delete(table).where(tuple_(*key).in_(keys)), "before", "limit")

        bought_something = exists(ONE).where(access_tokens.c.code == codes.c.digest)
        bought_more = exists(ONE).where(refresh_families.c.code == codes.c.digest)
        self.expired = [
            oldest(challenges, challenges.c.expires_at),
            oldest(logins, logins.c.expires_at),
            oldest(access_tokens, access_tokens.c.expires_at),
            oldest(refresh_families, refresh_families.c.expires_at),
            oldest(codes, codes.c.expires_at, ~bought_something, ~bought_more),
            oldest(assertions, assertions.c.expires_at),
            oldest(pushed_requests, pushed_requests.c.expires_at),
            oldest(dpop_proofs, dpop_proofs.c.expires_at),
            oldest(decoupled_requests, decoupled_requests.c.expires_at, decoupled_requests.c.due_at.is_(None)),
            oldest(failures, failures.c.until),
            oldest(enrolments, enrolments.c.expires_at),
            oldest(revocation_evidence, revocation_evidence.c.expires_at),
            oldest(approvals, approvals.c.expires_at),
            oldest(card_places, card_places.c.expires_at),
            oldest(confirmations, confirmations.c.expires_at),
            oldest(consents, consents.c.expires_at),
            oldest(initial_access_tokens, initial_access_tokens.c.expires_at),
        ]
        queued, key = logout_deliveries.c.queued_at, (logout_deliveries.c.session, logout_deliveries.c.client)
        oldest_deliveries = at_most(select(*key).where(queued <= bindparam("before")).order_by(queued))
        self.deliveries = dialect.text(
            delete(logout_deliveries).where(tuple_(*key).in_(oldest_deliveries)), "before", "limit"
        )
        # The index is on the start, which is never after the last use.
        started, before = sessions.c.started_at, given("before", NUMBER)
        old = select(sessions.c.id).where(started <= before, sessions.c.last_used_at <= before).order_by(started)
        self.old_sessions = dialect.text(at_most(old), "before", "before", "limit")
        self.session = dialect.text(delete(sessions).where(sessions.c.id == bindparam("session")), "session")
        self.session_clients = dialect.text(
            delete(session_clients).where(session_clients.c.session == bindparam("session")), "session"
        )
