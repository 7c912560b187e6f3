"""Authentication context classes: the values of `acr_values` and `acr`. Source: cis2-profile section 4.2."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from carekey.authenticators.base import Way
from carekey.kernel.assurance import AAL, Amr


@dataclass(frozen=True, slots=True)
class AcrClass:
    levels: frozenset[AAL]
    amr: frozenset[Amr] | None = None
    """Methods that will do; None for every method."""

    def holds(self, aal: AAL, amr: Amr, *, minimum: AAL = AAL.AAL1) -> bool:
        return aal in self.levels and aal >= minimum and (self.amr is None or amr in self.amr)

    def admits(self, way: Way, *, minimum: AAL = AAL.AAL1) -> frozenset[AAL]:
        """The levels at which this way could satisfy it; none if it cannot."""
        if self.amr is not None and not (self.amr & way.amr):
            return frozenset()
        return frozenset(level for level in self.levels & way.levels if level >= minimum)


_AAL1 = frozenset({AAL.AAL1})
_AAL2 = frozenset({AAL.AAL2})
_AAL3 = frozenset({AAL.AAL3})
_SMARTCARDS = frozenset({Amr.N3_SMARTCARD, Amr.CIS2_SMARTCARD})

CLASSES: dict[str, AcrClass] = {
    "AAL3_ANY": AcrClass(_AAL3),
    "AAL3_SMARTCARD": AcrClass(_AAL3, _SMARTCARDS),
    "AAL3_N3_SMARTCARD": AcrClass(_AAL3, frozenset({Amr.N3_SMARTCARD})),
    "AAL3_CIS2_SMARTCARD": AcrClass(_AAL3, frozenset({Amr.CIS2_SMARTCARD})),
    "AAL3_FIDO2": AcrClass(_AAL3, frozenset({Amr.FIDO2})),
    "AAL3_IOS": AcrClass(_AAL3, frozenset({Amr.IOS})),
    "AAL2_OR_AAL3_ANY": AcrClass(_AAL2 | _AAL3),
    "AAL2_ANY": AcrClass(_AAL2),
    "AAL2_TOTP": AcrClass(_AAL2, frozenset({Amr.TOTP})),
    "AAL2_NHSMAIL": AcrClass(_AAL2, frozenset({Amr.NHSMAIL})),
    "AAL1_USERPASS": AcrClass(_AAL1, frozenset({Amr.PASSWORD})),
}
DEFAULT = "AAL3_ANY"


def wanted(values: Iterable[str], *, minimum: AAL = AAL.AAL1) -> tuple[str, ...]:
    """The classes among these values that are known and reach the minimum, best first.

    Of equally good ones the first named comes first: the order is one of preference (OpenID Connect Core
    section 3.1.2.1). Empty if there is none.
    """
    known = {value: CLASSES[value] for value in values if value in CLASSES}
    reachable = [value for value, acr in known.items() if max(acr.levels) >= minimum]
    return tuple(sorted(reachable, key=lambda value: (-min(known[value].levels), -max(known[value].levels))))


def satisfied(values: Iterable[str], aal: AAL, amr: Amr, *, minimum: AAL = AAL.AAL1) -> str | None:
    """The first of these classes that such a proof satisfies. It is the `acr` of the answer: what was asked
    for, not the narrowest name for what was done (cis2-profile section 11)."""
    return next((value for value in values if CLASSES[value].holds(aal, amr, minimum=minimum)), None)


@lru_cache(maxsize=4096)
def admitted(values: tuple[str, ...], way: Way, *, minimum: AAL = AAL.AAL1) -> frozenset[AAL]:
    """The levels at which this way could satisfy any of these classes."""
    return frozenset[AAL]().union(*(CLASSES[value].admits(way, minimum=minimum) for value in values))


def supported(ways: Collection[Way]) -> tuple[str, ...]:
    """The classes that these ways can satisfy, for discovery's `acr_values_supported`."""
    return tuple(value for value, acr in CLASSES.items() if any(acr.admits(way) for way in ways))
