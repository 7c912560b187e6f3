"""Request objects behind an address of the client's (RFC 9101 section 5.2.2; OpenID Connect Core section 6.2).

Whoever sends a person along chooses when we fetch, so: registered addresses alone, by the guarded `oidc/fetch.py`,
and a body is good for a few seconds, in which nobody can make us ask the client's server again and again. Lost with the
process without harm.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from carekey.oidc.authorize.errors import InvalidRequestUri, Reason
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.model import Client

GOOD_FOR = timedelta(seconds=10)
"""An answer, or that there was none."""
OF_ANOTHER_FRAGMENT = timedelta(seconds=1)
"""How long it is good for a request with another fragment, which says that something else is there by now (Core section
6.2): whoever makes fragments up has us ask once a second, and no more."""

Fetch = Callable[[str], Coroutine[Any, Any, bytes]]


def without_fragment(uri: str) -> str:
    """A fragment is the digest of what is behind the address (Core section 6.2); it takes no part in comparing."""
    return uri.partition("#")[0]


@dataclass(frozen=True, slots=True)
class _Read:
    at: datetime
    fragment: str
    text: asyncio.Task[str]

    def good_for(self, fragment: str) -> timedelta:
        return OF_ANOTHER_FRAGMENT if fragment and fragment != self.fragment else GOOD_FOR


class RequestUris:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._under_way: dict[str, _Read] = {}

    async def get(self, uri: str, client: Client, *, now: datetime) -> str:
        """The request object. Raises: InvalidRequestUri."""
        address, _, fragment = uri.partition("#")
        if address not in map(without_fragment, client.request_uris):
            raise InvalidRequestUri(reason=Reason.REQUEST_URI_NOT_REGISTERED)
        known = self._under_way.get(address)
        if known is None or now - known.at >= known.good_for(fragment):
            self._forget(now)
            known = self._under_way[address] = _Read(now, fragment, asyncio.create_task(self._read(address)))
        try:
            # One caller that goes away must not take the others' answer with it.
            return await asyncio.shield(known.text)
        except FetchFailed:
            raise InvalidRequestUri(reason=Reason.REQUEST_URI_UNREACHABLE) from None

    def _forget(self, now: datetime) -> None:
        for address in [one for one, read in self._under_way.items() if now - read.at >= GOOD_FOR]:
            del self._under_way[address]

    async def _read(self, address: str) -> str:
        return (await self._fetch(address)).decode("ascii", "replace").strip()
