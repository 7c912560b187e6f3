"""Clients, codes, tokens, assertions and pushed requests."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, exists, or_, select, update

from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.model import (
    AccessToken,
    Allowance,
    Authentication,
    Client,
    Grant,
    InitialAccessToken,
    PushedRequest,
    Redeemed,
    RefreshFamily,
    Replayed,
    Rotated,
    Superseded,
)
from carekey.storage.encoding import (
    digest_of,
    from_micros,
    maybe_from_micros,
    maybe_to_micros,
    to_json,
    to_micros,
)
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import ONE, Dialect
from carekey.storage.sql.schema import (
    access_tokens,
    assertions,
    clients,
    codes,
    dpop_proofs,
    initial_access_tokens,
    pushed_requests,
    refresh_families,
    sessions,
)

_grant = msgspec.json.Decoder(Grant)
_pushed = msgspec.json.Decoder(PushedRequest)
_claims = msgspec.json.Decoder(dict[str, Any])
_details = msgspec.json.Decoder(tuple[dict[str, Any], ...])
_allowance = msgspec.json.Decoder(Allowance)

_read_client = lru_cache(maxsize=1024)(msgspec.json.Decoder(Client).decode)
_read_scopes = lru_cache(maxsize=1024)(msgspec.json.Decoder(tuple[str, ...]).decode)
_write_scopes = lru_cache(maxsize=1024)(to_json)
_read_authentication = lru_cache(maxsize=1024)(msgspec.json.Decoder(Authentication).decode)
"""Each is looked at several times in every log-in, and cannot be changed: keep the decoded one."""


def _client_row(client: Client) -> tuple[str, str, str, str, int]:
    return (client.issuer, client.id, client.name, to_json(client), client.revision)


class _ClientsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = clients.c
        in_issuer, this = c.issuer == bindparam("in_issuer"), c.id == bindparam("this")
        by_name = select(c.data).order_by(c.name, c.issuer, c.id)
        self.add = dialect.add_new(clients, "issuer", "id")
        self.find = dialect.text(select(c.data).where(in_issuer, this), "in_issuer", "this")
        self.list = dialect.text(by_name)
        self.of_issuer = dialect.text(by_name.where(in_issuer), "in_issuer")
        changed = update(clients).values(
            name=bindparam("new_name"), data=bindparam("new_data"), revision=bindparam("new_revision")
        )
        new = ("new_name", "new_data", "new_revision", "in_issuer", "this")
        self.replace = dialect.text(changed.where(in_issuer, this), *new)
        self.change = dialect.text(changed.where(in_issuer, this, c.revision == bindparam("was")), *new, "was")


class Clients:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_ClientsSql)

    def find(self, issuer: IssuerName, id: ClientId) -> Client | None:
        row = self._connection.one(self._sql.find, (issuer, id))
        return None if row is None else _read_client(row[0])

    def list(self, issuer: IssuerName | None = None) -> Sequence[Client]:
        if issuer is None:
            rows = self._connection.all(self._sql.list, ())
        else:
            rows = self._connection.all(self._sql.of_issuer, (issuer,))
        return [_read_client(row[0]) for row in rows]

    def add(self, client: Client) -> bool:
        return self._connection.changed(self._sql.add, _client_row(client)) == 1

    def replace(self, client: Client) -> bool:
        issuer, id, name, data, revision = _client_row(client)
        return self._connection.changed(self._sql.replace, (name, data, revision, issuer, id)) == 1

    def change(self, client: Client) -> bool:
        issuer, id, name, data, revision = _client_row(client)
        values = (name, data, revision, issuer, id, revision - 1)
        return self._connection.changed(self._sql.change, values) == 1


def _initial(row: Row) -> InitialAccessToken:
    digest, issuer, note, allowance, uses_left, created_at, expires_at = row
    return InitialAccessToken(
        digest=digest,
        issuer=issuer,
        note=note,
        allowance=_allowance.decode(allowance),
        uses_left=uses_left,
        created_at=from_micros(created_at),
        expires_at=from_micros(expires_at),
    )


class _InitialAccessTokensSql:
    def __init__(self, dialect: Dialect) -> None:
        c = initial_access_tokens.c
        this = c.digest == bindparam("this")
        self.put = dialect.add(initial_access_tokens)
        self.find = dialect.text(select(*c).where(this), "this")
        self.use = dialect.text(
            update(initial_access_tokens)
            .values(uses_left=c.uses_left - ONE)
            .where(this, c.uses_left >= ONE, c.expires_at > bindparam("now")),
            *("this", "now"),
        )
        self.list = dialect.text(
            select(*c).where(c.issuer == bindparam("of_issuer")).order_by(c.expires_at.desc(), c.digest.desc()),
            "of_issuer",
        )
        self.remove = dialect.text(delete(initial_access_tokens).where(this), "this")


class InitialAccessTokens:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_InitialAccessTokensSql)

    def put(self, token: InitialAccessToken) -> None:
        row = (
            token.digest,
            token.issuer,
            token.note,
            to_json(token.allowance),
            token.uses_left,
            to_micros(token.created_at),
            to_micros(token.expires_at),
        )
        self._connection.run(self._sql.put, row)

    def find(self, digest: bytes) -> InitialAccessToken | None:
        row = self._connection.one(self._sql.find, (digest,))
        return None if row is None else _initial(row)

    def use(self, digest: bytes, *, now: datetime) -> bool:
        return self._connection.changed(self._sql.use, (digest, to_micros(now))) == 1

    def list(self, issuer: IssuerName) -> Sequence[InitialAccessToken]:
        return [_initial(row) for row in self._connection.all(self._sql.list, (issuer,))]

    def remove(self, digest: bytes) -> bool:
        return self._connection.changed(self._sql.remove, (digest,)) == 1


class _CodesSql:
    def __init__(self, dialect: Dialect) -> None:
        c, this = codes.c, codes.c.digest == bindparam("this")
        self.put = dialect.add(codes)
        self.find = dialect.text(select(c.grant).where(this), "this")
        self.redeem = dialect.text(
            update(codes).values(redeemed_at=bindparam("now")).where(this, c.redeemed_at.is_(None)).returning(c.grant),
            *("now", "this"),
        )
        self.spoil = dialect.text(
            update(codes).values(expires_at=bindparam("until"), spoilt_at=bindparam("at")).where(this),
            *("until", "at", "this"),
        )
        self.sound = dialect.text(select(c.spoilt_at).where(this).with_for_update(read=True), "this")


class Codes:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_CodesSql)

    def put(self, digest: bytes, grant: Grant) -> None:
        self._connection.run(self._sql.put, (digest, to_json(grant), to_micros(grant.expires_at), None, None))

    def redeem(self, digest: bytes, *, now: datetime) -> Redeemed | Replayed | None:
        row = self._connection.one(self._sql.redeem, (to_micros(now), digest))
        if row is not None:
            return Redeemed(grant=_grant.decode(row[0]))
        row = self._connection.one(self._sql.find, (digest,))
        return None if row is None else Replayed(grant=_grant.decode(row[0]))

    def spoil(self, digest: bytes, *, at: datetime, until: datetime) -> None:
        self._connection.run(self._sql.spoil, (to_micros(until), to_micros(at), digest))

    def sound(self, digest: bytes) -> bool:
        row = self._connection.one(self._sql.sound, (digest,))
        return row is None or row[0] is None


def _token(row: Row) -> AccessToken:
    digest, issuer, client, person, session, scopes, role, claims, code, issued_at, expires_at, revoked_at = row[:12]
    audience, authentication, act, confirmation, details = row[12:]
    return AccessToken(
        digest=digest,
        issuer=issuer,
        client=client,
        person=person,
        session=session,
        scopes=_read_scopes(scopes),
        role=role,
        requested_claims=_claims.decode(claims) if claims else {},
        code=code,
        audience=audience,
        authentication=_read_authentication(authentication) if authentication else None,
        act=_claims.decode(act) if act else None,
        confirmation=_claims.decode(confirmation) if confirmation else None,
        authorization_details=_details.decode(details) if details else (),
        issued_at=from_micros(issued_at),
        expires_at=from_micros(expires_at),
        revoked_at=maybe_from_micros(revoked_at),
    )


class _AccessTokensSql:
    def __init__(self, dialect: Dialect) -> None:
        c = access_tokens.c
        this, live = c.digest == bindparam("this"), c.revoked_at.is_(None)
        session_lives = exists(ONE).where(sessions.c.id == c.session, sessions.c.ended_at.is_(None))
        revoked = update(access_tokens).values(revoked_at=bindparam("at"))
        self.put = dialect.add(access_tokens)
        self.find = dialect.text(select(*c).where(this, live, or_(c.session.is_(None), session_lives)), "this")
        self.revoke = dialect.text(revoked.where(this, live), "at", "this")
        self.revoke_bought = dialect.text(revoked.where(c.code == bindparam("bought_by"), live), "at", "bought_by")


class AccessTokens:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_AccessTokensSql)

    def put(self, token: AccessToken) -> None:
        row = (
            token.digest,
            token.issuer,
            token.client,
            token.person,
            token.session,
            _write_scopes(token.scopes),
            token.role,
            to_json(token.requested_claims) if token.requested_claims else None,
            token.code,
            to_micros(token.issued_at),
            to_micros(token.expires_at),
            maybe_to_micros(token.revoked_at),
            token.audience,
            to_json(token.authentication) if token.authentication else None,
            to_json(token.act) if token.act else None,
            to_json(token.confirmation) if token.confirmation else None,
            to_json(token.authorization_details) if token.authorization_details else None,
        )
        self._connection.run(self._sql.put, row)

    def find(self, digest: bytes) -> AccessToken | None:
        row = self._connection.one(self._sql.find, (digest,))
        return None if row is None else _token(row)

    def revoke(self, digest: bytes, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.revoke, (to_micros(at), digest)) == 1

    def revoke_bought(self, code: bytes, *, at: datetime) -> int:
        return self._connection.changed(self._sql.revoke_bought, (to_micros(at), code))


class _RefreshFamiliesSql:
    def __init__(self, dialect: Dialect) -> None:
        c, this = refresh_families.c, refresh_families.c.code == bindparam("this")
        live = c.revoked_at.is_(None)
        self.put = dialect.add(refresh_families)
        self.find = dialect.text(select(*c).where(this), "this")
        self.hold = dialect.text(select(*c).where(this).with_for_update(), "this")
        self.rotate = dialect.text(
            update(refresh_families)
            .values(generation=bindparam("next"), rotated_at=bindparam("now"))
            .where(this, c.generation == bindparam("presented"), live),
            *("next", "now", "this", "presented"),
        )
        self.revoke = dialect.text(
            update(refresh_families).values(revoked_at=bindparam("at")).where(this, live), "at", "this"
        )


def _family(row: Row) -> RefreshFamily:
    code, grant, generation, rotated_at, expires_at, revoked_at = row
    return RefreshFamily(
        code=code,
        grant=_grant.decode(grant),
        generation=generation,
        rotated_at=from_micros(rotated_at),
        expires_at=from_micros(expires_at),
        revoked_at=maybe_from_micros(revoked_at),
    )


class RefreshFamilies:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_RefreshFamiliesSql)

    def put(self, family: RefreshFamily) -> None:
        row = (
            family.code,
            to_json(family.grant),
            family.generation,
            to_micros(family.rotated_at),
            to_micros(family.expires_at),
            maybe_to_micros(family.revoked_at),
        )
        self._connection.run(self._sql.put, row)

    def find(self, code: bytes) -> RefreshFamily | None:
        row = self._connection.one(self._sql.find, (code,))
        return None if row is None else _family(row)

    def hold(self, code: bytes) -> RefreshFamily | None:
        row = self._connection.one(self._sql.hold, (code,))
        return None if row is None else _family(row)

    def rotate(self, code: bytes, generation: int, *, now: datetime, keep: bool = False) -> Rotated | Superseded | None:
        before = self.find(code)
        if before is None:
            return None
        following = generation if keep else generation + 1
        if self._connection.changed(self._sql.rotate, (following, to_micros(now), code, generation)) == 1:
            return Rotated(family=before)
        # Whoever won may have done so after the look above. Held, so that what is bought now is there to be revoked
        # for whoever revokes the family next.
        after = self.hold(code)
        return None if after is None else Superseded(family=after)

    def revoke(self, code: bytes, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.revoke, (to_micros(at), code)) == 1


class _AssertionsSql:
    def __init__(self, dialect: Dialect) -> None:
        self.first_seen = dialect.add_new(assertions, "digest")


class Assertions:
    """Kept under a digest: a `jti` is whatever the client sent, of any length."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_AssertionsSql)

    def first_seen(self, issuer: IssuerName, client: ClientId, jti: str, *, expires_at: datetime) -> bool:
        row = (digest_of(issuer, client, jti), to_micros(expires_at))
        return self._connection.changed(self._sql.first_seen, row) == 1


class _DpopProofsSql:
    def __init__(self, dialect: Dialect) -> None:
        self.first_seen = dialect.add_new(dpop_proofs, "digest")


class DpopProofs:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_DpopProofsSql)

    def first_seen(self, digest: bytes, *, expires_at: datetime) -> bool:
        return self._connection.changed(self._sql.first_seen, (digest, to_micros(expires_at))) == 1


class _PushedRequestsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = pushed_requests.c
        self.put = dialect.add(pushed_requests)
        self.take = dialect.text(
            delete(pushed_requests).where(c.digest == bindparam("this")).returning(c.request), "this"
        )


class PushedRequests:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_PushedRequestsSql)

    def put(self, digest: bytes, request: PushedRequest) -> None:
        self._connection.run(self._sql.put, (digest, to_json(request), to_micros(request.expires_at)))

    def take(self, digest: bytes) -> PushedRequest | None:
        row = self._connection.one(self._sql.take, (digest,))
        return None if row is None else _pushed.decode(row[0])
