"""Android key attestation, as strong evidence beside surrogate attestation (section 14.6).

The extension itself is unsigned, so its absence proves nothing; but its certificates name the challenge and the key.
"""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from carekey.authenticators.uaf import algorithms, der, path, strict_json
from carekey.authenticators.uaf.algorithms import PublicKey
from carekey.authenticators.uaf.extensions import ANDROID_KEY_ATTESTATION
from carekey.authenticators.uaf.messages import Extension
from carekey.authenticators.uaf.registry import KeyProtection
from carekey.authenticators.uaf.statement import Statement, certificate
from carekey.authenticators.uaf.status import Reason, UafError

KEY_DESCRIPTION = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17")

_IMPOSSIBLE, _UNAVAILABLE = "p", "a"
_HARDWARE = KeyProtection.HARDWARE | KeyProtection.TEE | KeyProtection.SECURE_ELEMENT

_PURPOSE, _KEY_SIZE, _DIGEST = der.explicit(1), der.explicit(3), der.explicit(5)
_NO_AUTH_REQUIRED, _USER_AUTH_TYPE, _AUTH_TIMEOUT = der.explicit(503), der.explicit(504), der.explicit(505)
_ALL_APPLICATIONS, _ORIGIN = der.explicit(600), der.explicit(702)

_SIGN, _SHA256, _GENERATED = 2, 4, 0
_USER_AUTH = 0b11
"""Passcode and biometric; the other bits are not defined."""
_SOFTWARE_LEVEL = 0


def verify(
    extensions: Iterable[Extension],
    statement: Statement,
    key: PublicKey,
    *,
    final_challenge_hash: bytes,
    at: datetime | None,
) -> bool:
    """Whether Android proves that the key lives in hardware; False where it says nothing, or only "software".

    Raises: UafError(ANDROID_KEY_ATTESTATION) for a statement that does not hold.
    """
    data = next((each.data for each in extensions if each.id == ANDROID_KEY_ATTESTATION), "")
    if data in {"", _IMPOSSIBLE, _UNAVAILABLE}:
        return False
    try:
        return _verify(data, statement, key, final_challenge_hash=final_challenge_hash, at=at)
    except (KeyError, TypeError, ValueError, AttributeError, UafError, path.PathError) as error:
        raise UafError(Reason.ANDROID_KEY_ATTESTATION, str(error)[:100]) from None


def _verify(
    data: str, statement: Statement, key: PublicKey, *, final_challenge_hash: bytes, at: datetime | None
) -> bool:
    said = strict_json.read(data)
    if said in (_IMPOSSIBLE, _UNAVAILABLE):
        return False
    chain = path.load([certificate(text) for text in said])
    path.verify(chain, statement.android_roots, at=at)
    if algorithms.encode_key(path.public_key(chain[0])) != algorithms.encode_key(key):
        raise ValueError("another key")
    attested_level, challenge, software, hardware = _description(chain[0])
    if challenge != final_challenge_hash:
        raise ValueError("another challenge")
    if _ALL_APPLICATIONS in software or _ALL_APPLICATIONS in hardware:
        raise ValueError("for all applications")
    in_hardware = bool(statement.key_protection & _HARDWARE)
    if in_hardware and attested_level == _SOFTWARE_LEVEL:
        raise ValueError("attested by software")
    _check(hardware if in_hardware else software, key)
    return in_hardware


def _description(leaf: x509.Certificate) -> tuple[int, bytes, dict[int, bytes], dict[int, bytes]]:
    """Security level of the attestation, challenge, and the two authorisation lists by tag."""
    try:
        extension = leaf.extensions.get_extension_for_oid(KEY_DESCRIPTION).value
    except x509.ExtensionNotFound:
        raise ValueError("no key description") from None
    fields = der.items(der.only(extension.public_bytes(), der.SEQUENCE))
    expected = [
        der.INTEGER,
        der.ENUMERATED,
        der.INTEGER,
        der.ENUMERATED,
        der.OCTET_STRING,
        der.OCTET_STRING,
        der.SEQUENCE,
        der.SEQUENCE,
    ]
    if [tag for tag, _ in fields] != expected:
        raise ValueError("an unknown key description")
    level = min(der.integer(fields[1][1]), der.integer(fields[3][1]))
    return level, fields[4][1], _authorisations(fields[6][1]), _authorisations(fields[7][1])


def _authorisations(data: bytes) -> dict[int, bytes]:
    found = der.items(data)
    if len(dict(found)) != len(found):
        raise ValueError("an authorisation twice")
    return dict(found)


def _check(enforced: dict[int, bytes], key: PublicKey) -> None:
    """What whoever enforces it says of the key must all be in its list. Raises: ValueError, KeyError."""
    match key:
        case ec.EllipticCurvePublicKey() | rsa.RSAPublicKey():
            right_size = _number(enforced, _KEY_SIZE) == key.key_size in {256, 2048}
        case _:
            right_size = False
    for right, what in (
        (right_size, "key size"),
        (_numbers(enforced, _PURPOSE) == {_SIGN}, "purpose"),
        (_SHA256 in _numbers(enforced, _DIGEST), "digest"),
        (_number(enforced, _ORIGIN) == _GENERATED, "origin"),
        (_NO_AUTH_REQUIRED not in enforced, "no authentication required"),
        (_number(enforced, _USER_AUTH_TYPE) & _USER_AUTH != 0, "userAuthType"),
        (_AUTH_TIMEOUT not in enforced or _number(enforced, _AUTH_TIMEOUT) == 0, "authTimeout"),
    ):
        if not right:
            raise ValueError(what)


def _number(enforced: dict[int, bytes], tag: int) -> int:
    return der.integer(der.only(enforced[tag], der.INTEGER))


def _numbers(enforced: dict[int, bytes], tag: int) -> set[int]:
    members = der.items(der.only(enforced[tag], der.SET))
    if any(tag != der.INTEGER for tag, _ in members):
        raise ValueError("not numbers")
    return {der.integer(content) for _, content in members}
