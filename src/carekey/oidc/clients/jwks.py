"""A client's keys: `jwks` and `jwks_uri` (RFC 7591 section 2; RFC 8705 section 2.2)."""

from collections.abc import Mapping
from typing import Any

from carekey.jose.encryption import Recipients
from carekey.jose.jwt import PRIVATE_MEMBERS, InvalidKeySet, KeySet
from carekey.oidc.clients.reading import Reader
from carekey.oidc.model import ClientAuthMethod, Issuer


def read_keys(read: Reader, method: ClientAuthMethod, issuer: Issuer) -> tuple[Mapping[str, Any] | None, str | None]:
    jwks_uri = read.address("jwks_uri", plain=issuer.private_fetches)
    jwks: Mapping[str, Any] | None = read.take("jwks", None, "a JWK Set", lambda value: isinstance(value, dict))
    if jwks is not None:
        _check_keys(read, jwks)
    if jwks is not None and jwks_uri is not None:
        read.refuse("jwks", "and jwks_uri exclude each other: give one")
    if (
        method is ClientAuthMethod.PRIVATE_KEY_JWT
        and jwks is None
        and jwks_uri is None
        and not read.faulty("jwks", "jwks_uri")
    ):
        read.refuse("jwks_uri", "or jwks is needed for private_key_jwt")
    if method is ClientAuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH and not read.faulty("jwks", "jwks_uri"):
        if jwks is None and jwks_uri is None:
            read.refuse("jwks_uri", f"or jwks is needed for {method}")
        elif jwks is not None and not KeySet.of_jwks(jwks).certificates:
            read.refuse("jwks", "has no certificate: give each key its x5c")
    return jwks, jwks_uri


def _check_keys(read: Reader, jwks: Mapping[str, Any]) -> None:
    try:
        usable = len(KeySet.of_jwks(jwks))
    except InvalidKeySet:
        read.refuse("jwks", 'must have a list named "keys"')
        return
    if any(isinstance(key, dict) and not PRIVATE_MEMBERS.isdisjoint(key) for key in jwks["keys"]):
        read.refuse("jwks", "holds a private key: make a new key, keep its private part to yourself")
    elif usable == 0 and len(Recipients(jwks)) == 0:
        read.refuse(
            "jwks", "has no key that can verify a signature or be encrypted to (RSA from 2048 bits, EC or Ed25519)"
        )
