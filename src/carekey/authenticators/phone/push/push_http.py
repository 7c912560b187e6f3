"""A phone says that it wants to be told when something waits, and where; or that it no longer does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from carekey.authenticators.phone import own_json_http as own_json
from carekey.authenticators.phone.caller import Caller, caller_of
from carekey.authenticators.phone.confirmation.ceremony import device_of
from carekey.authenticators.phone.own_json_http import said
from carekey.authenticators.phone.push.events import Because, PushSubscribed
from carekey.authenticators.phone.push.model import Subscription, is_endpoint, keys_of
from carekey.authenticators.phone.push.ports import Tx
from carekey.authenticators.phone.push.telling import LASTS
from carekey.authenticators.phone.push.unsubscribing import unsubscribe
from carekey.kernel import actor
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, post

TxT = TypeVar("TxT", bound=Tx)

_MOST_ACCOUNTS = 20


class _Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class _Wanted(msgspec.Struct, frozen=True):
    """`PushSubscription.toJSON()` (W3C Push API), for the accounts on this phone."""

    devices: list[str]
    endpoint: str
    keys: _Keys
    renewed: bool = False
    """The browser did this by itself, with no page to show what waits."""


class _Unwanted(msgspec.Struct, frozen=True):
    devices: list[str]


class PushHttp(Generic[TxT]):
    def __init__(self, *, store: Store[TxT]) -> None:
        self._store = store

    def routes(self) -> Sequence[Route]:
        return [post("/phone/push", self.subscribe), post("/phone/push/remove", self.unsubscribe)]

    async def subscribe(self, request: Request) -> Response:
        wanted = await own_json.read(request, _Wanted)
        if wanted is None or len(wanted.devices) > _MOST_ACCOUNTS:
            return said({}, status=400)
        # Plain http is for a sandbox on loopback, which is told apart where messages are sent.
        if not is_endpoint(wanted.endpoint, plain=not request.site.secure):
            return said({}, status=400)
        try:
            p256dh, auth = keys_of(wanted.keys.p256dh, wanted.keys.auth)
        except ValueError:
            return said({}, status=400)
        caller = caller_of(request)

        def work(tx: TxT) -> int:
            found = [each for secret in wanted.devices if (each := device_of(tx, secret)) is not None]
            for device, credential in found:
                before = tx.subscriptions.find(credential.id)
                tx.subscriptions.put(
                    Subscription(
                        credential=credential.id,
                        person=device.person,
                        endpoint=wanted.endpoint,
                        p256dh=p256dh,
                        auth=auth,
                        told_at=_told_at(before, wanted, caller.now),
                    )
                )
                if before is None or before.endpoint != wanted.endpoint:
                    tx.audit.record(
                        PushSubscribed(
                            at=caller.now,
                            actor=actor.person(device.person),
                            reference=caller.reference,
                            credential=credential.id,
                        )
                    )
            return len(found)

        return said({}, status=200 if await self._store.write(work) else 404)

    async def unsubscribe(self, request: Request) -> Response:
        unwanted = await own_json.read(request, _Unwanted)
        if unwanted is None or len(unwanted.devices) > _MOST_ACCOUNTS:
            return said({}, status=400)
        caller = caller_of(request)
        await self._store.write(lambda tx: self._remove(tx, unwanted.devices, caller))
        return said({})

    def _remove(self, tx: TxT, secrets: Sequence[str], caller: Caller) -> None:
        for secret in secrets:
            found = device_of(tx, secret)
            kept = None if found is None else tx.subscriptions.find(found[1].id)
            if kept is not None:
                by = actor.person(kept.person)
                unsubscribe(tx, kept, Because.PHONE, by=by, now=caller.now, reference=caller.reference)


def _told_at(before: Subscription | None, wanted: _Wanted, now: datetime) -> datetime:
    """What the phone knows of: a page that sends this shows what waits now. A renewal in the background shows nothing,
    and whatever a message to the address of before may have missed is told once more."""
    if not wanted.renewed:
        return now
    return before.told_at if before else now - timedelta(seconds=LASTS)
