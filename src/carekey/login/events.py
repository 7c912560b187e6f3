"""What the audit record says of log-ins."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStarted(AuditEvent):
    """An application sent somebody to log in, and pages are needed for it."""

    tag: ClassVar[str] = "login:login:started"

    login: str
    issuer: str
    client: str
    acr: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginProven(AuditEvent):
    """A person proved who they are in a log-in. Whether that suffices is decided afterwards."""

    tag: ClassVar[str] = "login:login:proven"

    login: str
    credential: str
    kind: str
    aal: int
    amr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChosen(AuditEvent):
    """A person chose the role in which they act."""

    tag: ClassVar[str] = "login:role:chosen"

    login: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChosen(AuditEvent):
    """Somebody who was logged in said that it is they who go on to an application."""

    tag: ClassVar[str] = "login:account:chosen"

    login: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(AuditEvent):
    """A person agreed to let an application see some of their information, now and until it expires."""

    tag: ClassVar[str] = "login:consent:given"

    issuer: str
    client: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(AuditEvent):
    """What a person agreed to let an application see, it sees no more."""

    tag: ClassVar[str] = "login:consent:withdrawn"

    issuer: str
    client: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFinished(AuditEvent):
    """A log-in ended, and the application was given what it asked for."""

    tag: ClassVar[str] = "login:login:finished"

    login: str
    client: str
    session: str
    acr: str
    aal: int
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReused(AuditEvent):
    """Single sign-on: an application was given what it asked for out of the session, without a page."""

    tag: ClassVar[str] = "login:session:reused"

    client: str
    session: str
    acr: str
    aal: int
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefused(AuditEvent):
    """A log-in ended without success: the person cancelled, or may not or cannot log in."""

    tag: ClassVar[str] = "login:login:refused"
    refusal: ClassVar[bool] = True

    login: str
    client: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginBarred(AuditEvent):
    """Somebody proved who they are, and a page told them that they may not log in. The log-in goes on: it ends when
    they go back to the application, or by itself."""

    tag: ClassVar[str] = "login:login:barred"
    refusal: ClassVar[bool] = True

    login: str
    client: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignBrowser(AuditEvent):
    """A browser that did not begin a log-in tried to go on with it."""

    tag: ClassVar[str] = "login:browser:refused"
    refusal: ClassVar[bool] = True

    login: str
