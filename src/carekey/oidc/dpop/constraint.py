"""DPoP as one way of proving to hold a key (`oidc/tokens/sender_constraint.py`)."""

from collections.abc import Collection
from datetime import datetime

from carekey.oidc.dpop import proof
from carekey.oidc.dpop.nonces import Nonces
from carekey.oidc.dpop.proof import Proof
from carekey.oidc.errors import InvalidDpopProof, OAuthError, Reason
from carekey.oidc.ports import OidcTx
from carekey.oidc.tokens.sender_constraint import DPOP, JKT, NOTHING, Sent, Shown


class Dpop:
    def __init__(self, nonces: Nonces | None) -> None:
        """`nonces`: those that proofs must have, if they must."""
        self._nonces = nonces

    def shown(self, sent: Sent, *, algs: Collection[str], now: datetime) -> Shown:
        """Raises: InvalidDpopProof, UseDpopNonce."""
        if not self._tried(sent):
            return NOTHING
        try:
            found = self._check(sent, algs, now)
        except OAuthError as error:
            raise _placed(error, sent) from None

        def use_up(tx: OidcTx) -> None:
            if not tx.dpop_proofs.first_seen(found.digest, expires_at=found.remember_until):
                raise _placed(InvalidDpopProof(reason=Reason.DPOP_REPLAYED), sent)

        return Shown(confirmation={JKT: found.jkt}, algs=frozenset({found.alg}), using_up=(use_up,))

    def _tried(self, sent: Sent) -> bool:
        """A proof beside the scheme Bearer proves nothing: it would take a token that is not bound for one that is
        (RFC 9449 section 7.1)."""
        return bool(sent.proofs) if sent.access_token is None else sent.scheme.lower() == DPOP.lower()

    def _check(self, sent: Sent, algs: Collection[str], now: datetime) -> Proof:
        if not sent.proofs:
            raise InvalidDpopProof(reason=Reason.DPOP_MISSING)
        nonces = self._nonces
        return proof.check(
            sent.proofs,
            method=sent.method,
            address=sent.address,
            algs=algs,
            now=now,
            nonce=None if nonces is None else lambda nonce: nonces.good(nonce, now),
            access_token=sent.access_token,
        )


def _placed(error: OAuthError, sent: Sent) -> OAuthError:
    """At a resource it is a matter of authentication (RFC 9449 sections 7.1 and 9)."""
    if sent.access_token is not None:
        error.status = 401
    return error
