"""The pages of a log-in: /login/{id} and what hangs below it. Ways to log in bring their own pages."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

from carekey.kernel import actor
from carekey.kernel.ids import IssuerName, LoginId
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.login import pages
from carekey.login.events import ForeignBrowser, LoginBarred, LoginRefused
from carekey.login.held_session import SessionGone
from carekey.login.journey import Closed, Ended, Journey, Shut, Standing, Visitor
from carekey.login.model import Issue, Login
from carekey.login.policy import (
    Authenticate,
    ChooseAccount,
    ChooseRole,
    Refusal,
    Refuse,
    Share,
    only_way,
    without_pages,
)
from carekey.login.ports import LoginTx
from carekey.web import csrf
from carekey.web.kit import Request, Response, Route, get_alone, page, post, see_other
from carekey.web.problem import Problem, not_found

TxT = TypeVar("TxT", bound=LoginTx)

_LAST_WAY_AGE = 90 * 24 * 3600
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")

OpenT = TypeVar("OpenT", Standing, Standing | Ended, Login)
Deed = Callable[[TxT, LoginId, Visitor, datetime], Standing | Closed | Ended]


def visitor(request: Request, id: LoginId | None = None) -> Visitor:
    """What this request brings along."""
    cookies, names = request.cookies, request.site.cookies

    def session(issuer: IssuerName) -> bytes | None:
        secret = cookies.get(names.session(issuer))
        return digest(secret) if secret else None

    secret = cookies.get(names.login(id)) if id else None
    return Visitor(login=digest(secret) if secret else None, session=session, zone=request.zone)


class LogIn(Generic[TxT]):
    """The dispatcher, and the pages that belong to no way to log in."""

    def __init__(
        self,
        *,
        store: Store[TxT],
        journey: Journey[TxT],
        respond: Callable[[Request, Any], Awaitable[Response]],
    ) -> None:
        """`respond` turns the application's answer (login/ports.py) into a response."""
        self._store = store
        self._journey = journey
        self._respond = respond

    def routes(self) -> list[Route]:
        return [
            get_alone("/login/{id}", self.dispatch),
            get_alone("/login/{id}/ways", self.ways),
            post("/login/{id}/way", self.choose_way),
            Route("/login/{id}/role", {"GET": self.roles, "POST": self.choose_role}),
            post("/login/{id}/account", self.choose_account),
            post("/login/{id}/share", self.share),
            post("/login/{id}/someone-else", self.someone_else),
            post("/login/{id}/cancel", self.cancel),
        ]

    async def dispatch(self, request: Request) -> Response:
        """Every step returns here, and here alone it is decided what comes next."""
        at = await self._look(request)
        if isinstance(at.step, Issue) or (at.login.asked.silent and without_pages(at.step)):
            done = await self._do(request, self._advance)
            return await self._leave(request, done) if isinstance(done, Ended) else await self._show(request, done)
        return await self._show(request, at)

    async def ways(self, request: Request) -> Response:
        """The chooser, even where one way would do or somebody is logged in: "Use another way to log in"."""
        return self._chooser(request, await self._look(request))

    async def choose_way(self, request: Request) -> Response:
        fields = await self._own_form(request)
        at = await self._look(request)
        chosen = next((way.name for way in at.so_far.offer.ways if way.name == fields.get("way")), None)
        if chosen is None:
            return self._chooser(request, at, error="Select how you want to log in")
        response = see_other(f"/login/{at.login.id}/{chosen}")
        if self._journey.rules[at.login.issuer].remember_way:
            cookies = request.site.cookies
            cookies.put(response, cookies.last_way(), chosen, max_age=_LAST_WAY_AGE)
        return response

    async def roles(self, request: Request) -> Response:
        """The role page, searched and page by page. Nothing personal is in its address."""
        at = await self._look(request)
        if not isinstance(at.step, ChooseRole):
            return see_other(f"/login/{at.login.id}")
        given = request.query().as_dict()
        number = given.get("page", "")
        return await self._role_page(
            request,
            at,
            at.step,
            query=given.get("q", "")[:100],
            number=int(number) if re.fullmatch("[0-9]{1,4}", number) else 1,
        )

    async def choose_role(self, request: Request) -> Response:
        chosen = (await self._own_form(request)).get("role", "")
        return await self._after(
            request,
            lambda tx, login_id, by, now: self._journey.choose(tx, login_id, by, chosen, now=now),
            error="Select a role",
        )

    async def choose_account(self, request: Request) -> Response:
        fields = await self._own_form(request)
        match fields.get("account"):
            case "other":
                return see_other(f"/login/{_login_id(request)}/ways")
            case person:
                return await self._after(
                    request,
                    lambda tx, login_id, by, now: self._journey.go_on_as(tx, login_id, by, person or "", now=now),
                    error="Select who goes on",
                )

    async def share(self, request: Request) -> Response:
        fields = await self._own_form(request)
        asked = fields.get("person", "")
        match fields.get("share"):
            case "yes":
                return await self._after(
                    request, lambda tx, login_id, by, now: self._journey.share(tx, login_id, by, asked, now=now)
                )
            case "no":
                return await self._after(request, self._giving_up(Refusal.NOT_SHARED))
            case _:
                return await self._after(request, self._advance, error="Select yes to share, or no to go back")

    async def someone_else(self, request: Request) -> Response:
        await self._own_form(request)
        id, now = _login_id(request), request.site.clock.now()
        by = visitor(request, id)
        done = await self._not_closed(
            request, await self._store.write(lambda tx: self._journey.someone_else(tx, id, by, now=now))
        )
        response, cookies = see_other(f"/login/{id}/ways"), request.site.cookies
        cookies.drop(response, cookies.session(done.issuer))
        if cookies.browser_state(done.issuer) in request.cookies:
            cookies.drop(response, cookies.browser_state(done.issuer))
        # In other tabs the one before may have proven themself, and be about to choose a role.
        for name in cookies.logins(request.cookies):
            if name != cookies.login(id):
                cookies.drop(response, name)
        return response

    async def cancel(self, request: Request) -> Response:
        await self._own_form(request)
        return await self._after(request, self._giving_up(Refusal.CANCELLED))

    # Units of work

    def _advance(self, tx: TxT, id: LoginId, by: Visitor, now: datetime) -> Standing | Closed | Ended:
        return self._journey.advance(tx, id, by, now=now)

    def _giving_up(self, why: Refusal) -> Deed[TxT]:
        return lambda tx, login_id, by, now: self._journey.give_up(tx, login_id, by, why, now=now)

    async def _do(self, request: Request, deed: Deed[TxT]) -> Standing | Ended:
        """Raises: Problem."""
        id, now = _login_id(request), request.site.clock.now()
        by = visitor(request, id)
        try:
            done = await self._store.write(lambda tx: deed(tx, id, by, now))
        except SessionGone:
            done = await self._store.write(lambda tx: deed(tx, id, by, now))
        return await self._not_closed(request, done)

    async def _look(self, request: Request) -> Standing:
        """Raises: Problem."""
        id, now = _login_id(request), request.site.clock.now()
        by = visitor(request, id)
        return await self._not_closed(
            request, await self._store.read(lambda tx: self._journey.look(tx, id, by, now=now))
        )

    async def _own_form(self, request: Request) -> dict[str, str]:
        """Raises: Problem."""
        secret = request.cookies.get(request.site.cookies.login(_login_id(request)))
        if secret is None:
            await self._look(request)
        return (await request.own_form(secret)).as_dict()

    async def _not_closed(self, request: Request, at: OpenT | Closed) -> OpenT:
        """Raises: Problem."""
        if not isinstance(at, Closed):
            return at
        said: dict[str, Any] = {"at": request.site.clock.now(), "actor": actor.UNKNOWN, "reference": request.reference}
        if at.why is Shut.FOREIGN and at.login is not None:
            foreign = ForeignBrowser(**said, login=at.login.id)
            await self._store.write(lambda tx: tx.audit.record(foreign))
        if at.why is Shut.SWITCHED_OFF and at.login is not None:
            stopped = LoginRefused(**said, login=at.login.id, client=at.login.asked.client, why=at.why)
            await self._store.write(lambda tx: tx.audit.record(stopped))
        raise closed(at)

    # Answers

    async def _after(self, request: Request, deed: Deed[TxT], *, error: str | None = None) -> Response:
        """Do it and answer. `error`: what to say at the field if the same question is still open."""
        done = await self._do(request, deed)
        if isinstance(done, Ended):
            return await self._leave(request, done)
        if error and isinstance(done.step, ChooseAccount | ChooseRole | Share):
            return await self._show(request, done, error=error)
        return see_other(f"/login/{done.login.id}")

    async def _leave(self, request: Request, ended: Ended) -> Response:
        """To the application, with the cookies as they shall be from now on."""
        response = await self._respond(request, ended.answer)
        cookies = request.site.cookies
        if ended.session is not None:
            cookies.put(response, cookies.session(ended.login.issuer), ended.session.reveal())
        cookies.drop(response, cookies.login(ended.login.id))
        return response

    async def _show(self, request: Request, at: Standing, *, error: str | None = None) -> Response:
        match at.step:
            case Authenticate() as step:
                if at.login.proof is None and (way := only_way(step)):
                    return see_other(f"/login/{at.login.id}/{way.name}")
                return self._chooser(request, at)
            case ChooseAccount(person=person):
                accounts = [
                    pages.Item(value=person.id, text=f"Go on as {person.name}", hint=f"User ID {person.id}"),
                    pages.Item(value="other", text="Log in as someone else"),
                ]
                return self._page(
                    request, "login/account.html", at, status=_status(error), items=accounts, **_fault("account", error)
                )
            case ChooseRole() as step:
                return await self._role_page(request, at, step, error=error)
            case Share(items=items):
                login = at.login
                logo = await self._store.read(lambda tx: tx.logos.find(login.issuer, login.asked.client))
                return self._page(
                    request,
                    "login/share.html",
                    at,
                    status=_status(error),
                    items=items,
                    asked=at.so_far.person.id if at.so_far.person else "",
                    links=login.asked.links,
                    logo=logo and pages.inline_png(logo),
                    **_fault("share", error),
                )
            case Refuse(why=why):
                await self._record_barred(request, at, why)
                return self._page(request, "login/barred.html", at, status=403, **pages.BARRED[why])
            case Issue():
                return see_other(f"/login/{at.login.id}")

    async def _record_barred(self, request: Request, at: Standing, why: Refusal) -> None:
        """When it is shown: whoever sees that page may never press its button."""
        login, person = at.login, at.so_far.person
        barred = LoginBarred(
            at=request.site.clock.now(),
            actor=actor.person(person.id) if person else actor.UNKNOWN,
            reference=login.reference,
            login=login.id,
            client=login.asked.client,
            why=why,
        )
        await self._store.write(lambda tx: tx.audit.record(barred))

    def _chooser(self, request: Request, at: Standing, *, error: str | None = None) -> Response:
        login, offer = at.login, at.so_far.offer
        rules = self._journey.rules[login.issuer]
        left_out = pages.missing(login.asked, offer, rules.ways)
        if not offer.ways:
            return self._page(request, "login/no_way.html", at, status=403, left_out=left_out)
        last = request.cookies.get(request.site.cookies.last_way()) if rules.remember_way else None
        note = None
        if isinstance(at.step, Authenticate):
            known = at.so_far.level is not None
            note = pages.note(login.asked, at.step.because, proven=login.proof is not None, known=known)
        return self._page(
            request,
            "login/ways.html",
            at,
            status=_status(error),
            many=True,
            items=pages.way_items(offer.ways, last),
            left_out=left_out,
            weak=pages.strength(login.asked) if pages.any_too_weak(offer) and not note else None,
            note=note,
            **_fault("way", error),
        )

    async def _role_page(
        self,
        request: Request,
        at: Standing,
        step: ChooseRole,
        *,
        error: str | None = None,
        query: str = "",
        number: int = 1,
    ) -> Response:
        codes = {profile.organisation for profile in step.profiles}
        found = await self._store.read(lambda tx: tx.organisations.find(codes))
        names = {organisation.code: organisation.name for organisation in found}
        return self._page(
            request,
            "login/role.html",
            at,
            status=_status(error),
            roles=pages.role_page(step.profiles, names, last=step.last, query=query, number=number),
            **_fault("role", error),
        )

    def _page(
        self, request: Request, template: str, at: Standing, *, status: int = 200, many: bool = False, **context: Any
    ) -> Response:
        """A page whose forms may end at the application. `many`: apart from what is set here, it is shown to many."""
        login = at.login
        secret = request.cookies[request.site.cookies.login(login.id)]
        own: dict[str, Any] = {
            "id": login.id,
            "person": _shown_as(at),
            "reference": login.reference,
            "csrf": csrf.token(request.site.csrf_key, secret),
        }
        return page(
            request,
            template,
            status=status,
            form_action=(login.asked.return_origin,),
            blanks=own if many else None,
            application=login.asked.application,
            language=login.asked.language,
            someone=at.so_far.person is not None,
            **({} if many else own),
            **context,
        )


def _shown_as(at: Standing) -> str | None:
    """Who is logged in, for the page. A locked session shows the next person no name."""
    so_far = at.so_far
    locked = so_far.session is not None and so_far.session.locked_at is not None and so_far.proof is None
    return so_far.person.name if so_far.person and not locked else None


def _fault(field: str, error: str | None) -> dict[str, Any]:
    """For the summary, the field and the title (ux.md section 2.4)."""
    return {"error": error, "errors": ((field, error),) if error else ()}


def _status(error: str | None) -> int:
    return 422 if error else 200


def _login_id(request: Request) -> LoginId:
    """Raises: Problem, for what cannot be an id (nor be looked up in every database)."""
    id = request.params["id"]
    if not _ID.fullmatch(id):
        raise not_found()
    return LoginId(id)


def closed(at: Closed) -> Problem:
    """The page for a log-in that nobody goes on with: why, and the way back."""
    application = at.login.asked.application if at.login else "your application"
    again = f"Go back to {application} and start again."
    origin = at.login.asked.return_origin if at.login else ""
    back = (origin, f"Go to {application}") if origin.startswith(("https://", "http://")) else None
    match at.why:
        case Shut.UNKNOWN:
            return Problem(
                status=404,
                heading="We do not know this log in",
                what_to_do=("It may have been too long ago.", again),
            )
        case Shut.FINISHED:
            return Problem(
                status=410,
                heading="You have already finished this log in",
                what_to_do=("Each log in works once.", again),
                back=back,
            )
        case Shut.EXPIRED:
            return Problem(
                status=410,
                heading="You took too long to log in",
                what_to_do=("For your security, a log in that was begun has to be finished in time.", again),
                back=back,
            )
        case Shut.FOREIGN:
            return Problem(
                status=403,
                heading="This log in was started in another browser",
                what_to_do=(
                    "A log in has to be finished in the browser in which it was started.",
                    again,
                    "If it was this browser, allow cookies for this address first.",
                ),
            )
        case Shut.SWITCHED_OFF:
            return switched_off(application, detail=(("Application", at.login.asked.client),) if at.login else ())


def switched_off(application: str, *, detail: tuple[tuple[str, str], ...], status: int = 403) -> Problem:
    """The page for an application that an operator has disabled."""
    return Problem(
        status=status,
        heading=f"{application} is switched off",
        what_to_do=(
            f"Nobody can log in to {application} at the moment. Nothing is wrong with your account.",
            f"Ask your service desk, or the support of {application}, when it can be used again.",
            "Other applications work as usual.",
        ),
        detail=detail,
    )
