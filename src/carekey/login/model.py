"""What is kept of a log-in between two requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carekey.authenticators.base import Verified
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import ClientId, IssuerName, LoginId, PersonId, RoleProfileId
from carekey.sessions.model import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How one issuer wants log-ins to go."""

    issuer: IssuerName
    ways: Mapping[str, frozenset[str] | None]
    """Names of the ways offered, in the page's order, each with the network zones that it is offered to and
    accepted from; None for every zone."""
    remember_way: bool = True
    lifetime: timedelta = timedelta(minutes=15)
    """From the application's request to its answer."""
    sessions: Lifetimes = Lifetimes()


class RoleAsked(StrEnum):
    """Whether the application wants one role (cis2-profile section 5.4)."""

    NO = "no"
    SELECTED = "selected"
    """Scope `selectedrole`: an earlier choice in the session will do."""
    CHANGED = "changed"
    """Scope `changedrole`: ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the application wants of the log-in, in no protocol's terms."""

    client: ClientId
    application: str
    acr: tuple[str, ...]
    """Classes of `login/acr.py`, any of which will do; the first that holds is reported, best first."""
    minimum: AAL = AAL.AAL1
    """Whatever the class admits, nothing below this (a client's own rule)."""
    fresh: bool = False
    """Prove it now, whatever session there is (`prompt=login`)."""
    choose_account: bool = False
    """Do not assume that the person of the session is the one meant (`prompt=select_account`)."""
    silent: bool = False
    """Show no page (`prompt=none`)."""
    max_age: int | None = None
    """Seconds since the last factor was given."""
    role: RoleAsked = RoleAsked.NO
    person: PersonId | None = None
    """Only this person will do (`id_token_hint`)."""
    hint: str = ""
    """Who it probably is (`login_hint`): fills a field in, decides nothing."""
    share: tuple[str, ...] = ()
    """What the application would be told, in plain words; ask the person first. Empty: no need to ask."""
    return_origin: str = ""
    """Origin of the redirect address, for the page's `form-action`."""
    language: str = "en"


class Outcome(StrEnum):
    ISSUED = "issued"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    id: LoginId
    issuer: IssuerName
    browser: bytes
    """Digest of the secret in the cookie of this log-in: only the browser that began it may go on."""
    reference: str
    asked: Asked
    request: bytes
    """The protocol's own request, opaque here."""
    proof: Verified | None = None
    role: RoleProfileId | None = None
    started_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """The verdict that a log-in ends with, for the protocol to turn into a code."""

    acr: str
    aal: AAL
    """The level that the proof still carries, which idle time may have lowered."""
    role: RoleProfileId | None = None
    """The role that the application is told of; None if it did not ask or the person holds none."""
