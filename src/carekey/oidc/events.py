"""What the audit record tells of clients and of tokens."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCreated(AuditEvent):
    """A relying party was registered."""

    tag: ClassVar[str] = "client:registration:created"
    issuer: str
    client: str
    name: str
    auth_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRefused(AuditEvent):
    """Somebody failed to prove to be a client. `claimed` is only what they said."""

    tag: ClassVar[str] = "client:authentication:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    claimed: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensIssued(AuditEvent):
    """A client received an access token, and an ID token with it if a person is named."""

    tag: ClassVar[str] = "token:grant:issued"
    issuer: str
    client: str
    grant_type: str
    person: str
    session: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensRefused(AuditEvent):
    """A client that had proven who it is asked for tokens and got none."""

    tag: ClassVar[str] = "token:grant:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    grant_type: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReplayed(AuditEvent):
    """A code was used again: somebody else may have it. What it had bought was revoked."""

    tag: ClassVar[str] = "token:code:replayed"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    person: str
    session: str
    revoked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserinfoRefused(AuditEvent):
    """Somebody asked about a person with no token, or with one that is not good for it."""

    tag: ClassVar[str] = "token:userinfo:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    error: str
    reason: str
