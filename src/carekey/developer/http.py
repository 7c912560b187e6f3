"""The page of demo people: who they are, and a one-time link to give any of them a way to log in.

Only a demo has it: whoever opens it can become anybody on it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from carekey.kernel.entropy import token
from carekey.kernel.ids import PersonId
from carekey.web import csrf
from carekey.web.headers import NO_STORE
from carekey.web.kit import Request, Route, get, page, see_other
from carekey.web.problem import not_found

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """Somebody made up, and what they are good for showing."""

    id: PersonId
    name: str
    about: str
    roles: tuple[str, ...]
    password: str | None
    """For the sandbox issuer. It protects nobody and opens nothing else."""
    active: bool = True
    """Others cannot be given a way to log in."""


class DemoPeople:
    def __init__(
        self,
        people: Sequence[DemoPerson],
        *,
        invite: Callable[[PersonId], Awaitable[str]],
        card_file: Callable[[PersonId], bytes | None] | None = None,
        applications: Sequence[str],
    ) -> None:
        """`invite` makes a one-time link and returns its address; `card_file` gives somebody's virtual smartcard
        (PKCS #12), where there are any; `applications` are addresses to try it at."""
        self._people = {person.id: person for person in people}
        self._invite = invite
        self._card_file = card_file
        self._applications = applications

    def routes(self) -> list[Route]:
        return [Route("/demo", {"GET": self._show, "POST": self._add}), get("/demo/cards/{file}", self._card)]

    async def _show(self, request: Request) -> Response:
        name = request.site.cookies.named("demo")
        known = request.cookies.get(name)
        secret = known or token(request.site.entropy)
        response = page(
            request,
            "developer/people.html",
            people=list(self._people.values()),
            applications=self._applications,
            cards=self._card_file is not None,
            csrf=csrf.token(request.site.csrf_key, secret),
        )
        if not known:
            request.site.cookies.put(response, name, secret)
        return response

    async def _add(self, request: Request) -> Response:
        fields = await request.own_form(request.cookies.get(request.site.cookies.named("demo")))
        person = self._people.get(PersonId(fields.get("person") or ""))
        if person is None or not person.active:
            raise not_found()
        return see_other(await self._invite(person.id))

    async def _card(self, request: Request) -> Response:
        person = self._people.get(PersonId(request.params["file"].removesuffix(".p12")))
        file = self._card_file(person.id) if person and person.active and self._card_file else None
        if file is None:
            raise not_found()
        response = Response(file, media_type="application/x-pkcs12")
        response.raw_headers.append(NO_STORE)
        return response
