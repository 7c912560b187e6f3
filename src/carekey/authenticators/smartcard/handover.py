"""The way from the log-in page to the card host and back. Pure.

Browsers give a certificate to an origin of its own (smartcard-host and log-in page share no cookie), so two codes
travel through the browser: one says which log-in asks, the other what the card host found. Each is a secret of 256
bits, kept as a digest, works once, in one direction, and soon runs out. What the card host found counts only in the
browser that began the log-in: somebody who is led through another's hand-over takes the result to a browser without
that log-in's cookie, where it is burnt. Nobody can ask for the result by any other way.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import msgspec

from carekey.authenticators.base import Attempt, Challenge, Verified
from carekey.authenticators.smartcard.path import Refused
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import IssuerName, LoginId, PersonId
from carekey.kernel.secret import digest

OUT = timedelta(seconds=120)
"""Time for a person to find the card and type the PIN."""
BACK = timedelta(seconds=60)


class Fault(StrEnum):
    """Why a hand-over was refused, whatever the card."""

    CODE_GONE = "code_gone"
    """Unknown, used, run out, or a code for the other direction."""
    OTHER_LOG_IN = "other_log_in"
    OTHER_BROWSER = "other_browser"
    """The log-in was begun elsewhere, has ended, or may not use cards from here."""
    WRONG_ZONE = "wrong_zone"
    """The card host was reached from a network that cards are not accepted from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the card host must know of the log-in."""

    login: LoginId
    issuer: IssuerName
    reference: str
    person: PersonId | None
    levels: frozenset[AAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the card host found out: a proof, or why there is none."""

    login: LoginId
    proof: Verified | None = None
    why: str = ""
    when: datetime | None = None


MessageT = TypeVar("MessageT", Ask, Finding)


def ask(attempt: Attempt) -> Ask:
    return Ask(
        login=attempt.id,
        issuer=attempt.issuer,
        reference=attempt.reference,
        person=attempt.person,
        levels=attempt.levels,
    )


def finding(login: LoginId, outcome: Verified | Refused) -> Finding:
    if isinstance(outcome, Verified):
        return Finding(login=login, proof=outcome)
    return Finding(login=login, why=outcome.why, when=outcome.when)


def sealed(message: Ask | Finding, *, code: str, now: datetime) -> Challenge:
    """To keep until the browser brings the code."""
    return Challenge(
        digest=digest(code),
        subject=f"{_DIRECTION[type(message)]}:{message.login}",
        data=msgspec.msgpack.encode(message),
        expires_at=now + (OUT if isinstance(message, Ask) else BACK),
    )


def opened(taken: Challenge | None, kind: type[MessageT]) -> MessageT | None:
    """None if there was nothing, or it was meant for the other direction or for another authenticator."""
    if taken is None or not taken.subject.startswith(f"{_DIRECTION[kind]}:"):
        return None
    return msgspec.msgpack.decode(taken.data, type=kind)


_DIRECTION: dict[type, str] = {Ask: "smartcard-ask", Finding: "smartcard-finding"}
