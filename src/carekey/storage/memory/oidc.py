"""Clients, codes, tokens, assertions and pushed requests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.model import (
    AccessToken,
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
from carekey.storage.memory.sessions import Sessions
from carekey.storage.memory.table import Journal, Table


class Clients:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[tuple[IssuerName, ClientId], Client] = Table(journal)

    def find(self, issuer: IssuerName, id: ClientId) -> Client | None:
        return self._rows.get((issuer, id))

    def list(self, issuer: IssuerName | None = None) -> Sequence[Client]:
        rows = [row for row in self._rows if issuer is None or row.issuer == issuer]
        return sorted(rows, key=lambda row: (row.name, row.issuer, row.id))

    def add(self, client: Client) -> bool:
        return self._rows.add((client.issuer, client.id), client)

    def replace(self, client: Client) -> bool:
        key = (client.issuer, client.id)
        if self._rows.get(key) is None:
            return False
        self._rows.set(key, client)
        return True

    def change(self, client: Client) -> bool:
        row = self._rows.get((client.issuer, client.id))
        return row is not None and row.revision == client.revision - 1 and self.replace(client)


class InitialAccessTokens:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, InitialAccessToken] = Table(journal)

    def put(self, token: InitialAccessToken) -> None:
        self._rows.insert(token.digest, token)

    def find(self, digest: bytes) -> InitialAccessToken | None:
        return self._rows.get(digest)

    def use(self, digest: bytes, *, now: datetime) -> bool:
        row = self._rows.get(digest)
        if row is None or row.uses_left < 1 or row.expires_at <= now:
            return False
        self._rows.set(digest, replace(row, uses_left=row.uses_left - 1))
        return True

    def list(self, issuer: IssuerName) -> Sequence[InitialAccessToken]:
        rows = [row for row in self._rows if row.issuer == issuer]
        return sorted(rows, key=lambda row: (row.expires_at, row.digest), reverse=True)

    def remove(self, digest: bytes) -> bool:
        return self._rows.pop(digest) is not None

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


class AccessTokens:
    def __init__(self, journal: Journal, sessions: Sessions) -> None:
        self._rows: Table[bytes, AccessToken] = Table(journal)
        self._sessions = sessions

    def put(self, token: AccessToken) -> None:
        self._rows.insert(token.digest, token)

    def find(self, digest: bytes) -> AccessToken | None:
        row = self._rows.get(digest)
        if row is None or row.revoked_at:
            return None
        if row.session is not None:
            session = self._sessions.get(row.session)
            if session is None or session.ended_at:
                return None
        return row

    def revoke(self, digest: bytes, *, at: datetime) -> bool:
        row = self._rows.get(digest)
        if row is None or row.revoked_at:
            return False
        self._rows.set(digest, replace(row, revoked_at=at))
        return True

    def revoke_bought(self, code: bytes, *, at: datetime) -> int:
        return sum([self.revoke(row.digest, at=at) for row in list(self._rows) if row.code == code])

    def remember(self, code: bytes) -> bool:
        """Whether a token that this code bought is still kept."""
        return any(row.code == code for row in self._rows)

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


class RefreshFamilies:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, RefreshFamily] = Table(journal)

    def put(self, family: RefreshFamily) -> None:
        self._rows.insert(family.code, family)

    def find(self, code: bytes) -> RefreshFamily | None:
        return self._rows.get(code)

    def hold(self, code: bytes) -> RefreshFamily | None:
        return self.find(code)  # one writer at a time

    def rotate(self, code: bytes, generation: int, *, now: datetime, keep: bool = False) -> Rotated | Superseded | None:
        row = self._rows.get(code)
        if row is None:
            return None
        if row.generation != generation or row.revoked_at:
            return Superseded(family=row)
        self._rows.set(code, replace(row, generation=generation + (not keep), rotated_at=now))
        return Rotated(family=row)

    def revoke(self, code: bytes, *, at: datetime) -> bool:
        row = self._rows.get(code)
        if row is None or row.revoked_at:
            return False
        self._rows.set(code, replace(row, revoked_at=at))
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    digest: bytes
    grant: Grant
    expires_at: datetime
    redeemed_at: datetime | None = None
    spoilt_at: datetime | None = None


class Codes:
    def __init__(self, journal: Journal, tokens: AccessTokens, families: RefreshFamilies) -> None:
        self._rows: Table[bytes, _Code] = Table(journal)
        self._tokens = tokens
        self._families = families

    def put(self, digest: bytes, grant: Grant) -> None:
        self._rows.insert(digest, _Code(digest=digest, grant=grant, expires_at=grant.expires_at))

    def redeem(self, digest: bytes, *, now: datetime) -> Redeemed | Replayed | None:
        row = self._rows.get(digest)
        if row is None:
            return None
        if row.redeemed_at:
            return Replayed(grant=row.grant)
        self._rows.set(digest, replace(row, redeemed_at=now))
        return Redeemed(grant=row.grant)

    def spoil(self, digest: bytes, *, at: datetime, until: datetime) -> None:
        row = self._rows.get(digest)
        if row is not None:
            self._rows.set(digest, replace(row, spoilt_at=at, expires_at=until))

    def sound(self, digest: bytes) -> bool:
        row = self._rows.get(digest)
        return row is None or row.spoilt_at is None

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before and not self._bought(row.digest), limit)

    def _bought(self, code: bytes) -> bool:
        """Whether something that it bought is still kept."""
        return self._families.find(code) is not None or self._tokens.remember(code)


class Assertions:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[tuple[IssuerName, ClientId, str], datetime] = Table(journal)

    def first_seen(self, issuer: IssuerName, client: ClientId, jti: str, *, expires_at: datetime) -> bool:
        return self._rows.add((issuer, client, jti), expires_at)

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda expires_at: expires_at <= before, limit)


class DpopProofs:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, datetime] = Table(journal)

    def first_seen(self, digest: bytes, *, expires_at: datetime) -> bool:
        return self._rows.add(digest, expires_at)

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda expires_at: expires_at <= before, limit)


class PushedRequests:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, PushedRequest] = Table(journal)

    def put(self, digest: bytes, request: PushedRequest) -> None:
        self._rows.insert(digest, request)

    def take(self, digest: bytes) -> PushedRequest | None:
        return self._rows.pop(digest)

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)
