"""What comes next in a log-in. Pure: facts in, verdict out; the table of its test is the rule book."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from carekey.authenticators.base import Verified, Way
from carekey.directory.model import Person, PersonStatus, RoleProfile
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import PersonId, RoleProfileId
from carekey.login import acr
from carekey.login.model import Asked, Chooser, Issue, RoleAsked
from carekey.sessions.model import Session

LINGERING = 300
"""Seconds that somebody may take from their proof to the end of the log-in, however small `max_age` is."""


class Refusal(StrEnum):
    """Why a log-in ends without the application getting what it asked for."""

    CANCELLED = "cancelled"
    NOT_SHARED = "not_shared"
    PERSON_UNKNOWN = "person_unknown"
    PERSON_SUSPENDED = "person_suspended"
    PERSON_CLOSED = "person_closed"
    LOGIN_REQUIRED = "login_required"
    INTERACTION_REQUIRED = "interaction_required"
    CONSENT_REQUIRED = "consent_required"


class Because(StrEnum):
    """Why a proof is needed although there may have been one."""

    NO_SESSION = "no_session"
    ASKED_AGAIN = "asked_again"
    CHOOSE_ACCOUNT = "choose_account"
    """Where the issuer has an account chooser, this can be answered with “it is I”."""
    TOO_LONG_AGO = "too_long_ago"
    TOO_WEAK = "too_weak"
    OTHER_PERSON = "other_person"
    CARD_OUT = "card_out"
    """The session is locked."""


class LeftOut(StrEnum):
    """Why a way that the issuer has is not offered here."""

    TOO_WEAK = "too_weak"
    ELSEWHERE = "elsewhere"
    """Only from other network zones."""
    OTHER_KIND = "other_kind"
    """From this zone it is not of the kind that would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The issuer's ways, judged for one request from one network zone."""

    ways: tuple[Way, ...] = ()
    left_out: tuple[tuple[Way, LeftOut], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What is known. `person` and `roles` are those of the proof, or else of the session."""

    offer: Offer
    proof: Verified | None = None
    """Given in this log-in."""
    session: Session | None = None
    level: AAL | None = None
    """What the session is good for now (sessions/lifetime.py)."""
    person: Person | None = None
    roles: Sequence[RoleProfile] = ()
    role: RoleProfileId | None = None
    """Chosen in this log-in."""
    shared: bool = False
    """The person has just agreed."""
    shared_before: bool = False
    """An earlier agreement covers it."""
    chooser: Chooser = Chooser.NEVER
    account: PersonId | None = None
    """Said in this log-in to be who goes on."""

    @property
    def same_person(self) -> bool:
        """Whether the session is that of whoever is logging in."""
        return self.session is not None and (self.proof is None or self.proof.person == self.session.person)

    @property
    def remembered(self) -> RoleProfileId | None:
        """The role in force in the session, if that is this person's."""
        return self.session.role if self.session is not None and self.level and self.same_person else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate:
    offer: Offer
    because: Because


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseAccount:
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseRole:
    profiles: tuple[RoleProfile, ...]
    last: RoleProfileId | None
    """Used before in this session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    why: Refusal


Step = Authenticate | ChooseAccount | ChooseRole | Share | Refuse | Issue


def next_step(asked: Asked, so_far: SoFar, *, now: datetime) -> Step:
    """The one decision of a log-in. Only a proof that satisfies the request ever leads to Issue."""
    barred = _barred(so_far.person)
    if so_far.proof is not None and barred:
        return Refuse(why=barred)
    standing = _standing(asked, so_far, now=now)
    if standing is Because.CHOOSE_ACCOUNT and so_far.chooser is not Chooser.NEVER and so_far.person and not barred:
        return ChooseAccount(person=so_far.person)
    if isinstance(standing, Because):
        return Authenticate(offer=so_far.offer, because=standing)
    if barred:
        return Refuse(why=barred)
    role = _role(asked, so_far)
    if isinstance(role, ChooseRole):
        return role
    if asked.share and not so_far.shared and (asked.share_anew or not so_far.shared_before):
        return Share(items=asked.share)
    reported, level = standing
    return Issue(acr=reported, aal=level, role=role)


def without_pages(step: Step) -> Refusal | None:
    """What `prompt=none` is answered where a page would be needed (OpenID Connect Core section 3.1.2.6).
    None if the step needs none."""
    match step:
        case Authenticate() | ChooseAccount():
            return Refusal.LOGIN_REQUIRED
        case ChooseRole():
            return Refusal.INTERACTION_REQUIRED
        case Share():
            return Refusal.CONSENT_REQUIRED
        case Refuse(why=why):
            return why
        case Issue():
            return None


def only_way(step: Step) -> Way | None:
    """The way whose page comes next, where there is nothing to choose between."""
    return step.offer.ways[0] if isinstance(step, Authenticate) and len(step.offer.ways) == 1 else None


def offer(
    asked: Asked,
    ways: Sequence[Way],
    zones: Mapping[str, frozenset[str] | None],
    zone: str,
    *,
    yields: Mapping[str, Callable[[str], Amr]] = MappingProxyType({}),
) -> Offer:
    """Judge the ways, given in the page's order. `zones`: from where each may be used; None for everywhere. `yields`: by
    a way's name, what it comes to from a zone, where that depends on it."""
    fit: list[Way] = []
    left_out: list[tuple[Way, LeftOut]] = []
    for way in ways:
        allowed_from = zones[way.name]
        if not acr.admitted(asked.acr, way, minimum=asked.minimum):
            left_out.append((way, LeftOut.TOO_WEAK))
        elif allowed_from is not None and zone not in allowed_from:
            left_out.append((way, LeftOut.ELSEWHERE))
        elif (kind := yields.get(way.name)) and not _does(asked, way, kind(zone)):
            left_out.append((way, LeftOut.OTHER_KIND))
        else:
            fit.append(way)
    return Offer(ways=tuple(fit), left_out=tuple(left_out))


def _does(asked: Asked, way: Way, amr: Amr) -> bool:
    """Whether a proof of this kind by this way could satisfy any class that was asked for."""
    return any(acr.satisfied(asked.acr, level, amr, minimum=asked.minimum) for level in way.levels)


def _standing(asked: Asked, so_far: SoFar, *, now: datetime) -> tuple[str, AAL] | Because:
    """The class that is satisfied and the level it is satisfied at, or what is missing."""
    proof, session = so_far.proof, so_far.session
    if proof is not None:
        if asked.person not in {None, proof.person}:
            return Because.OTHER_PERSON
        # The application would find `auth_time` older than it asked for.
        if asked.max_age is not None and (now - proof.at).total_seconds() >= max(asked.max_age, LINGERING):
            return Because.TOO_LONG_AGO
        reported = acr.satisfied(asked.acr, proof.aal, proof.amr, minimum=asked.minimum)
        return (reported, proof.aal) if reported else Because.TOO_WEAK
    if session is None or so_far.level is None:
        return Because.NO_SESSION
    if session.locked_at is not None:
        return Because.CARD_OUT
    if asked.fresh:
        return Because.ASKED_AGAIN
    chosen = so_far.account == session.person
    if not chosen and (asked.choose_account or (so_far.chooser is Chooser.ALWAYS and not asked.silent)):
        return Because.CHOOSE_ACCOUNT
    if asked.person not in {None, session.person}:
        return Because.OTHER_PERSON
    # In seconds: a client's `max_age` may be larger than any timedelta.
    if asked.max_age is not None and (now - session.proof.at).total_seconds() >= asked.max_age:
        return Because.TOO_LONG_AGO
    reported = acr.satisfied(asked.acr, so_far.level, session.proof.amr, minimum=asked.minimum)
    return (reported, so_far.level) if reported else Because.TOO_WEAK


def _barred(person: Person | None) -> Refusal | None:
    if person is None:
        return Refusal.PERSON_UNKNOWN
    match person.status:
        case PersonStatus.ACTIVE:
            return None
        case PersonStatus.SUSPENDED:
            return Refusal.PERSON_SUSPENDED
        case PersonStatus.CLOSED:
            return Refusal.PERSON_CLOSED


def _role(asked: Asked, so_far: SoFar) -> RoleProfileId | ChooseRole | None:
    """cis2-profile section 5.4. A role that is no longer held is never answered, whoever remembers it."""
    if asked.role is RoleAsked.NO or not so_far.roles:
        return None
    held = {profile.id for profile in so_far.roles}
    if so_far.role in held:
        return so_far.role
    if len(so_far.roles) == 1:
        return so_far.roles[0].id
    # `prompt=login` is how applications let a person change role.
    reusable = asked.role is RoleAsked.SELECTED and not (asked.fresh or asked.choose_account)
    if reusable and so_far.remembered in held:
        return so_far.remembered
    return ChooseRole(profiles=tuple(so_far.roles), last=so_far.remembered)
