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
    logo: str = ""
    """What became of the picture at `logo_uri`: `kept`, or why not. Empty if none was to be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChanged(AuditEvent):
    """A relying party, or its team, replaced its registration."""

    tag: ClassVar[str] = "client:registration:changed"
    issuer: str
    client: str
    name: str
    auth_method: str
    logo: str = ""
    """What became of the picture at `logo_uri`: `kept`, or why not. Empty if none was to be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRemoved(AuditEvent):
    """A relying party removed itself, for ever: nothing that it holds is good any longer."""

    tag: ClassVar[str] = "client:registration:removed"
    issuer: str
    client: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDisabled(AuditEvent):
    """A relying party was switched off: no endpoint serves it, and nothing that it holds is good any longer."""

    tag: ClassVar[str] = "client:registration:disabled"
    issuer: str
    client: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEnabled(AuditEvent):
    """A relying party was switched on again. What it held before stays dead."""

    tag: ClassVar[str] = "client:registration:enabled"
    issuer: str
    client: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused(AuditEvent):
    """Somebody could not register a relying party, or it or its team could not read or change the registration."""

    tag: ClassVar[str] = "client:registration:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamAuthenticated(AuditEvent):
    """A team showed its secret, and got an access token to register its clients with."""

    tag: ClassVar[str] = "client:team:authenticated"
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialAccessTokenMade(AuditEvent):
    """An operator made a token that lets somebody register relying parties."""

    tag: ClassVar[str] = "client:initial-access:made"
    issuer: str
    note: str
    uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialAccessTokenRemoved(AuditEvent):
    """An operator took back a token that let somebody register relying parties."""

    tag: ClassVar[str] = "client:initial-access:removed"
    issuer: str
    note: str


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
    audience: str = ""
    """The resource that the token is for."""
    act: str = ""
    """The client that acts for the person, if the token says so."""
    bound_by: tuple[str, ...] = ()
    """Members of `cnf`: how whoever presents the token proves to be its owner."""


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
class RefreshTokenRepeated(AuditEvent):
    """A refresh token was used again soon after its use, as a client does that lost the answer. It got the same
    successor."""

    tag: ClassVar[str] = "token:refresh:repeated"
    issuer: str
    client: str
    person: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenReplayed(AuditEvent):
    """A refresh token was used again: somebody else may have it. The whole family was revoked."""

    tag: ClassVar[str] = "token:refresh:replayed"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    person: str
    session: str
    revoked: int
    """Access tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(AuditEvent):
    """A client gave a token back. With a refresh token everything of its family went."""

    tag: ClassVar[str] = "token:token:revoked"
    issuer: str
    client: str
    kind: str
    person: str
    session: str
    revoked: int
    """Access tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRefused(AuditEvent):
    """A client that had proven who it is wanted to revoke what is not its own."""

    tag: ClassVar[str] = "token:token:revocation-refused"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionRefused(AuditEvent):
    """A client that had proven who it is looked into a token that is not its to look into, or may not look at all."""

    tag: ClassVar[str] = "token:introspection:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    client: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserinfoRefused(AuditEvent):
    """Somebody asked about a person with no token, or with one that is not good for it."""

    tag: ClassVar[str] = "token:userinfo:refused"
    refusal: ClassVar[bool] = True
    issuer: str
    error: str
    reason: str
