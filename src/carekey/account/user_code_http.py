"""/account/user-code: the code that a person gives to an application so that it may ask for them from elsewhere."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from carekey.account.visits import Tx, Visitor, Visits, csrf_token, is_fresh
from carekey.authenticators.slow_digest import TooBusy
from carekey.authenticators.user_code import code as codes
from carekey.authenticators.user_code import keeping
from carekey.authenticators.user_code.keeping import CodeDigests
from carekey.kernel import actor
from carekey.kernel.assurance import AAL
from carekey.kernel.unit_of_work import Store
from carekey.web import dates
from carekey.web.kit import Request, Response, Route, page
from carekey.web.problem import unavailable

PATH = "/account/user-code"
BACK = "/account/ways"

TxT = TypeVar("TxT", bound=Tx)


class UserCodePage(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], visits: Visits[TxT], digests: CodeDigests) -> None:
        self._store = store
        self._visits = visits
        self._digests = digests

    def routes(self) -> list[Route]:
        return [Route(PATH, {"GET": self.show, "POST": self.change})]

    async def show(self, request: Request) -> Response:
        visitor = await self._fresh(request)
        return await self._log_in(request) if visitor is None else await self._page(request, visitor)

    async def change(self, request: Request) -> Response:
        visitor = await self._fresh(request)
        if visitor is None:
            return await self._log_in(request)
        fields = (await request.own_form(visitor.secret)).as_dict()
        if "remove" in fields:
            return await self._remove(request, visitor)
        wanted, again = fields.get("code", ""), fields.get("again", "")
        read = codes.read(wanted)
        if read is None or (faults := _faults(read, again, visitor.person)):
            return await self._page(request, visitor, errors=_unread(wanted) if read is None else faults)
        now = request.site.clock.now()
        try:
            made = await self._digests.make(read, visitor.person, now=now)
        except TooBusy:
            raise unavailable() from None
        by = actor.person(visitor.person)
        kept = await self._store.write(lambda tx: keeping.choose(tx, made, by=by, now=now, reference=request.reference))
        if not kept:  # suspended in this very moment
            return await self._log_in(request)
        return page(request, "account/user_code_done.html", removed=False, back=BACK)

    async def _remove(self, request: Request, visitor: Visitor) -> Response:
        now, by = request.site.clock.now(), actor.person(visitor.person)
        await self._store.write(
            lambda tx: keeping.remove(tx, visitor.person, by=by, now=now, reference=request.reference)
        )
        return page(request, "account/user_code_done.html", removed=True, back=BACK)

    async def _page(self, request: Request, visitor: Visitor, *, errors: Mapping[str, str] | None = None) -> Response:
        kept = await self._store.read(lambda tx: tx.user_codes.find(visitor.person))
        errors = errors or {}
        return page(
            request,
            "account/user_code.html",
            status=422 if errors else 200,
            chosen=dates.day(kept.chosen_at) if kept else None,
            error=errors,
            errors=list(errors.items()),
            address=PATH,
            back=BACK,
            csrf=csrf_token(request, visitor),
        )

    async def _fresh(self, request: Request) -> Visitor | None:
        visitor = await self._visits.visitor(request)
        return visitor if visitor is not None and is_fresh(request, visitor, AAL.AAL2) else None

    async def _log_in(self, request: Request) -> Response:
        return await self._visits.log_in(request, PATH, fresh=True)


def _unread(typed: str) -> dict[str, str]:
    if not typed.strip():
        return {"code": "Enter a user code"}
    return {"code": f"User code must be {codes.SHORTEST} to {codes.LONGEST} letters or numbers"}


def _faults(code: str, again: str, person: str) -> dict[str, str]:
    if codes.is_weak(code, person):
        return {"code": "User code must not be easy to guess, such as 123456, 111222 or a part of your user ID"}
    return {} if codes.read(again) == code else {"again": "The two user codes must be the same"}
