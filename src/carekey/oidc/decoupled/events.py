"""What the audit record tells of requests that a person decides elsewhere."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoupledRequestMade(AuditEvent):
    """A client asked for a log-in that happens elsewhere: by a device's code, or by CIBA. `person` is whom it named;
    there need not be such a person."""

    tag: ClassVar[str] = "decoupled:request:made"
    issuer: str
    client: str
    kind: str
    request: str
    person: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoupledRequestRefused(AuditEvent):
    """A client that had proven who it is asked for a log-in elsewhere in a way that was wrong."""

    tag: ClassVar[str] = "decoupled:request:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    kind: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoupledRequestAgreed(AuditEvent):
    """A person logged in and agreed; the waiting client can have its tokens, in a session of their own."""

    tag: ClassVar[str] = "decoupled:request:agreed"
    issuer: str
    client: str
    kind: str
    request: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoupledRequestDeclined(AuditEvent):
    """The waiting client gets nothing: somebody refused, or could not log in."""

    tag: ClassVar[str] = "decoupled:request:declined"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    kind: str
    request: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoupledRequestLate(AuditEvent):
    """A person logged in to decide a request that had expired, or that had been decided in the meantime."""

    tag: ClassVar[str] = "decoupled:request:late"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    kind: str
    request: str
