"""What a person is told about a card that did not log them in (ux.md A2, A8). Of a PKI's inside they are told nothing."""

from collections.abc import Mapping
from datetime import datetime

from carekey.authenticators.smartcard.path import Reason
from carekey.web import dates

_RA = "your Registration Authority (RA)"
_UNTIL_THEN = "Until then, use another way to log in."
_NOT_OURS = (
    "We do not recognise this card",
    "It is not a smartcard for health and care that we know. Take other cards out of the reader, then try again.",
    "",
)
_CANCELLED = (
    "This smartcard is cancelled",
    f"If you have a newer smartcard, put it in the reader. If not, ask {_RA} for one.",
    _UNTIL_THEN,
)
_NOT_LINKED = (
    "This smartcard is not linked to an account",
    f"Ask {_RA} to check it.",
    "If you have another way to log in, use that.",
)
# Heading, advice, and what to do besides where there is another way to log in.
_WORDS: Mapping[str, tuple[str, str, str]] = {
    Reason.NO_CARD: (
        "We did not get a card",
        (
            "Check that it is fully in the reader, chip first. If you have just changed cards, wait a few seconds. "
            "Then try again. If your browser asks for a certificate, select yours. "
            f"Some browsers keep back a card that has run out: if yours may have, ask {_RA}."
        ),
        "",
    ),
    Reason.MALFORMED: _NOT_OURS,
    Reason.UNKNOWN_ISSUER: _NOT_OURS,
    Reason.UNTRUSTED: _NOT_OURS,
    Reason.WRONG_POLICY: _NOT_OURS,
    Reason.NO_PERSON: _NOT_OURS,
    Reason.EXPIRED: ("Your smartcard ran out on {when}", f"Ask {_RA} to renew it.", _UNTIL_THEN),
    Reason.NOT_YET_VALID: (
        "Your smartcard cannot be used before {when}",
        f"If you need it sooner, ask {_RA}.",
        _UNTIL_THEN,
    ),
    Reason.WRONG_USE: (
        "That certificate is not for logging in",
        "Your smartcard has one certificate for logging in and one for signing. Try again and select the other one.",
        "",
    ),
    Reason.REVOKED: _CANCELLED,
    Reason.CANCELLED: _CANCELLED,
    Reason.REVOCATION_UNKNOWN: (
        "We cannot check your smartcard now",
        "Nothing is wrong with it as far as we know. Try again in a few minutes.",
        "If you cannot wait, use another way to log in.",
    ),
    Reason.NOT_REGISTERED: _NOT_LINKED,
    Reason.OTHER_HOLDER: _NOT_LINKED,
    Reason.UNKNOWN_PERSON: _NOT_LINKED,
    Reason.LOCKED: ("This smartcard is locked", f"Ask {_RA} to unlock it.", _UNTIL_THEN),
    Reason.SUSPENDED: ("This smartcard is suspended", f"Ask {_RA} when you can use it again.", _UNTIL_THEN),
    Reason.RENEWED: (
        "Your smartcard was renewed",
        (
            "This computer used its old certificate. Take the card out, put it in again and try again. "
            "If your browser asks for a certificate, select the newer one."
        ),
        "",
    ),
    Reason.HOLDER_CLOSED: (
        "Your account is closed",
        f"If you still work in health or care, ask {_RA} to open your account again.",
        "",
    ),
    Reason.WRONG_PERSON: (
        "The application asked for a different person",
        "Use your own smartcard. If this is yours, go back to the application and start again.",
        "",
    ),
    Reason.LEVEL_NOT_ACCEPTED: (
        "The application does not accept smartcards",
        "Ask its support what it accepts.",
        "Or use another way to log in.",
    ),
}

AGAIN = frozenset(
    {
        *(reason for reason, said in _WORDS.items() if said is _NOT_OURS),
        Reason.NO_CARD,
        Reason.WRONG_USE,
        Reason.WRONG_PERSON,
        Reason.RENEWED,
        Reason.REVOCATION_UNKNOWN,
    }
)
"""Trying again may help. With the others it cannot, before somebody has done something about the card."""


def words(why: str, when: datetime | None, *, others: bool) -> tuple[str, str]:
    """Heading and advice. `others`: whether there is another way to log in, which else nobody is sent to."""
    heading, advice, otherwise = _WORDS[why]
    said = f"{advice} {otherwise}" if others and otherwise else advice
    return heading.format(when=dates.day(when)) if when else heading, said
