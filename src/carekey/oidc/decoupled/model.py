"""A request whose client waits for what a person decides elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from carekey.kernel.ids import ClientId, IssuerName, PersonId
from carekey.kernel.secret import digest
from carekey.login.model import Asked
from carekey.oidc.model import TokenDelivery


class Kind(StrEnum):
    DEVICE = "device"
    """RFC 8628."""
    CIBA = "ciba"


class State(StrEnum):
    WAITING = "waiting"
    AGREED = "agreed"
    """Its grant stands where the grants of codes stand, under the same key."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoupledRequest:
    key: bytes
    """Digest of what the client polls with (`key_of`). It is no secret."""
    kind: Kind
    issuer: IssuerName
    client: ClientId
    user_code: bytes | None = None
    """Digest of the code that the person brings (device)."""
    person: PersonId | None = None
    """Who is asked (CIBA). There may be no such person, which the client is not told."""
    asked: Asked
    """Of the log-in by which it is approved."""
    scopes: tuple[str, ...]
    requested_claims: Mapping[str, Any] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    resource: str | None = None
    told: tuple[str, ...] = ()
    """What the application would learn or be able to do, in plain words."""
    message: str = ""
    """CIBA's `binding_message`, which stands on the application's screen too."""
    delivery: TokenDelivery = TokenDelivery.POLL
    callback: bytes | None = None
    """The `auth_req_id` and the token for the client's notification endpoint, sealed."""
    state: State = State.WAITING
    polled_at: datetime | None = None
    due_at: datetime | None = None
    """When the client is to be notified, or the moment until which a worker has that in hand; None if it need not
    be, or has been."""
    tries: int = 0
    """Of notifying it, begun so far."""
    requested_at: datetime
    expires_at: datetime


def key_of(kind: Kind, secret: str) -> bytes:
    """Under what a request, and the grant that comes of it, are kept. A `device_code` is no `auth_req_id`, and neither
    is an authorization code."""
    return digest(f"{kind}:{secret}")
