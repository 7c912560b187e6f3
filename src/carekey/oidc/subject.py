"""What a client is told that a person is called: the national user number, or a name that its sector alone knows.

A pairwise subject is the number encrypted by AES-SIV, which gives the same text every time, with the issuer and the
sector as associated data: two sectors cannot compare their people, and we need keep no list. The key is made from
the master key. Pure.

Source: OpenID Connect Core sections 8 and 8.1; RFC 5297.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from carekey.jose import base64url
from carekey.kernel.ids import PersonId
from carekey.oidc.model import Client, Issuer

NOBODY = PersonId("nobody")
"""Stands for a `sub` that was never told: it must not match, least of all the number that it may be."""

_cipher = lru_cache(maxsize=64)(AESSIV)


def types(issuer: Issuer) -> tuple[str, ...]:
    """What a client can choose from. CIS2 knows public subjects alone (cis2-profile section 2.3)."""
    return ("public",) if issuer.profile == "cis2" else ("public", "pairwise")


def of(person: PersonId, client: Client, issuer: Issuer) -> str:
    """`sub` of everything that this client is told of the person."""
    if client.sector is None:
        return person
    sealed = _cipher(issuer.pairwise_key).encrypt(person.encode(), _of_sector(client.sector, issuer))
    return base64url.encode(sealed).decode("ascii")


def person(sub: str, client: Client, issuer: Issuer) -> PersonId:
    """Whom the client means by a `sub` of its own; NOBODY if that was never told to its sector."""
    if client.sector is None:
        return PersonId(sub)
    try:
        sealed = base64url.decode(sub.encode("ascii"))
        plain = _cipher(issuer.pairwise_key).decrypt(sealed, _of_sector(client.sector, issuer))
        return PersonId(plain.decode())
    except (InvalidTag, ValueError):
        return NOBODY


def _of_sector(sector: str, issuer: Issuer) -> list[bytes]:
    return [issuer.name.encode(), sector.encode()]
