"""What CIBA needs of a store."""

from typing import Protocol

from carekey.authenticators.ports import Failures
from carekey.oidc.ports import OidcTx


class CibaTx(OidcTx, Protocol):
    @property
    def failures(self) -> Failures:
        """Here it counts how often a person was asked."""
        ...
