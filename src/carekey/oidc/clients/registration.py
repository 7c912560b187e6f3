"""Clients register, read, change and remove themselves (RFC 7591, RFC 7592).

Everything is judged first and written in one transaction then, in which the initial access token is used, or the
revision compared: of two at once one wins. Removing is for ever: the client stays, as one that may do nothing, and
its id is never given out again; so whatever it held is dead at once, and nobody is told of its sessions any more.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from carekey.jose.sealing import Sealing
from carekey.kernel.actor import UNKNOWN, Actor
from carekey.kernel.actor import client as client_actor
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.ids import ClientId
from carekey.kernel.secret import Secret, digest
from carekey.kernel.unit_of_work import Store
from carekey.oidc import endpoints
from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.clients import logo, throttle
from carekey.oidc.clients.judge import Judge
from carekey.oidc.clients.logo import Logo
from carekey.oidc.clients.metadata import describe
from carekey.oidc.clients.ports import RegistrationTx
from carekey.oidc.clients.register import with_secret
from carekey.oidc.clients.throttle import Address
from carekey.oidc.errors import (
    InvalidClientMetadata,
    InvalidToken,
    OAuthError,
    Reason,
    RegistrationConflict,
    TooManyRegistrations,
)
from carekey.oidc.events import ClientChanged, ClientCreated, ClientRemoved, RegistrationRefused
from carekey.oidc.model import Allowance, Client, Issuer, Registration
from carekey.oidc.ports import OidcTx

_OURS = frozenset(
    {"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}
)
"""Members that we give out, and that a client must not send (RFC 7592 section 2.2)."""

Read = Callable[[], Awaitable[Mapping[str, Any]]]
"""The metadata in the body: read once it is known that whoever sends it may. Raises: OAuthError."""


@dataclass(frozen=True, slots=True)
class Registered:
    client: Client
    secret: Secret | None
    access_token: Secret


class ClientRegistration:
    """One issuer's registration endpoint, without the web."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        rules: Registration,
        store: Store[RegistrationTx],
        fetch: Fetch,
        sealing: Sealing,
        entropy: Entropy,
    ) -> None:
        self._issuer = issuer
        self._rules = rules
        self._store = store
        self._judge = Judge(issuer, rules.statements, fetch)
        self._sealing = sealing
        self._entropy = entropy

    async def create(
        self, read: Read, bearer: str | None, *, address: Address | None, now: datetime, reference: str
    ) -> dict[str, Any]:
        """RFC 7591 section 3. `address`: of whoever asks. Raises: OAuthError, after recording it."""
        if bearer is None and self._rules.open:
            await self._count(address, now, reference)
        try:
            key = digest(bearer) if bearer is not None else None
            allowed = await self._allowance(key, now)
            metadata = {
                name: value
                for name, value in (await read()).items()
                if name not in {*_OURS, "client_id", "client_secret"}
            }
            client = await self._judge.new(metadata, allowed, ClientId(token(self._entropy, size=16)), now)
            made = self._with_token(replace(client, allowance=allowed), new_secret=True, before=None)
            picture = await self._judge.logo(made.client)
            if not await self._store.write(lambda tx: self._add(tx, made.client, picture, key, now, reference)):
                raise InvalidToken(reason=Reason.UNKNOWN_TOKEN)
        except OAuthError as error:
            await self._refused(error, UNKNOWN, "", now, reference)
            raise
        return self._told(made)

    async def read(self, id: str, bearer: str, *, now: datetime, reference: str) -> dict[str, Any]:
        """RFC 7592 section 2.1. Raises: InvalidToken, after recording it."""
        client = await self._authenticated(id, bearer, now, reference)
        if client.registration_token_before is not None and hmac.compare_digest(
            client.registration_token or b"", digest(bearer)
        ):  # the newer token has arrived
            client = replace(client, registration_token_before=None, revision=client.revision + 1)
            await self._store.write(lambda tx: tx.clients.change(client))
        return self._told(Registered(client, None, Secret(bearer)))

    async def update(self, id: str, read: Read, bearer: str, *, now: datetime, reference: str) -> dict[str, Any]:
        """RFC 7592 section 2.2: everything that is not in the metadata goes. Raises: OAuthError, after recording it."""
        was = await self._authenticated(id, bearer, now, reference)
        try:
            metadata = await read()
            self._check_own_members(metadata, was)
            client = await self._judge.changed(was, metadata, now)
            made = self._with_token(client, new_secret=client.auth_method is not was.auth_method, before=digest(bearer))
            picture = await self._judge.logo(made.client)
            if not await self._store.write(lambda tx: self._change(tx, made.client, picture, now, reference)):
                raise RegistrationConflict(reason=Reason.CHANGED_MEANWHILE)
        except OAuthError as error:
            await self._refused(error, client_actor(was.id), was.id, now, reference)
            raise
        return self._told(made)

    async def remove(self, id: str, bearer: str, *, now: datetime, reference: str) -> None:
        """RFC 7592 section 2.3. Raises: OAuthError, after recording it."""
        was = await self._authenticated(id, bearer, now, reference)
        gone = replace(
            was,
            disabled_at=now,
            removed=True,
            secret=None,
            registration_token=None,
            registration_token_before=None,
            backchannel_logout_uri=None,
            frontchannel_logout_uri=None,
            listed=False,
            revision=was.revision + 1,
        )

        def work(tx: OidcTx) -> bool:
            changed = tx.clients.change(gone)
            if changed:
                tx.logos.remove(self._issuer.name, was.id)
                event = ClientRemoved(
                    at=now,
                    actor=client_actor(was.id),
                    reference=reference,
                    issuer=self._issuer.name,
                    client=was.id,
                    name=was.name,
                )
                tx.audit.record(event)
            return changed

        if not await self._store.write(work):
            error = RegistrationConflict(reason=Reason.CHANGED_MEANWHILE)
            await self._refused(error, client_actor(was.id), was.id, now, reference)
            raise error

    async def _count(self, address: Address | None, now: datetime, reference: str) -> None:
        """Raises: TooManyRegistrations, after recording the first of an hour."""
        issuer = self._issuer.name
        exhausted = await self._store.write(
            lambda tx: throttle.count(tx.failures, issuer, self._rules, address, now=now)
        )
        if exhausted is not None:
            error = TooManyRegistrations(retry_after=exhausted.again_in, reason=Reason.TOO_MANY)
            if exhausted.first:
                await self._refused(error, UNKNOWN, "", now, reference)
            raise error

    async def _allowance(self, key: bytes | None, now: datetime) -> Allowance:
        """What this registration may ask for. Raises: InvalidToken."""
        if key is None:
            if self._rules.open:
                return Allowance()
            raise InvalidToken(reason=Reason.NO_TOKEN)
        found = await self._store.read(lambda tx: tx.initial_access_tokens.find(key))
        if found is None or found.issuer != self._issuer.name or found.uses_left < 1:
            raise InvalidToken(reason=Reason.UNKNOWN_TOKEN)
        if found.expires_at <= now:
            raise InvalidToken(reason=Reason.TOKEN_EXPIRED)
        return found.allowance

    def _check_own_members(self, metadata: Mapping[str, Any], was: Client) -> None:
        """Raises: InvalidClientMetadata."""
        if present := sorted(_OURS & metadata.keys()):
            raise InvalidClientMetadata(f"{present[0]} must not be sent", reason=Reason.METADATA)
        if metadata.get("client_id") != was.id:
            raise InvalidClientMetadata("client_id must be the client's own", reason=Reason.METADATA)
        secret = metadata.get("client_secret")
        if secret is not None and (not isinstance(secret, str) or digest(secret) != was.secret):
            raise InvalidClientMetadata("client_secret must be the client's own", reason=Reason.METADATA)

    async def _authenticated(self, id: str, bearer: str, now: datetime, reference: str) -> Client:
        """The client whose registration access token this is. Raises: InvalidToken, after recording it: the same for
        a client that there is not (RFC 7592 section 2)."""
        found = await self._store.read(lambda tx: tx.clients.find(self._issuer.name, ClientId(id)))
        given = digest(bearer)
        good = found is not None and any(
            hmac.compare_digest(given, one)
            for one in (found.registration_token, found.registration_token_before)
            if one is not None
        )
        if found is None or not good or found.disabled_at is not None:
            error = InvalidToken(reason=Reason.UNKNOWN_TOKEN)
            await self._refused(error, UNKNOWN, found.id if found else "", now, reference)
            raise error
        return found

    def _with_token(self, client: Client, *, new_secret: bool, before: bytes | None) -> Registered:
        """`before`: digest of the token that goes on to be good until the new one has been used."""
        access_token = token(self._entropy)
        client, secret = with_secret(client, self._sealing, self._entropy) if new_secret else (client, None)
        client = replace(client, registration_token=digest(access_token), registration_token_before=before)
        return Registered(client, secret, Secret(access_token))

    def _told(self, made: Registered) -> dict[str, Any]:
        """RFC 7591 section 3.2.1; RFC 7592 section 3."""
        client = made.client
        told = describe(client)
        told["response_types"] = ["code"] if "authorization_code" in client.grant_types else []
        told["client_id_issued_at"] = int(client.created_at.timestamp())
        if made.secret is not None:
            told |= {"client_secret": made.secret.reveal(), "client_secret_expires_at": 0}
        told["registration_access_token"] = made.access_token.reveal()
        at = endpoints.address(self._issuer, endpoints.REGISTRATION)
        told["registration_client_uri"] = f"{at}?client_id={client.id}"
        return told

    def _add(self, tx: OidcTx, client: Client, picture: Logo, key: bytes | None, now: datetime, reference: str) -> bool:
        """False, and no change, if the initial access token was used up in between."""
        if key is not None and not tx.initial_access_tokens.use(key, now=now):
            return False
        added = tx.clients.add(client)
        assert added, "a client id is 128 random bits"
        logo.keep(tx.logos, client.issuer, client.id, picture)
        tx.audit.record(
            ClientCreated(
                at=now,
                actor=UNKNOWN,
                reference=reference,
                issuer=self._issuer.name,
                client=client.id,
                name=client.name,
                auth_method=client.auth_method.value,
                logo=picture.outcome,
            )
        )
        return True

    def _change(self, tx: OidcTx, client: Client, picture: Logo, now: datetime, reference: str) -> bool:
        changed = tx.clients.change(client)
        if changed:
            logo.keep(tx.logos, client.issuer, client.id, picture)
            tx.audit.record(
                ClientChanged(
                    at=now,
                    actor=client_actor(client.id),
                    reference=reference,
                    issuer=self._issuer.name,
                    client=client.id,
                    name=client.name,
                    auth_method=client.auth_method.value,
                    logo=picture.outcome,
                )
            )
        return changed

    async def _refused(self, error: OAuthError, actor: Actor, client: str, now: datetime, reference: str) -> None:
        event = RegistrationRefused(
            at=now,
            actor=actor,
            reference=reference,
            issuer=self._issuer.name,
            client=client,
            error=error.code,
            reason=error.reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))
