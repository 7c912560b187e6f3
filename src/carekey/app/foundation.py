"""What every part of an installation stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carekey.app import master_key
from carekey.app.settings import Settings
from carekey.jose.sealing import Sealing
from carekey.jose.signer import Signer
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import IssuerName
from carekey.oidc.client_auth.keys import ClientKeys
from carekey.oidc.fetch import Fetcher
from carekey.oidc.model import Issuer
from carekey.storage.store import Store
from carekey.web.kit import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    settings: Settings
    master: bytes
    """The master key. `derived` gives what may be used."""
    store: Store
    sealing: Sealing
    site: Site
    issuers: Sequence[Issuer]
    signers: Mapping[IssuerName, Signer]
    keys: Mapping[IssuerName, ClientKeys]
    """Those of applications: one cache for each issuer, so that a server that does not answer is left in peace by all of it."""

    @property
    def clock(self) -> Clock:
        return self.site.clock

    @property
    def entropy(self) -> Entropy:
        return self.site.entropy

    def derived(self, purpose: str) -> bytes:
        """A key for this purpose alone."""
        return master_key.derived(self.master, purpose)


def fetcher(issuer: Issuer) -> Fetcher:
    """For addresses that clients of this issuer gave."""
    return Fetcher(private=issuer.private_fetches)
