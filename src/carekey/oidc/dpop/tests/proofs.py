"""Proofs as a client makes them, and as it should not."""

import json
from functools import cache
from typing import Any

from joserfc import jwk, jws

from carekey.jose import base64url
from carekey.oidc.dpop.proof import hash_of
from carekey.oidc.tests.world import ISSUER_URL, TOKEN_URL, World

# A client with WHATWG URLs (every browser, Node.js) drops the default port.
USERINFO_URL = f"{ISSUER_URL}/userinfo".replace(":443", "")


def key(name: str = "first", kind: str = "ES256") -> Any:
    return _made(name, kind)


@cache
def _made(_name: str, kind: str) -> Any:
    match kind[:2]:
        case "ES":
            return jwk.ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[kind])
        case "Ed":
            return jwk.OKPKey.generate_key("Ed25519")
        case _:
            return jwk.RSAKey.generate_key(2048)


def jkt(name: str = "first", kind: str = "ES256") -> str:
    """As another library counts it."""
    thumbprint: str = key(name, kind).thumbprint()
    return thumbprint


def proof(
    world: World,
    *,
    by: str = "first",
    alg: str = "ES256",
    header: dict[str, Any] | None = None,
    token: str | None = None,
    signed_by: Any = None,
    **changes: Any,
) -> str:
    """A proof as it should be, for the token endpoint, changed. A claim or header member set to None is left out."""
    claims = {
        "jti": world.entropy.bytes(12).hex(),
        "htm": "POST",
        "htu": TOKEN_URL.replace(":443", ""),
        "iat": int(world.clock.now().timestamp()),
        "ath": None if token is None else hash_of(token),
        **changes,
    }
    members = {"typ": "dpop+jwt", "alg": alg, "jwk": key(by, alg).as_dict(private=False), **(header or {})}
    members = {name: value for name, value in members.items() if value is not None}
    payload = {name: value for name, value in claims.items() if value is not None}
    signing_input = b".".join(base64url.encode(json.dumps(part).encode()) for part in (members, payload))
    algorithm = jws.JWSRegistry.algorithms.get(members["alg"])
    signature = algorithm.sign(signing_input, signed_by or key(by, alg)) if algorithm else b""
    return (signing_input + b"." + base64url.encode(signature)).decode()


def at_userinfo(world: World, token: str, **changes: Any) -> str:
    return proof(world, token=token, **{"htm": "GET", "htu": USERINFO_URL, **changes})
