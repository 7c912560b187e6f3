"""What the pages of a log-in show: choices in order, words for reasons. Pure."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carekey.authenticators.base import Way
from carekey.directory.model import RoleProfile
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import OrganisationCode, RoleProfileId
from carekey.login import acr
from carekey.login.model import Asked
from carekey.login.policy import Because, LeftOut, Offer, Refusal

PAGE = 20
"""Roles on a page."""
SEARCH_FROM = 6
"""From so many roles on there is a search field (cis2-profile section 5.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A radio button (web/components.html)."""

    value: str
    text: str
    hint: str | None = None
    tag: str | None = None
    needs_script: bool = False
    selected: bool = False


def inline_png(picture: bytes) -> str:
    """As an address that holds the picture itself: nothing is loaded from anywhere."""
    return f"data:image/png;base64,{b64encode(picture).decode('ascii')}"


def way_items(ways: Sequence[Way], last: str | None) -> tuple[Item, ...]:
    """The way used last comes first and says so; nothing is selected beforehand (ux.md section 1, rule 7)."""
    ordered = sorted(ways, key=lambda way: way.name != last)
    return tuple(
        Item(
            value=way.name,
            text=way.title,
            hint=way.hint,
            tag="Last used" if way.name == last else None,
            needs_script=way.needs_script,
        )
        for way in ordered
    )


def strength(asked: Asked) -> str:
    """Why the level leaves ways out, in the words that people know (ux.md section 2.5)."""
    accepted = [acr.CLASSES[value] for value in asked.acr]
    lowest = max(min(min(one.levels) for one in accepted), asked.minimum)
    if any(one.amr is not None for one in accepted) or lowest is AAL.AAL1:
        return f"{asked.application} accepts only some ways to log in."
    degree = "very high" if lowest is AAL.AAL3 else "high"
    return f"{asked.application} needs a way to log in with {degree} security."


def any_too_weak(offer: Offer) -> bool:
    return any(why is LeftOut.TOO_WEAK for _, why in offer.left_out)


def missing(asked: Asked, offer: Offer, zones: Mapping[str, frozenset[str] | None]) -> tuple[tuple[str, str], ...]:
    """Title and reason of each way that is not offered."""
    return tuple(
        (
            way.title,
            _why(asked, why, zones[way.name] or frozenset()),
        )
        for way, why in offer.left_out
    )


def _why(asked: Asked, why: LeftOut, zones: frozenset[str]) -> str:
    match why:
        case LeftOut.ELSEWHERE:
            return _network(zones)
        case LeftOut.OTHER_KIND:
            return f"on this network it is not of the kind that {asked.application} accepts."
        case LeftOut.TOO_WEAK:
            return strength(asked)


def _network(zones: frozenset[str]) -> str:
    names = " or ".join(name.upper() for name in sorted(zones))
    return f"this works only on the {names} network."


def note(asked: Asked, because: Because, *, proven: bool, known: bool) -> str | None:
    """The line above the choices that says why somebody is asked (again). `proven`: in this log-in;
    `known`: somebody is logged in."""
    name = asked.application
    match because:
        case Because.CARD_OUT:
            return "Your smartcard was taken out of the reader. Put it back and log in with it to go on where you were."
        case Because.TOO_WEAK if proven:
            return f"The way you logged in is not secure enough for {name}. Select another way."
        case Because.TOO_WEAK:
            return f"{name} needs a more secure way to log in than the one you used before."
        case Because.OTHER_PERSON:
            return f"You are not the person that {name} asked for. Log in as that person, or go back."
        case Because.TOO_LONG_AGO if proven:
            return f"{name} needs a more recent log in than yours. Log in again."
        case Because.ASKED_AGAIN | Because.TOO_LONG_AGO if known:
            return f"You are logged in already, but {name} asks you to log in again."
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePage:
    items: list[Item]
    search: bool
    query: str
    found: int
    number: int
    pages: int


def role_page(
    profiles: Sequence[RoleProfile],
    names: Mapping[OrganisationCode, str],
    *,
    last: RoleProfileId | None,
    query: str = "",
    number: int = 1,
) -> RolePage:
    """The roles that contain every word of the query, the last used first. `number` counts pages from 1."""
    words = query.casefold().split()
    ordered = sorted(
        (profile for profile in profiles if _matches(profile, names, words)), key=lambda profile: profile.id != last
    )
    pages = max(1, -(-len(ordered) // PAGE))
    number = min(max(number, 1), pages)
    return RolePage(
        items=[
            Item(
                value=profile.id,
                text=profile.role.title,
                hint=_workplace(profile, names),
                tag="Last used here" if profile.id == last else None,
            )
            for profile in ordered[(number - 1) * PAGE : number * PAGE]
        ],
        search=len(profiles) >= SEARCH_FROM,
        query=query,
        found=len(ordered),
        number=number,
        pages=pages,
    )


def _workplace(profile: RoleProfile, names: Mapping[OrganisationCode, str]) -> str:
    name = names.get(profile.organisation)
    return f"{name} ({profile.organisation})" if name else profile.organisation


def _matches(profile: RoleProfile, names: Mapping[OrganisationCode, str], words: Sequence[str]) -> bool:
    text = f"{profile.role.title} {profile.role.code} {_workplace(profile, names)}".casefold()
    return all(word in text for word in words)


BARRED: dict[Refusal, dict[str, Any]] = {
    Refusal.PERSON_SUSPENDED: {
        "heading": "Your account is suspended",
        "why": "Your identity is known, but your account may not be used at present.",
        "what_to_do": ("Ask your Registration Authority (RA) why, and how to have it opened again.",),
    },
    Refusal.PERSON_CLOSED: {
        "heading": "Your account is closed",
        "why": None,
        "what_to_do": (
            "If you still work in health or care, ask your Registration Authority (RA) to open your account again.",
        ),
    },
    Refusal.PERSON_UNKNOWN: {
        "heading": "We do not know your account",
        "why": "What you logged in with belongs to an account that no longer exists.",
        "what_to_do": ("Ask your Registration Authority (RA) for help.",),
    },
}
"""Heading and lines of the page "You cannot log in" (ux.md A8)."""
