"""NIST's Public Key Interoperability Test Suite, version 1.0.1: certificates and lists from `pkits.zip`.

The suite is a work of the United States government and in the public domain. It is the same data that the package
`cryptography-vectors` carries, without what is not needed here. Each case is one certificate; its name begins with what
RFC 5280 makes of it, with the suite's default settings, or is in `INVALID`.
"""

import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asn1crypto import crl, x509

INVALID = frozenset(f"DifferentPoliciesTest{number}" for number in (4, 5, 7, 8, 9, 12))
_ANCHOR = "TrustAnchorRootCertificate"


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    valid: bool
    leaf: bytes
    between: Sequence[bytes]
    """Every authority that could stand on its path, by name."""
    crls: Sequence[bytes]
    """All lists of those and of the anchor, and of whoever else they say issues them."""


@cache
def _files() -> dict[str, bytes]:
    with zipfile.ZipFile(Path(__file__).with_name("pkits.zip")) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def anchor() -> bytes:
    return _files()[f"{_ANCHOR}.crt"]


@cache
def cases() -> dict[str, Case]:
    authorities: dict[str, list[tuple[bytes, x509.Certificate]]] = defaultdict(list)
    lists: dict[str, list[bytes]] = defaultdict(list)
    for name, der in _files().items():
        if name.endswith(".crl"):
            lists[crl.CertificateList.load(der).issuer.hashable].append(der)
        elif not name.endswith("EE.crt") and not name.startswith(_ANCHOR):
            authority = x509.Certificate.load(der)
            authorities[authority.subject.hashable].append((der, authority))

    def case(file: str, der: bytes) -> Case:
        name = file.removesuffix("EE.crt")
        between: list[bytes] = []
        names = _led_to(x509.Certificate.load(der))
        for wanted in names:  # grows while it is walked
            for own, authority in authorities[wanted]:
                if own not in between:
                    between.append(own)
                    names += [one for one in _led_to(authority) if one not in names]
        return Case(
            name=name,
            valid=not name.startswith("Invalid") and name not in INVALID,
            leaf=der,
            between=tuple(between),
            crls=tuple(own for one in dict.fromkeys(names) for own in lists[one]),
        )

    made = [case(file, der) for file, der in _files().items() if file.endswith("EE.crt")]
    return {one.name: one for one in made}


def _led_to(certificate: x509.Certificate) -> list[str]:
    """Who issued the certificate, and who the lists that could name it."""
    points = certificate.crl_distribution_points_value or ()
    others = [name.chosen for point in points for name in point["crl_issuer"] if name.name == "directory_name"]
    return [one.hashable for one in (certificate.issuer, *others)]
