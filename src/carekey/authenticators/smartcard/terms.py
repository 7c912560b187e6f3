"""What an operator decides about smartcards, and what judging one needs from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from carekey.authenticators.base import Way
from carekey.authenticators.smartcard.evidence import Evidence, Wanted
from carekey.authenticators.smartcard.issuing import Desk
from carekey.authenticators.smartcard.profiles import PkiProfile
from carekey.authenticators.smartcard.virtual import Wallet
from carekey.kernel.actor import Actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import IssuerName

WAY = Way(
    name="smartcard",
    title="Smartcard",
    hint="Put your card in the reader and enter its passcode",
    amr=frozenset({Amr.N3_SMARTCARD, Amr.CIS2_SMARTCARD}),
    levels=frozenset({AAL.AAL3}),
    needs_script=False,
)


class Revocations(Protocol):
    """Finds out what `revocation.check` asks for. `revocation_cache.py` is one."""

    def evidence(self) -> Evidence:
        """What is at hand."""
        ...

    async def obtain(self, requests: Sequence[Wanted]) -> Evidence:
        """What is at hand once these were looked for; `tried` names those that could not be had."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    card_host: str
    """Origin of the card host. A `*` as its first label stands for a random one at each attempt: browsers remember
    for each host which certificate they gave it, and offer the next person's card to a new host only."""
    log_in_hosts: Mapping[IssuerName, str]
    """Origin of each issuer's log-in pages."""
    profiles: Sequence[PkiProfile]
    revocations: Revocations
    zones: frozenset[str] | None
    """Network zones that cards are accepted from; None for every zone."""
    n3_zones: frozenset[str]
    """Zones whose log-ins say N3_SMARTCARD, as cards on the health network always have (cis2-profile section 4.3)."""
    proxied: bool
    """Whether a proxy ends TLS on the card host and says in Client-Cert what it was shown (RFC 9440)."""
    virtual: Wallet | None = None
    """Cards that the service itself holds; None where there are none, as in production always."""
    desk: Callable[[Actor], Desk[Any]] | None = None
    """Where people renew cards of our own authority by themselves; None where they cannot."""

    @property
    def remembers(self) -> bool:
        """Whether the browser will offer the same card, or none, to the next person."""
        return "//*." not in self.card_host

    def address(self, label: str) -> str:
        return self.card_host.replace("*", label, 1)

    def accepts_from(self, zone: str) -> bool:
        return self.zones is None or zone in self.zones

    def amr(self, zone: str) -> Amr:
        return kind(zone, n3_zones=self.n3_zones)


def kind(zone: str, *, n3_zones: Collection[str]) -> Amr:
    """What a card is called that is used from this zone."""
    return Amr.N3_SMARTCARD if zone in n3_zones else Amr.CIS2_SMARTCARD
