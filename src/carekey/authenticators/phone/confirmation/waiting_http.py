"""The page /confirmation/{id}, for the computer at which a person is asked: how their answer goes on.

It says who asks and how it stands, never the text nor the person: those are on the phone.
"""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from carekey.authenticators.confirming import Standing
from carekey.authenticators.phone.confirmation.asking import OnPhones, Tx
from carekey.authenticators.phone.confirmation.model import Confirmation, State
from carekey.authenticators.phone.waiting import Watch, stream
from carekey.kernel.ids import ConfirmationId
from carekey.kernel.unit_of_work import Store
from carekey.web import dates
from carekey.web.kit import Request, Response, Route, get_alone, page
from carekey.web.problem import not_found

TxT = TypeVar("TxT", bound=Tx)

ENDS: Mapping[Standing, tuple[str, str]] = {
    Standing.CONFIRMED: ("Confirmed", "The application has your answer. You can close this page."),
    Standing.REFUSED: ("You refused on your phone or tablet", "Nothing was confirmed. The application was told."),
    Standing.EXPIRED: ("That took too long", "Nothing was confirmed. Go back to the application to be asked again."),
    Standing.WITHDRAWN: (
        "This is no longer needed",
        "The application took its question back. Nothing was confirmed.",
    ),
}


class WaitingPage(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], asking: OnPhones[TxT], watch: Watch) -> None:
        self._store = store
        self._asking = asking
        self._watch = watch

    def routes(self) -> Sequence[Route]:
        return [get_alone("/confirmation/{id}", self.show), get_alone("/confirmation/{id}/events", self.events)]

    async def show(self, request: Request) -> Response:
        found, standing = await self._find(request)
        address = f"/confirmation/{found.id}"
        if standing is Standing.PENDING:
            return page(
                request,
                "confirmation/waiting.html",
                application=found.application,
                until=dates.clock_time(found.expires_at),
                address=address,
                events=f"{address}/events",
            )
        heading, line = ENDS[standing]
        return page(
            request,
            "confirmation/ended.html",
            heading=heading,
            line=line,
            application=found.application,
            evidence=found.id if standing is Standing.CONFIRMED else "",
        )

    async def events(self, request: Request) -> Response:
        found, _ = await self._find(request)
        left = (found.expires_at - request.site.clock.now()).total_seconds()
        return stream(
            self._watch, found.id, known=State.PENDING, until=lambda state: state != State.PENDING, seconds=left
        )

    async def _find(self, request: Request) -> tuple[Confirmation, Standing]:
        """Raises: Problem."""
        id, now = ConfirmationId(request.params["id"]), request.site.clock.now()

        def look(tx: TxT) -> tuple[Confirmation, Standing] | None:
            found, answer = tx.confirmations.find(id), self._asking.look(tx, id, now=now)
            return None if found is None or answer is None else (found, answer.standing)

        found = await self._store.read(look)
        if found is None:
            raise not_found()
        return found
