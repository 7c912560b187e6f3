"""Whether a way to log in may still be used."""

from typing import Protocol

from carekey.authenticators.ports import Credentials
from carekey.authenticators.smartcard.model import CardId, CardState
from carekey.authenticators.smartcard.ports import Cards
from carekey.kernel.ids import CredentialId, PersonId


class WaysTx(Protocol):
    @property
    def credentials(self) -> Credentials: ...
    @property
    def cards(self) -> Cards: ...


def in_force(tx: WaysTx, person: PersonId, credential: CredentialId) -> bool:
    """Whether the person still has it: a credential that is not revoked, or a card that is active."""
    if any(one.id == credential for one in tx.credentials.held_by(person)):
        return True
    card = tx.cards.find(CardId(credential))
    return card is not None and card.person == person and card.state is CardState.ACTIVE
