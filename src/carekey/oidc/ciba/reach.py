"""How a person learns that somebody asks for them.

The page /requests needs nothing of this: it looks. What does (a phone that rings) is told in the transaction that
keeps the request, so that none is forgotten.
"""

from typing import Any, Protocol

from carekey.oidc.decoupled.model import DecoupledRequest


class Reach(Protocol):
    def tell(self, tx: Any, request: DecoupledRequest) -> None:
        """Queue what is to be sent, by the transaction of whichever store it is. There need not be such a person, and nothing may show that."""
        ...
