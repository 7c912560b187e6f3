"""Request objects behind an address of the client's (RFC 9101 section 5.2.2; OpenID Connect Core section 6.2).

Whoever sends a person along chooses when we fetch, so: registered addresses alone, by the guarded `oidc/fetch.py`,
and a body is good for a few seconds, in which nobody can make us ask the client's server again. Lost with the process
without harm.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from carekey.oidc.authorize.errors import InvalidRequestUri, Reason
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.model import Client

GOOD_FOR = timedelta(seconds=10)
"""An answer, or that there was none."""

Fetch = Callable[[str], Coroutine[Any, Any, bytes]]


def without_fragment(uri: str) -> str:
    """A fragment is the digest of what is behind the address (Core section 6.2); it takes no part in comparing."""
    return uri.partition("#")[0]


class RequestUris:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._under_way: dict[str, tuple[datetime, asyncio.Task[str]]] = {}

    async def get(self, uri: str, client: Client, *, now: datetime) -> str:
        """The request object. Raises: InvalidRequestUri."""
        address = without_fragment(uri)
        if address not in map(without_fragment, client.request_uris):
            raise InvalidRequestUri(reason=Reason.REQUEST_URI_NOT_REGISTERED)
        known = self._under_way.get(address)
        if known is None or now - known[0] >= GOOD_FOR:
            self._forget(now)
            known = self._under_way[address] = (now, asyncio.create_task(self._read(address)))
        try:
            # One caller that goes away must not take the others' answer with it.
            return await asyncio.shield(known[1])
        except FetchFailed:
            raise InvalidRequestUri(reason=Reason.REQUEST_URI_UNREACHABLE) from None

    def _forget(self, now: datetime) -> None:
        for address in [one for one, (at, _) in self._under_way.items() if now - at >= GOOD_FOR]:
            del self._under_way[address]

    async def _read(self, address: str) -> str:
        return (await self._fetch(address)).decode("ascii", "replace").strip()
