"""Telling phones that something waits, wired."""

import hashlib
import hmac
from collections.abc import Mapping

from carekey.app.settings import Settings
from carekey.authenticators.phone.push.telling import Telling
from carekey.authenticators.phone.push.vapid import Vapid, key_from
from carekey.authenticators.phone.terms import Terms
from carekey.oidc.fetch import Fetcher, FetchFailed
from carekey.storage.store import Store, Tx
from carekey.web.kit import Site


def vapid(found: Settings, master: bytes) -> Vapid | None:
    """Its key comes of the master key: browsers stay subscribed for as long as that is the same."""
    if found.uaf.push_contact is None:
        return None
    return Vapid(key_from(hmac.digest(master, b"carekey: web push", hashlib.sha384)), found.uaf.push_contact)


def telling(found: Settings, terms: Terms, store: Store, site: Site) -> Telling[Tx] | None:
    if terms.push is None:
        return None
    fetcher = Fetcher(private=found.environment != "production")

    async def send(endpoint: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        try:
            return await fetcher.send(endpoint, body, headers)
        except FetchFailed:
            return None

    return Telling(store=store, terms=terms, vapid=terms.push, send=send, clock=site.clock, entropy=site.entropy)
