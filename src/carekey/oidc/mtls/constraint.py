"""A certificate as one way of proving to hold a key (`oidc/tokens/sender_constraint.py`; RFC 8705 section 3)."""

from collections.abc import Collection
from datetime import datetime

from carekey.jose.certificates import thumbprint
from carekey.oidc.tokens.sender_constraint import NOTHING, X5T, Sent, Shown


class MutualTls:
    def shown(self, sent: Sent, *, algs: Collection[str], now: datetime) -> Shown:  # noqa: ARG002 (a constraint has these)
        """TLS has verified the proof already, with algorithms of its own."""
        if sent.certificate is None:
            return NOTHING
        return Shown(confirmation={X5T: thumbprint(sent.certificate)})
