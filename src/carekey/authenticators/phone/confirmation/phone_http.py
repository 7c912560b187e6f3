"""What CareKey Phone asks of the server about texts that wait: which there are, and that the person says no.

The text itself comes in the UAF request, so that what is shown is what is signed.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from carekey.authenticators.phone import own_json_http as own_json
from carekey.authenticators.phone.caller import caller_of
from carekey.authenticators.phone.confirmation.asking import Tx
from carekey.authenticators.phone.confirmation.ceremony import Confirmations
from carekey.authenticators.phone.own_json_http import said
from carekey.authenticators.phone.waiting import Watch
from carekey.kernel.ids import ConfirmationId
from carekey.kernel.unit_of_work import Store
from carekey.web import dates
from carekey.web.kit import Request, Response, Route, post

TxT = TypeVar("TxT", bound=Tx)

_MOST_ACCOUNTS = 20


class _Asked(msgspec.Struct, frozen=True):
    devices: list[str] = []
    """The secrets of the accounts on this phone."""


class _Declined(msgspec.Struct, frozen=True):
    device: str
    confirmation: str


class ConfirmationsHttp(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], confirmations: Confirmations[TxT], watch: Watch) -> None:
        self._store = store
        self._confirmations = confirmations
        self._watch = watch

    def routes(self) -> Sequence[Route]:
        return [post("/phone/waiting", self.waiting), post("/phone/waiting/refuse", self.refuse)]

    async def waiting(self, request: Request) -> Response:
        asked = await own_json.read(request, _Asked)
        if asked is None or len(asked.devices) > _MOST_ACCOUNTS:
            return said({}, status=400)
        caller = caller_of(request)
        work: Callable[[TxT], list[dict[str, str | int]]] = lambda tx: [  # noqa: E731 (typed for the store)
            {
                "id": one.id,
                "account": position,
                "application": one.application,
                "asked_at": dates.clock_time(one.asked_at),
                "until": dates.clock_time(one.expires_at),
            }
            for position, secret in enumerate(asked.devices)
            for one in self._confirmations.waiting(tx, secret, caller)
        ]
        return said({"waiting": await self._store.read(work)})

    async def refuse(self, request: Request) -> Response:
        declined = await own_json.read(request, _Declined)
        if declined is None:
            return said({}, status=400)
        caller, id = caller_of(request), ConfirmationId(declined.confirmation)
        done = await self._store.write(lambda tx: self._confirmations.refuse(tx, declined.device, id, caller))
        self._watch.wake()
        return said({}, status=200 if done else 404)
