"""Keys of clients: parsed once, fetched when they are somewhere else.

Lost with the process without harm. A set that is fetched is read again after ten minutes, or when a token names a
key that is not in it, but not more often than every half minute: whoever sends unknown key ids cannot make us hammer
a client's server. Fetches of one set at the same time are one fetch.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from carekey.jose.encryption import Recipients
from carekey.jose.jwt import InvalidKeySet, KeySet
from carekey.kernel.ids import ClientId, IssuerName
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.model import Client

FRESH_FOR = timedelta(minutes=10)
GOOD_FOR = timedelta(hours=1)
"""How long keys are used when their server does not answer. After that an unreachable server is no excuse."""
REFETCH_AFTER = timedelta(seconds=30)

NO_KEYS = KeySet([], ())

Fetch = Callable[[str], Coroutine[Any, Any, bytes]]
"""From an address to the body. Raises: FetchFailed."""


class KeysUnavailable(Exception):
    """The client's keys cannot be fetched, or what was fetched is no key set."""


@dataclass(slots=True)
class _ByValue:
    jwks: Mapping[str, Any]
    keys: KeySet
    recipients: Recipients


@dataclass(slots=True)
class _Fetched:
    uri: str
    keys: KeySet
    recipients: Recipients
    fetched_at: datetime
    tried_at: datetime


class ClientKeys:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._by_value: dict[tuple[IssuerName, ClientId], _ByValue] = {}
        self._fetched: dict[str, _Fetched] = {}
        self._failed: dict[str, datetime] = {}
        self._under_way: dict[str, asyncio.Task[KeySet]] = {}

    async def of(self, client: Client, *, now: datetime) -> KeySet:
        """The client's keys, as far as we know. Raises: KeysUnavailable."""
        if client.jwks is not None:
            return self._parsed(client, client.jwks)
        if client.jwks_uri is None:
            return NO_KEYS
        known = self._fetched.get(client.jwks_uri)
        if known is not None and now - known.fetched_at < FRESH_FOR:
            return known.keys
        try:
            return await self._again(client.jwks_uri, now)
        except KeysUnavailable:
            if known is None or now - known.fetched_at >= GOOD_FOR:
                raise
            return known.keys

    async def newer(self, client: Client, *, now: datetime) -> KeySet | None:
        """The client's keys fetched anew, because one was missing; None if that cannot help now.

        Raises: KeysUnavailable.
        """
        if client.jwks_uri is None:
            return None
        known = self._fetched.get(client.jwks_uri)
        if known is not None and now - known.tried_at < REFETCH_AFTER:
            return None
        return await self._again(client.jwks_uri, now)

    async def recipients(self, client: Client, *, alg: str, now: datetime) -> Recipients:
        """The keys that the client can be encrypted to, read anew if none of them is for this algorithm.

        Raises: KeysUnavailable."""
        await self.of(client, now=now)
        if client.jwks is not None:
            return self._by_value[client.issuer, client.id].recipients
        if self._known(client).find(alg) is None:
            await self.newer(client, now=now)
        return self._known(client)

    def _known(self, client: Client) -> Recipients:
        fetched = self._fetched.get(client.jwks_uri or "")
        return fetched.recipients if fetched else Recipients({})

    def _parsed(self, client: Client, jwks: Mapping[str, Any]) -> KeySet:
        place = (client.issuer, client.id)
        known = self._by_value.get(place)
        if known is not None and (known.jwks is jwks or known.jwks == jwks):
            return known.keys
        try:
            keys = KeySet.of_jwks(jwks)
        except InvalidKeySet:
            raise KeysUnavailable from None
        self._by_value[place] = _ByValue(jwks, keys, Recipients(jwks))
        return keys

    async def _again(self, uri: str, now: datetime) -> KeySet:
        task = self._under_way.get(uri)
        if task is None:
            self._hold_back(uri, now)
            task = asyncio.create_task(self._fetch_and_keep(uri, now))
            self._under_way[uri] = task
            task.add_done_callback(lambda done: self._finished(uri, done))
        # One caller that goes away must not take the others' answer with it.
        return await asyncio.shield(task)

    def _finished(self, uri: str, task: asyncio.Task[KeySet]) -> None:
        self._under_way.pop(uri, None)
        if not task.cancelled():
            task.exception()  # looked at, in case every caller has gone away

    def _hold_back(self, uri: str, now: datetime) -> None:
        """A server that failed a moment ago is left in peace. Raises: KeysUnavailable."""
        failed_at = self._failed.get(uri)
        if failed_at is not None and now - failed_at < REFETCH_AFTER:
            raise KeysUnavailable

    async def _fetch_and_keep(self, uri: str, now: datetime) -> KeySet:
        known = self._fetched.get(uri)
        if known is not None:
            known.tried_at = now
        try:
            jwks = msgspec.json.decode(await self._fetch(uri), type=dict[str, Any])
            keys = KeySet.of_jwks(jwks)
        except (FetchFailed, InvalidKeySet, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._failed[uri] = now
            raise KeysUnavailable(str(error)) from error
        self._failed.pop(uri, None)
        self._fetched[uri] = _Fetched(uri, keys, Recipients(jwks), now, now)
        return keys
