"""Certificate policies along a path (RFC 5280 section 6.1). Policies are not mapped: an authority that maps refuses
itself where it says so critically, and narrows what is valid where it does not."""

from collections.abc import Sequence
from typing import TypeVar

from cryptography import x509

ANY = "2.5.29.32.0"

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


def acceptable(path: Sequence[x509.Certificate], wanted: frozenset[str]) -> bool:
    """Whether the path is good for one of the wanted policies. `path`: from the card's certificate to the anchor.

    Without any wanted it still must be good for some policy where an authority asks for that (requireExplicitPolicy).
    """
    below = path[-2::-1]
    last = len(below)
    valid: frozenset[str] = frozenset({ANY})
    explicit = 0 if wanted else last + 1
    inhibit_any = last + 1
    for depth, certificate in enumerate(below, start=1):
        named = _named(certificate)
        self_issued = depth < last and certificate.subject == certificate.issuer
        if ANY not in named or (inhibit_any == 0 and not self_issued):
            valid = named - {ANY} if ANY in valid else valid & named
        if not valid and explicit == 0:
            return False
        if not self_issued:
            explicit, inhibit_any = max(explicit - 1, 0), max(inhibit_any - 1, 0)
        explicit = min(explicit, _asked(certificate, only=0 if depth == last else None, otherwise=explicit))
        found = extension(certificate, x509.InhibitAnyPolicy)
        if found is not None:
            inhibit_any = min(inhibit_any, found.skip_certs)
    if wanted:
        # anyPolicy may stand in an authority's certificate. A card's own says what it is for.
        valid = (wanted if ANY in valid else valid & wanted) & _named(path[0])
    return bool(valid) or explicit > 0


def _named(certificate: x509.Certificate) -> frozenset[str]:
    found = extension(certificate, x509.CertificatePolicies)
    return frozenset(one.policy_identifier.dotted_string for one in found or ())


def _asked(certificate: x509.Certificate, *, only: int | None, otherwise: int) -> int:
    """requireExplicitPolicy. `only`: the one value that counts in the last certificate (section 6.1.5 (b))."""
    found = extension(certificate, x509.PolicyConstraints)
    asked = found.require_explicit_policy if found is not None else None
    return otherwise if asked is None or only not in {None, asked} else asked


def extension(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    for one in certificate.extensions:
        if type(one.value) is kind:
            return one.value
    return None
