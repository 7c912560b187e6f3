"""Telling phones that something waits, wired."""

from collections.abc import Mapping

from carekey.app import master_key
from carekey.app.foundation import Foundation
from carekey.app.settings import Settings
from carekey.authenticators.phone.push.telling import Telling
from carekey.authenticators.phone.push.vapid import Vapid, key_from
from carekey.authenticators.phone.terms import Terms
from carekey.oidc.fetch import Fetcher, FetchFailed
from carekey.storage.store import Tx


def vapid(found: Settings, master: bytes) -> Vapid | None:
    """Its key comes of the master key: browsers stay subscribed for as long as that is the same."""
    if found.uaf.push_contact is None:
        return None
    return Vapid(key_from(master_key.derived(master, "web push", digest="sha384")), found.uaf.push_contact)


def telling(base: Foundation, terms: Terms) -> Telling[Tx] | None:
    if terms.push is None:
        return None
    fetcher = Fetcher(private=base.settings.environment != "production")

    async def send(endpoint: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        try:
            return await fetcher.send(endpoint, body, headers)
        except FetchFailed:
            return None

    return Telling(store=base.store, terms=terms, vapid=terms.push, send=send, clock=base.clock, entropy=base.entropy)
