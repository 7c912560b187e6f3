"""The page /register/{token}/phone: a code that the phone or tablet takes up (UAF reference section 22.2)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

from carekey.authenticators.base import Challenge
from carekey.authenticators.enrolment.http import csrf_of, opened
from carekey.authenticators.phone import qr
from carekey.authenticators.phone.ceremonies import activation_digest
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.terms import ENROL, Terms
from carekey.kernel.entropy import token as new_token
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, page, see_other

TxT = TypeVar("TxT", bound=PhoneTx)

ACTIVATION = timedelta(minutes=10)


class RegistrationPages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._store = store
        self._terms = terms

    def routes(self) -> Sequence[Route]:
        return [Route(f"/register/{{token}}/{ENROL.name}", {"GET": self.show, "POST": self.activate})]

    async def show(self, request: Request) -> Response:
        """Before the code; and after it, for "Check again": whoever has registered sees that it worked."""
        token = request.params["token"]
        used = await self._store.read(lambda tx: _used(tx, token))
        if used:
            return see_other(f"/register/{token}/done")
        await opened(self._store, request)
        return self._page(request, "phone/enrol.html")

    async def activate(self, request: Request) -> Response:
        """A code for one device, by which it gets a registration request. It works once."""
        await request.own_form(request.params["token"])
        found = await opened(self._store, request)
        now, code = request.site.clock.now(), new_token(request.site.entropy, size=16)
        await self._store.write(
            lambda tx: tx.challenges.put(
                Challenge(
                    digest=activation_digest(code),
                    subject=found.subject,
                    data=found.digest,
                    expires_at=min(now + ACTIVATION, found.expires_at),
                )
            )
        )
        address = f"{self._terms.origin}/phone#register={code}"
        return self._page(request, "phone/activate.html", picture=qr.svg(address), phone=address)

    def _page(self, request: Request, template: str, **more: Any) -> Response:
        token = request.params["token"]
        return page(
            request,
            template,
            back=f"/register/{token}",
            address=f"/register/{token}/{ENROL.name}",
            csrf=csrf_of(request),
            **more,
        )


def _used(tx: PhoneTx, token: str) -> bool:
    enrolment = tx.enrolments.find(digest(token))
    return enrolment is not None and enrolment.used_at is not None
