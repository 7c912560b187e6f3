"""Whether what somebody proved themself with a moment ago may still be used.

A log-in lasts for minutes: until it ends in a session, nothing that is taken away is found by the sessions that rest on it.
"""

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard.ceremony import KIND as SMARTCARD
from carekey.authenticators.smartcard.model import CardId, CardState
from carekey.storage.store import Tx


def in_force(tx: Tx, proof: Verified) -> bool:
    if proof.kind == SMARTCARD:
        card = tx.cards.find(CardId(proof.credential))
        return card is not None and card.state is CardState.ACTIVE
    return any(one.id == proof.credential for one in tx.credentials.held_by(proof.person))
