"""What CIBA needs of a store."""

from typing import Protocol

from carekey.authenticators.ports import Failures
from carekey.authenticators.user_code.ports import UserCodeTx
from carekey.oidc.ports import OidcTx


class CibaTx(OidcTx, UserCodeTx, Protocol):
    @property
    def failures(self) -> Failures:
        """Here they count how often a person was asked, and wrong user codes."""
        ...
