"""What a companion says: "at this moment, these cards are in my readers". A JWT signed with Ed25519 (RFC 8037). Pure.

It tells of what is, not of what happened: a statement that was lost is made good by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from carekey.jose import base64url, jwt
from carekey.jose.jwt import InvalidJwt, Unverified
from carekey.workstations.model import Workstation, WorkstationId

TYPE = "carekey-cards+jwt"
SIZE_LIMIT = 48 * 1024
READERS = 8
LATE = timedelta(seconds=60)
"""How far the moment that it names may be from ours. A companion whose clock is wrong learns ours from the answer."""


class Refused(StrEnum):
    MALFORMED = "malformed"
    UNKNOWN = "unknown_workstation"
    REVOKED = "revoked"
    FORGED = "bad_signature"
    OTHER_SERVICE = "other_audience"
    LATE = "clock"
    """Named a moment too far from now."""
    REPLAYED = "replayed"
    """Named a moment no later than one that was named before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    workstation: WorkstationId
    audience: str
    at: datetime
    cards: tuple[bytes, ...]
    """Certificates, DER, for logging in."""
    token: Unverified


def read(text: str) -> Statement | Refused:
    """Take it apart. Nothing in it is believed yet."""
    try:
        token = jwt.parse(text, limit=SIZE_LIMIT)
    except InvalidJwt:
        return Refused.MALFORMED
    claims = token.claims
    at, cards = claims.get("at"), claims.get("cards")
    named = isinstance(claims.get("iss"), str) and isinstance(claims.get("aud"), str)
    if token.header.alg != "EdDSA" or token.header.typ != TYPE or not named:
        return Refused.MALFORMED
    if isinstance(at, bool) or not isinstance(at, int) or not 0 < at < 10**14:
        return Refused.MALFORMED
    if not isinstance(cards, list) or len(cards) > READERS or not all(isinstance(one, str) for one in cards):
        return Refused.MALFORMED
    try:
        found = tuple(base64url.decode(one.encode("ascii")) for one in cards)
    except ValueError:
        return Refused.MALFORMED
    return Statement(
        workstation=WorkstationId(claims["iss"]),
        audience=claims["aud"],
        at=datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000),
        cards=found,
        token=token,
    )


def fault(statement: Statement, by: Workstation, *, audiences: Sequence[str], now: datetime) -> Refused | None:
    """Why it is not believed. Whether it was made before is the store's to say (`Workstations.heard`)."""
    try:
        Ed25519PublicKey.from_public_bytes(by.key).verify(statement.token.signature, statement.token.signing_input)
    except InvalidSignature:
        return Refused.FORGED
    if by.revoked_at is not None:
        return Refused.REVOKED
    if statement.audience not in audiences:
        return Refused.OTHER_SERVICE
    if abs(statement.at - now) > LATE:
        return Refused.LATE
    return Refused.REPLAYED if statement.at <= by.heard_at else None
