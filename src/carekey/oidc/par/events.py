"""What the audit record tells of pushed authorization requests."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPushed(AuditEvent):
    """A client pushed an authorization request, and was given a `request_uri` for it."""

    tag: ClassVar[str] = "authorization:request:pushed"
    issuer: str
    client: str
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRefused(AuditEvent):
    """A client that had proven who it is pushed a request that was wrong."""

    tag: ClassVar[str] = "authorization:push:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    error: str
    reason: str
