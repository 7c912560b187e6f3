"""What is kept of a log-in between two requests."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from carekey.authenticators.base import Verified
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import ClientId, IssuerName, LoginId, PersonId, RoleProfileId
from carekey.sessions.model import Lifetimes


class Chooser(StrEnum):
    """When somebody who is logged in is asked whether they go on as who they are."""

    NEVER = "never"
    """An application that wants an account chosen (`prompt=select_account`) has the person log in."""
    ASKED = "asked"
    """When an application wants an account chosen."""
    ALWAYS = "always"
    """At each application, unless it wants no page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How one issuer wants log-ins to go."""

    issuer: IssuerName
    ways: Mapping[str, frozenset[str] | None]
    """Names of the ways offered, in the page's order, each with the network zones that it is offered to and
    accepted from; None for every zone."""
    yields: Mapping[str, Callable[[str], Amr]] = field(default_factory=dict)
    """What a way yields from a network zone, where that depends on it."""
    remember_way: bool = True
    chooser: Chooser = Chooser.NEVER
    consent_lifetime: timedelta | None = None
    """How long an agreement to share counts. None: for the log-in in which it was given."""
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
class Links:
    """The application's own pages about itself. Nothing is fetched from them."""

    site: str | None = None
    policy: str | None = None
    """How it uses information about people."""
    terms: str | None = None


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
    links: Links = Links()
    """For whoever decides whether to share."""
    share_anew: bool = False
    """Ask even if the person agreed before (`prompt=consent`)."""
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
    account: PersonId | None = None
    """The person of the session, who said that it is they who go on."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person agreed to let an application see: the very words that they saw, so that other words are asked
    about anew."""

    person: PersonId
    issuer: IssuerName
    client: ClientId
    items: tuple[str, ...]
    given_at: datetime
    expires_at: datetime
    """Until when it counts; once withdrawn, until when that is remembered."""
    withdrawn_at: datetime | None = None

    def covers(self, items: Collection[str], *, now: datetime) -> bool:
        return self.withdrawn_at is None and now < self.expires_at and set(items) <= set(self.items)
