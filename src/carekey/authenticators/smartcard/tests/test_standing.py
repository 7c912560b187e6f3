"""What a card is called: its state, or that it has run out."""

from datetime import UTC, datetime, timedelta

import pytest

from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, Purpose
from carekey.authenticators.smartcard.standing import standing
from carekey.kernel.ids import PersonId

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def certificate(ends: timedelta, purpose: Purpose = Purpose.AUTHENTICATION) -> CardCertificate:
    return CardCertificate(
        issuer=b"", serial=1, card=CardId("c"), purpose=purpose, der=b"", starts_at=NOW, ends_at=NOW + ends
    )


HOUR = timedelta(hours=1)
RAN_OUT = [certificate(timedelta(0))]


@pytest.mark.parametrize(
    ("state", "certificates", "expected"),
    [
        (CardState.ACTIVE, [certificate(HOUR)], "active"),
        (CardState.ACTIVE, RAN_OUT, "expired"),
        (CardState.LOCKED, RAN_OUT, "expired"),
        (CardState.ACTIVE, [*RAN_OUT, certificate(HOUR)], "active"),
        (CardState.ACTIVE, [*RAN_OUT, certificate(HOUR, Purpose.CONTENT_COMMITMENT)], "expired"),
        (CardState.SUSPENDED, RAN_OUT, "suspended"),
        (CardState.CANCELLED, RAN_OUT, "cancelled"),
        (CardState.PREPARED, [], "prepared"),
    ],
)
def test_a_card_of_which_nothing_logs_in_any_more_has_expired(
    state: CardState, certificates: list[CardCertificate], expected: str
) -> None:
    card = Card(
        id=CardId("c"),
        serial="0a",
        person=PersonId("555000000101"),
        profile="own",
        state=state,
        created_at=NOW,
        changed_at=NOW,
    )
    assert standing(card, certificates, now=NOW) == expected
