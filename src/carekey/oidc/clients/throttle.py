"""How many may register in an hour without an initial access token, by address and in all.

Every try counts, whatever becomes of it, since each is written down. An hour is one of the clock, so that every node can
say when the next begins without asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network

from carekey.authenticators.ports import Failures
from carekey.kernel.ids import IssuerName
from carekey.oidc.model import Registration

_HOUR = 3600

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Exhausted:
    again_in: timedelta
    first: bool
    """Whether nobody was refused for this before: one line on the record is enough for each hour."""


def count(
    failures: Failures, issuer: IssuerName, rules: Registration, address: Address | None, *, now: datetime
) -> Exhausted | None:
    """Count one more try; None if it may go on. One that its address is refused for counts for that address alone."""
    ends = datetime.fromtimestamp((int(now.timestamp()) // _HOUR + 1) * _HOUR, UTC)
    for whose, most in _bounds(rules, address):
        tries = failures.add(f"register:{issuer}:{whose}:{int(ends.timestamp())}", now=now, until=ends)
        if tries > most:
            return Exhausted(again_in=ends - now, first=tries == most + 1)
    return None


def _bounds(rules: Registration, address: Address | None) -> Sequence[tuple[str, int]]:
    return ((_network(address), rules.by_address), ("all", rules.in_all))


def _network(address: Address | None) -> str:
    """Whoever has one address of IPv6 has 2^64 of them."""
    return str(ip_network(f"{address}/64", strict=False) if isinstance(address, IPv6Address) else address)
