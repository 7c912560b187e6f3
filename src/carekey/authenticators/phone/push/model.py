"""Where a phone wants to be told that something waits (RFC 8030 section 4)."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from carekey.authenticators.phone.push import message
from carekey.jose import base64url
from carekey.kernel.ids import CredentialId, PersonId

_LONGEST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One for each phone. Its endpoint is an address that a client chose, and as secret as a password to it."""

    credential: CredentialId
    person: PersonId
    endpoint: str
    p256dh: bytes
    auth: bytes
    told_at: datetime
    """The phone knows of whatever was asked until then."""


def keys_of(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    """Raises: ValueError."""
    public, secret = base64url.decode(p256dh.encode()), base64url.decode(auth.encode())
    message.browsers_key(public)
    if len(secret) != message.AUTH_SIZE:
        raise ValueError("the authentication secret has another size")
    return public, secret


def is_endpoint(address: str, *, plain: bool) -> bool:
    """Whether this can be a push resource; `plain`: http will do. Where it leads is looked at whenever it is used."""
    if len(address) > _LONGEST or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    schemes = {"https", "http"} if plain else {"https"}
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
