"""What registration needs of a store."""

from typing import Protocol

from carekey.authenticators.ports import Failures
from carekey.oidc.ports import OidcTx


class RegistrationTx(OidcTx, Protocol):
    @property
    def failures(self) -> Failures:
        """Here it counts how often somebody tried to register."""
        ...
