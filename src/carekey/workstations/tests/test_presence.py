"""Whose session it is that a card takes with it when it leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, IssuerName, PersonId, SessionId
from carekey.sessions.model import SMARTCARD, CardPlace, Proof, Session
from carekey.workstations.presence import began_there
from carekey.workstations.statement import LATE

CAME = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CARD, INSTANT = CredentialId("card-1"), timedelta(microseconds=1)
PLACE = CardPlace(card=CARD, workstation="bay-2", since=CAME)


def session(*, card: str = CARD, kind: str = SMARTCARD, at: datetime = CAME) -> Session:
    return Session(
        id=SessionId("s1"),
        digest=b"",
        issuer=IssuerName("healthcare"),
        person=PersonId("555012345678"),
        proof=Proof(credential=CredentialId(card), kind=kind, aal=AAL.AAL3, amr=Amr.N3_SMARTCARD, at=at),
        role=None,
        started_at=at,
        last_used_at=at,
    )


@pytest.mark.parametrize(
    ("given", "theirs"),
    [
        (session(), True),
        (session(at=CAME + timedelta(hours=5)), True),
        (session(at=CAME - LATE), True),
        (session(at=CAME - LATE - INSTANT), False),
        (session(card="another-card-of-the-same-person"), False),
        (session(kind="webauthn"), False),
    ],
    ids=["used at once", "used later", "told of late", "used before it came", "another card", "another way"],
)
def test_a_session_is_tied_to_a_place_by_the_card_that_was_used_there(given: Session, theirs: bool) -> None:
    assert began_there(given, PLACE) is theirs


def test_what_is_said_late_is_at_most_a_minute_late() -> None:
    """docs/adr/0004-card-removal.md: both ways, and no more."""
    assert timedelta(seconds=60) == LATE
