"""Authorities whose own path was built before. Under one of them a single signature is left to check: the card's.

What is kept is a fact that stays true: this authority's certificate leads to that anchor, by signatures and rules that do
not change. What can change is looked at each time: dates here, revocation of every authority in `revocation.py`. Another
PKI, or other certificates sent along, have a path of their own, so the answer is the one that building it anew gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder

from carekey.authenticators.smartcard.policies import extension

AT_MOST = 32
"""Everybody with a card can have one more kept, by sending other certificates along."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPath:
    """From an authority to the anchor."""

    path: tuple[x509.Certificate, ...]
    policy: PolicyBuilder
    """The same rules, with the authority for an anchor."""
    starts: datetime
    ends: datetime
    """When all of its certificates are valid."""


class KnownPaths:
    """Of one process, in memory. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._kept: dict[Key, KnownPath] = {}

    def find(self, key: Key, at: datetime) -> KnownPath | None:
        found = self._kept.get(key)
        return found if found is not None and found.starts <= at <= found.ends else None

    def keep(self, key: Key, path: Sequence[x509.Certificate], policy: PolicyBuilder) -> None:
        """Not if an authority constrains the names below it (RFC 5280 section 4.2.1.10): then every card is another case."""
        if any(extension(one, x509.NameConstraints) is not None for one in path):
            return
        if len(self._kept) >= AT_MOST:
            self._kept.clear()
        self._kept[key] = KnownPath(
            path=tuple(path),
            policy=policy,
            starts=max(one.not_valid_before_utc for one in path),
            ends=min(one.not_valid_after_utc for one in path),
        )
