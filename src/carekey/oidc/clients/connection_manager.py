"""CIS2's Connection Manager: teams register and change their own clients (cis2-profile section 9.2).

A team shows its secret for an access token of ten minutes, which is a MAC: it is kept nowhere, and dies with the
secret that it was given for. A change names the hash of what it was made from; of two at once one wins.
"""

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from carekey.jose.sealing import Sealing
from carekey.kernel.actor import UNKNOWN, Actor
from carekey.kernel.actor import team as team_actor
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import ClientId
from carekey.kernel.secret import Secret, digest
from carekey.kernel.unit_of_work import Store
from carekey.oidc.clients import logo, standing
from carekey.oidc.clients.judge import Judge
from carekey.oidc.clients.logo import Logo
from carekey.oidc.clients.metadata import describe
from carekey.oidc.clients.register import with_secret
from carekey.oidc.clients.registration import Read
from carekey.oidc.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidClientMetadata,
    InvalidRequest,
    InvalidToken,
    NoSuchClient,
    OAuthError,
    Reason,
    RegistrationConflict,
)
from carekey.oidc.events import ClientChanged, ClientCreated, RegistrationRefused, TeamAuthenticated
from carekey.oidc.model import Allowance, Client, ClientAuthMethod
from carekey.oidc.ports import OidcTx

LIFETIME = timedelta(minutes=10)
"""Of an access token."""
WHY_LIMIT = 300
"""Characters of a reason for the record."""
DEFAULTS: Mapping[str, str] = {"token_endpoint_auth_method": "client_secret_post"}
"""Where the Connection Manager's differ from registration's (cis2-profile section 9.2)."""
_NOT_SENT = ("client_id", "client_secret", "client_secret_expires_at", "client_id_issued_at")
"""What we give out. A secret in particular must not be kept as if it were a member that we do not know."""


@dataclass(frozen=True, slots=True)
class Team:
    id: str
    secret: bytes
    """Digest of the secret. Several teams may have one secret."""
    allowance: Allowance
    judge: Judge
    """Of the issuer that its clients belong to."""


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody said who they are, which team it is about, and when."""

    bearer: str | None
    team: str
    now: datetime
    reference: str


class ConnectionManager:
    def __init__(
        self, teams: Sequence[Team], *, key: bytes, store: Store[OidcTx], sealing: Sealing, entropy: Entropy
    ) -> None:
        """`key`: for the MACs of access tokens."""
        self._teams = teams
        self._key = key
        self._store = store
        self._sealing = sealing
        self._entropy = entropy

    async def authenticate(self, secret: str | None, *, now: datetime, reference: str) -> dict[str, Any]:
        """POST /api/auth. Raises: InvalidClient, after recording it."""
        call = Call(secret, "", now, reference)
        async with self._recorded(call, UNKNOWN):
            if secret is None:
                raise InvalidClient("The secret is missing: Authorization: SecretAuth", reason=Reason.NO_TOKEN)
            held = [team for team in self._teams if hmac.compare_digest(team.secret, digest(secret))]
            if not held:
                raise InvalidClient(reason=Reason.WRONG_SECRET)
        ids = tuple(team.id for team in held)
        event = TeamAuthenticated(at=now, actor=team_actor(ids[0]), reference=reference, teams=ids)
        await self._store.write(lambda tx: tx.audit.record(event))
        return {"access_token": self._access_token(held[0].secret, now).reveal(), "team_ids": ids}

    async def configs(self, call: Call) -> dict[str, Any]:
        """GET /api/configs/{team}. Raises: OAuthError, after recording it."""
        team = await self._team(call)
        found = await self._store.read(lambda tx: tx.clients.list(team.judge.issuer.name))
        return {"configs": [client.id for client in found if _owned(client, team)]}

    async def create(self, call: Call, read: Read) -> dict[str, Any]:
        """POST /api/configs/{team}. Raises: OAuthError, after recording it."""
        team = await self._team(call)
        async with self._recorded(call, team_actor(team.id), team=team):
            metadata = _metadata(await read())
            client = await team.judge.new(metadata, team.allowance, self._id(team, metadata), call.now)
            client, secret = with_secret(replace(client, allowance=team.allowance), self._sealing, self._entropy)
            picture = await team.judge.logo(client)
            await self._store.write(lambda tx: _add(tx, client, picture, team, call))
        return {"id": client.id, **_told(client, secret)}

    async def read(self, call: Call, id: str) -> dict[str, Any]:
        """GET /api/configs/{team}/{id}. Raises: OAuthError, after recording it."""
        team = await self._team(call)
        return _told(await self._find(call, team, id), None)

    async def update(self, call: Call, id: str, hash: str | None, read: Read) -> dict[str, Any]:
        """PUT /api/configs/{team}/{id}?hash=…: everything that is not in the metadata goes.
        Raises: OAuthError, after recording it."""
        team = await self._team(call)
        was = await self._find(call, team, id)
        async with self._recorded(call, team_actor(team.id), team=team, client=was.id):
            if hash is None:
                raise InvalidRequest(
                    "One hash is needed: it comes with the configuration", reason=Reason.MISSING_PARAMETER
                )
            if not hmac.compare_digest(hash.encode(), hash_of(was).encode()):
                raise RegistrationConflict(reason=Reason.CHANGED_MEANWHILE)
            metadata = _metadata(await read())
            client = await team.judge.changed(replace(was, allowance=team.allowance), metadata, call.now)
            secret = None
            if client.auth_method is not was.auth_method:
                client, secret = with_secret(client, self._sealing, self._entropy)
            picture = await team.judge.logo(client)
            if not await self._store.write(lambda tx: _change(tx, client, picture, team, call)):
                raise RegistrationConflict(reason=Reason.CHANGED_MEANWHILE)
        return _told(client, secret)

    async def disable(self, call: Call, id: str, read: Read) -> dict[str, Any]:
        """POST /api/configs/{team}/{id}/disable, which is ours: a team whose client is in the wrong hands need not wait
        for anybody. Only an operator enables it again. Raises: OAuthError, after recording it."""
        team = await self._team(call)
        found = await self._find(call, team, id)
        by = team_actor(team.id)
        async with self._recorded(call, by, team=team, client=found.id):
            why = (await read()).get("why")
            if not isinstance(why, str) or not 0 < len(why.strip()) <= WHY_LIMIT:
                raise InvalidRequest(f"why must be a text of 1 to {WHY_LIMIT} characters", reason=Reason.METADATA)
            at, said = team.judge.issuer.name, why.strip()
            try:
                await self._store.write(
                    lambda tx: standing.disable(
                        tx, at, found.id, why=said, by=by, now=call.now, reference=call.reference
                    )
                )
            except standing.ChangedMeanwhile:
                raise RegistrationConflict(reason=Reason.CHANGED_MEANWHILE) from None
        return {"id": found.id, "disabled": True}

    async def _team(self, call: Call) -> Team:
        """Raises: InvalidToken, InsufficientScope, after recording it."""
        async with self._recorded(call, UNKNOWN):
            held = self._holders(call.bearer, call.now)
        async with self._recorded(call, team_actor(held[0].id)):
            for team in held:
                if team.id == call.team:
                    return team
            raise InsufficientScope("The access token is not for this team", reason=Reason.ANOTHER_TEAM)

    async def _find(self, call: Call, team: Team, id: str) -> Client:
        """Raises: NoSuchClient, after recording it: the same for one that there is not and for another team's."""
        found = await self._store.read(lambda tx: tx.clients.find(team.judge.issuer.name, ClientId(id)))
        if found is not None and _owned(found, team):
            return found
        async with self._recorded(call, team_actor(team.id), team=team, client=found.id if found else ""):
            raise NoSuchClient(reason=Reason.UNKNOWN_CLIENT)

    def _access_token(self, secret: bytes, now: datetime) -> Secret:
        expires = str(int((now + LIFETIME).timestamp()))
        return Secret(f"{expires}.{self._mac(expires, secret)}")

    def _holders(self, access_token: str | None, now: datetime) -> list[Team]:
        """The teams of the secret that this access token was given for. Raises: InvalidToken."""
        if access_token is None:
            raise InvalidToken(reason=Reason.NO_TOKEN)
        expires, _, mac = access_token.partition(".")
        given = mac.encode()
        held = [team for team in self._teams if hmac.compare_digest(given, self._mac(expires, team.secret).encode())]
        if not held:
            raise InvalidToken(reason=Reason.UNKNOWN_TOKEN)
        if int(expires) <= now.timestamp():  # a number: the MAC says that we wrote it
            raise InvalidToken(reason=Reason.TOKEN_EXPIRED)
        return held

    def _mac(self, expires: str, secret: bytes) -> str:
        mac = hmac.digest(self._key, secret + expires.encode(), hashlib.sha256)  # a digest is always of 32 bytes
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def _id(self, team: Team, metadata: Mapping[str, Any]) -> ClientId:
        """In the form of Connection Manager's (section 2.6)."""
        name = re.sub(r"[^a-z0-9]+", "-", str(metadata.get("client_name", "")).lower())[:60].strip("-")
        return ClientId(f"{team.id}.{name or 'client'}.{uuid.UUID(bytes=self._entropy.bytes(16), version=4)}.apps")

    @asynccontextmanager
    async def _recorded(
        self, call: Call, actor: Actor, *, team: Team | None = None, client: str = ""
    ) -> AsyncIterator[None]:
        """Whatever is refused inside goes on the audit record."""
        try:
            yield
        except OAuthError as error:
            event = RegistrationRefused(
                at=call.now,
                actor=actor,
                reference=call.reference,
                issuer=team.judge.issuer.name if team else "",
                client=client,
                error=error.code,
                reason=error.reason,
            )
            await self._store.write(lambda tx: tx.audit.record(event))
            raise


def hash_of(client: Client) -> str:
    """Of everything that a change may replace, and of how often it has been replaced."""
    seen = msgspec.json.encode([client.id, client.revision, describe(client)], order="deterministic")
    return hashlib.sha256(seen).hexdigest()


def _owned(client: Client, team: Team) -> bool:
    """A client that is disabled is out of its team's hands: a change would bring it back."""
    return client.allowance is not None and client.allowance.team == team.id and client.disabled_at is None


def _metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """With Connection Manager's default. Raises: InvalidClientMetadata."""
    if present := [name for name in _NOT_SENT if name in given]:
        raise InvalidClientMetadata(f"{present[0]} must not be sent", reason=Reason.METADATA)
    return {**DEFAULTS, **given}


def _told(client: Client, secret: Secret | None) -> dict[str, Any]:
    config = describe(client)
    del config["client_id"]
    alg = config.pop("token_endpoint_auth_signing_alg", None)
    if alg is not None:
        theirs = client.auth_method is ClientAuthMethod.PRIVATE_KEY_JWT
        config["jwks_uri_signing_algorithm" if theirs else "token_endpoint_auth_signing_alg"] = alg
    told: dict[str, Any] = {"client_config": config, "hash": hash_of(client)}
    return told if secret is None else {**told, "client_secret": secret.reveal()}


def _add(tx: OidcTx, client: Client, picture: Logo, team: Team, call: Call) -> None:
    added = tx.clients.add(client)
    assert added, "a client id has 122 random bits"
    logo.keep(tx.logos, client.issuer, client.id, picture)
    tx.audit.record(_event(ClientCreated, client, picture, team, call))


def _change(tx: OidcTx, client: Client, picture: Logo, team: Team, call: Call) -> bool:
    changed = tx.clients.change(client)
    if changed:
        logo.keep(tx.logos, client.issuer, client.id, picture)
        tx.audit.record(_event(ClientChanged, client, picture, team, call))
    return changed


def _event(
    kind: type[ClientCreated | ClientChanged], client: Client, picture: Logo, team: Team, call: Call
) -> ClientCreated | ClientChanged:
    return kind(
        at=call.now,
        actor=team_actor(team.id),
        reference=call.reference,
        issuer=client.issuer,
        client=client.id,
        name=client.name,
        auth_method=client.auth_method.value,
        logo=picture.outcome,
    )
