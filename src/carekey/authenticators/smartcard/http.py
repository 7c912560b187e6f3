"""Smartcards as the application takes them up. `card_host_http.py` is on a listener of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from carekey.authenticators.base import Credential
from carekey.authenticators.http import Described
from carekey.authenticators.ports import Attempts
from carekey.authenticators.smartcard.ceremony import KIND
from carekey.authenticators.smartcard.log_in_http import LogInPages
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.self_service_http import SelfService
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.authenticators.smartcard.virtual_http import VirtualPages
from carekey.kernel.assurance import AAL
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Route

TxT = TypeVar("TxT", bound=CardTx)


class Smartcard(Generic[TxT]):
    """Satisfies `authenticators.http.Authenticator`. Without terms there is no card host, and no page leads there."""

    kind = KIND
    ways = (WAY,)
    sandbox_only = False
    templates: Mapping[str, Path] = {"smartcard": Path(__file__).parent / "templates"}

    def __init__(self, *, store: Store[TxT], attempts: Attempts[TxT], terms: Terms | None) -> None:
        self._routes: list[Route] = []
        if terms is not None:
            pages = LogInPages(store=store, attempts=attempts, terms=terms)
            self._routes += [*pages.routes(), *SelfService(store=store, terms=terms, pages=pages).routes()]
            if terms.virtual is not None:
                own = VirtualPages(store=store, terms=terms, wallet=terms.virtual, pages=pages)
                self._routes += own.routes()

    def routes(self) -> Sequence[Route]:
        return self._routes

    def describe(self, credential: Credential) -> Described:
        return Described(kind=WAY.title, label=credential.label, aal=AAL.AAL3)
