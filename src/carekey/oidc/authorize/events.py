"""What the audit record tells of authorization requests."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRefused(AuditEvent):
    """An authorization request was wrong, or could not be met without a page. `client` is only what it said."""

    tag: ClassVar[str] = "authorization:request:refused"
    refusal: ClassVar[bool] = True

    issuer: str
    client: str
    error: str
    reason: str
