"""Looks up whether certificates of applications were revoked, in the lists and with the responders of the operator's
authorities, as for smartcards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509

from carekey.app.settings import Settings, duration
from carekey.authenticators.smartcard.fetch import Fetcher
from carekey.authenticators.smartcard.profiles import Method, PkiProfile
from carekey.authenticators.smartcard.revocation import Good, NeedRevocation, Revoked, check_path
from carekey.authenticators.smartcard.revocation_cache import RevocationCache
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy
from carekey.oidc.mtls.revocation import Policy, Revocation, Standing
from carekey.storage.store import Store, Tx

ROUNDS = 4
"""How often more may be asked for: each round may name what only the last one's answer led to."""
TIME_LIMIT = 3.0
"""Seconds for a fetch. An application waits for it, and with `if_available` goes on without."""


class LookUp:
    """A `oidc.mtls.revocation.LooksUp`."""

    def __init__(self, cache: RevocationCache[Tx], terms: PkiProfile) -> None:
        self._cache = cache
        self._terms = terms

    async def standing(self, path: Sequence[x509.Certificate], *, now: datetime) -> Standing:
        evidence = self._cache.evidence()
        for _ in range(ROUNDS):
            match check_path(path, self._terms, evidence=evidence, now=now):
                case Good():
                    return Standing.GOOD
                case Revoked():
                    return Standing.REVOKED
                case NeedRevocation(requests=requests):
                    found = await self._cache.obtain(requests)
                    evidence = replace(found, tried=found.tried | evidence.tried)
                case _:
                    return Standing.UNKNOWN
        return Standing.UNKNOWN


def cache(found: Settings, store: Store, clock: Clock, entropy: Entropy) -> RevocationCache[Tx] | None:
    """None if nothing is looked up."""
    api = found.api_host
    if api.url is None or api.anchors is None or Policy(api.revocation) is Policy.OFF:
        return None
    return RevocationCache(store, fetch=Fetcher(time_limit=TIME_LIMIT), clock=clock, entropy=entropy)


def revocation(found: Settings, cache: RevocationCache[Tx] | None) -> Revocation | None:
    """Raises: SettingsError."""
    if cache is None:
        return None
    api = found.api_host
    terms = PkiProfile(
        name="applications",
        anchors=(),
        methods=tuple(Method(one) for one in api.revocation_methods),
        responders=tuple(api.revocation_responders),
        grace=duration("api_host.revocation_grace", api.revocation_grace) if api.revocation_grace else timedelta(0),
    )
    return Revocation(Policy(api.revocation), LookUp(cache, terms))
