"""The pages /account/ways: your ways to log in (ux.md B2, B3, B6).

To change anything takes a log-in of the last five minutes, at the level of what is changed or higher. What is added is
added by a one-time link that the person makes for themself (`authenticators/enrolment`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from carekey.account.visits import Tx, Visitor, Visits, csrf_token, is_fresh
from carekey.account.ways import Way, is_last, listed
from carekey.authenticators.base import Way as Kind
from carekey.authenticators.enrolment.invitation import NoSuchPersonError, invite
from carekey.authenticators.http import Authenticator
from carekey.kernel import actor
from carekey.kernel.actor import Actor
from carekey.kernel.assurance import AAL
from carekey.kernel.entropy import token as new_token
from carekey.kernel.ids import CredentialId, PersonId
from carekey.kernel.secret import Secret
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, get, page, see_other
from carekey.web.problem import not_found

TxT = TypeVar("TxT", bound=Tx)

LINK_LIFETIME = timedelta(minutes=15)
_WAYS = "/account/ways"
_ADD = f"{_WAYS}/add"

Remove = Callable[[TxT, PersonId, CredentialId, Actor, datetime], int]
"""Takes a way away, on record; how many sessions ended. Raises: LookupError, if the person has it no longer."""


class Account(Generic[TxT]):
    templates: Mapping[str, Path] = {"account": Path(__file__).parent / "templates"}

    def __init__(
        self,
        *,
        store: Store[TxT],
        visits: Visits[TxT],
        kinds: Sequence[Kind],
        authenticators: Mapping[str, Authenticator],
        remove: Remove[TxT],
    ) -> None:
        """`kinds`: what can be added by a link."""
        self._store = store
        self._visits = visits
        self._kinds = kinds
        self._authenticators = authenticators
        self._remove = remove

    def routes(self) -> list[Route]:
        return [
            get("/account", self.home),
            get(_WAYS, self.ways),
            Route(_ADD, {"GET": self.ask_to_add, "POST": self.add}),
            Route(f"{_WAYS}/{{id}}/remove", {"GET": self.ask_to_remove, "POST": self.remove}),
        ]

    async def home(self, request: Request) -> Response:  # noqa: ARG002 (a handler has it)
        return see_other(_WAYS)

    async def ways(self, request: Request) -> Response:
        visitor = await self._visits.visitor(request)
        if visitor is None:
            return await self._visits.log_in(request, _WAYS)
        return page(request, "account/ways.html", name=visitor.name, ways=visitor.ways, add=_ADD, base=_WAYS)

    async def ask_to_add(self, request: Request) -> Response:
        visitor = await self._visits.visitor(request)
        if visitor is None or not is_fresh(request, visitor, AAL.AAL2):
            return await self._visits.log_in(request, _ADD, fresh=True)
        return self._add_page(request, visitor)

    async def add(self, request: Request) -> Response:
        visitor = await self._visits.visitor(request)
        if visitor is None or not is_fresh(request, visitor, AAL.AAL2):
            return await self._visits.log_in(request, _ADD, fresh=True)
        fields = (await request.own_form(visitor.secret)).as_dict()
        chosen = next((kind.name for kind in self._kinds if kind.name == fields.get("way")), None)
        if chosen is None:
            return self._add_page(request, visitor, error="Select what you want to add")
        secret, now = Secret(new_token(request.site.entropy)), request.site.clock.now()
        try:
            await self._store.write(
                lambda tx: invite(
                    tx,
                    visitor.person,
                    token=secret,
                    by=actor.person(visitor.person),
                    now=now,
                    lifetime=LINK_LIFETIME,
                    level=visitor.level,
                    session=visitor.session.id,
                )
            )
        except NoSuchPersonError:  # suspended in this very moment
            return await self._visits.log_in(request, _ADD, fresh=True)
        return see_other(f"/register/{secret.reveal()}/{chosen}")

    async def ask_to_remove(self, request: Request) -> Response:
        visitor = await self._visits.visitor(request)
        address = f"{_WAYS}/{request.params['id']}/remove"
        if visitor is None:
            return await self._visits.log_in(request, _WAYS)
        way = _way(visitor, request)
        if not is_fresh(request, visitor, way.to_remove):
            return await self._visits.log_in(request, address, level=way.to_remove, fresh=True)
        return self._remove_page(request, visitor, way)

    async def remove(self, request: Request) -> Response:
        visitor = await self._visits.visitor(request)
        if visitor is None:
            return await self._visits.log_in(request, _WAYS)
        fields, way = (await request.own_form(visitor.secret)).as_dict(), _way(visitor, request)
        if not is_fresh(request, visitor, way.to_remove):
            address = f"{_WAYS}/{request.params['id']}/remove"
            return await self._visits.log_in(request, address, level=way.to_remove, fresh=True)
        now, by, person, id = (
            request.site.clock.now(),
            actor.person(visitor.person),
            visitor.person,
            CredentialId(way.id),
        )
        warned = fields.get("last") == "yes"

        def work(tx: TxT) -> bool:
            if not warned and is_last(way, listed(tx.credentials.held_by(person), self._authenticators)):
                return False  # another one was removed since the page was shown
            self._remove(tx, person, id, by, now)
            return True

        try:
            if not await self._store.write(work):
                return self._remove_page(request, visitor, way, last=True)
        except LookupError:
            raise not_found() from None
        return page(request, "account/removed.html", label=way.described.label, address=_WAYS)

    def _add_page(self, request: Request, visitor: Visitor, *, error: str | None = None) -> Response:
        items = [
            {"value": kind.name, "text": kind.title, "hint": kind.hint, "needs_script": kind.needs_script}
            for kind in self._kinds
        ]
        return page(
            request,
            "account/add.html",
            status=422 if error else 200,
            items=items,
            error=error,
            errors=[("way", error)] if error else [],
            very_high=visitor.level is AAL.AAL3,
            address=_ADD,
            back=_WAYS,
            csrf=csrf_token(request, visitor),
        )

    def _remove_page(self, request: Request, visitor: Visitor, way: Way, *, last: bool = False) -> Response:
        return page(
            request,
            "account/remove.html",
            way=way,
            last=last or is_last(way, visitor.ways),
            address=f"{_WAYS}/{way.id}/remove",
            back=_WAYS,
            add=_ADD,
            csrf=csrf_token(request, visitor),
        )


def _way(visitor: Visitor, request: Request) -> Way:
    """Raises: Problem, for what is not this person's, which is the same as what there is not."""
    found: Any = next((way for way in visitor.ways if way.id == request.params["id"]), None)
    if found is None:
        raise not_found()
    way: Way = found
    return way
