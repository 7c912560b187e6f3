"""Whether what somebody proved themself with a moment ago may still be used.

A log-in lasts for minutes: until it ends in a session, nothing that is taken away is found by the sessions that rest on it.
"""

from carekey.authenticators import in_force as ways
from carekey.authenticators.base import Verified
from carekey.storage.store import Tx


def in_force(tx: Tx, proof: Verified) -> bool:
    return ways.in_force(tx, proof.person, proof.credential)
