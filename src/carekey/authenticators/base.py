"""What every authenticator is made of.

A ceremony comes in a pair: `begin` gives what the browser needs and a `Pending` to keep, `finish` takes that
back with the answer and gives an outcome. Both are pure. An ordinary failure is a value, not an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, IssuerName, LoginId, PersonId, SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One choice on the page "How do you want to log in?" (ux.md A1)."""

    name: str
    """The last part of its address, /login/{id}/{name}, and the value of the last-used cookie."""
    title: str
    hint: str
    amr: frozenset[Amr]
    """What it can yield, so that the chooser offers only ways that can satisfy the request."""
    levels: frozenset[AAL]
    needs_script: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The proof that a log-in keeps. `at` is the moment the last factor was given: `auth_time`."""

    person: PersonId
    credential: CredentialId
    kind: str
    aal: AAL
    amr: Amr
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """`why` is a member of the authenticator's own StrEnum: it goes on the audit record and picks the words."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What was registered. `data` belongs to the authenticator of this kind, and only it can read it."""

    id: CredentialId
    person: PersonId
    kind: str
    """The authenticator's folder: `webauthn`, `userpass` …"""
    handle: bytes
    """By which an answer names it: the WebAuthn credential id, the user name. Unique within the kind."""
    label: str
    """For people: "YubiKey 5 NFC"."""
    data: bytes
    counter: int = 0
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A question put to a browser, answered at most once."""

    digest: bytes
    subject: str
    """What it was put for: a log-in's or an enrolment's id. An answer for another one is refused."""
    data: bytes
    """The authenticator's own `Pending`, encoded."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A one-time invitation to add a way to log in; only the digest of its link is kept."""

    digest: bytes
    person: PersonId
    invited_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    level: AAL = AAL.AAL3
    """What is added may be worth no more: the level of the log-in that it was made in; AAL3 if a registration
    authority made it."""
    session: SessionId | None = None
    """In which the person made it for themself. It is good for no longer than that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The part of a log-in that an authenticator may know."""

    id: LoginId
    issuer: IssuerName
    application: str
    """The name that the page shows after "to continue to"."""
    reference: str
    person: PersonId | None
    """The only person who may prove themself here, if the request named one."""
    levels: frozenset[AAL]
    """Levels that the request would accept."""
    csrf: str
    proven: bool = False
    """Somebody has proven themself in this log-in, in a way that does not suffice."""
    form_action: str = ""
    """For the content security policy: where the log-in may end up redirecting to."""
    others: bool = True
    """Whether another way to log in is offered here: a page that says "use another way" has to know."""
    more: Mapping[str, Any] = field(default_factory=dict)
