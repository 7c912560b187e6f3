"""From which network a request comes: the socket's peer, or what a trusted proxy says of it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

INTERNET = "internet"
"""The zone of every address that no configured zone holds."""


class Zones:
    """Named ranges of addresses, such as `hscn`. The first that holds an address is its zone."""

    def __init__(self, zones: Mapping[str, Sequence[Network]], *, proxies: Sequence[Network] = ()) -> None:
        self._zones = zones
        self._proxies = proxies
        self._holding = lru_cache(maxsize=4096)(self._zone_of)

    def of(self, peer: str, forwarded_for: str | None) -> str:
        """The zone for a socket peer and the value of X-Forwarded-For (all its lines, joined by commas)."""
        address = self.address(peer, forwarded_for)
        return INTERNET if address is None else self._holding(address)

    def trusts(self, peer: str) -> bool:
        """Whether the socket's peer is one of our proxies."""
        address = _parsed(peer)
        return address is not None and any(address in proxy for proxy in self._proxies)

    def _zone_of(self, address: Address) -> str:
        for name, networks in self._zones.items():
            if any(address in network for network in networks):
                return name
        return INTERNET

    def address(self, peer: str, forwarded_for: str | None) -> Address | None:
        """The client's address: from the right, the first that is not one of our proxies.

        Whatever stands further left was written by the client itself. None if a proxy said nothing readable:
        its own address tells nothing about the client, and must not let it into the proxy's zone.
        """
        address = _parsed(peer)
        hops = forwarded_for.split(",") if forwarded_for else []
        while address is not None and any(address in proxy for proxy in self._proxies):
            address = _parsed(hops.pop().strip()) if hops else None
        return address


_LONGEST = 45
"""Characters of the longest address in text: whatever is longer is none, and must not fill the memory of `_parsed`."""


def _parsed(text: str) -> Address | None:
    return _parsed_before(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _parsed_before(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
