"""The pages /register/{token} (ux.md B11). What follows for each way is its authenticator's: /register/{token}/{way}.

The token is a secret in an address: these pages are never stored, never referred to from another origin, and the
address must not be logged (docs: deployment).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

from carekey.authenticators.base import Way
from carekey.authenticators.enrolment import invitation
from carekey.authenticators.enrolment.invitation import Invitation, Refusal
from carekey.authenticators.ports import AuthenticatorTx
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web import csrf, dates
from carekey.web.kit import Request, Response, Route, get_alone, page, see_other
from carekey.web.problem import Problem

TxT = TypeVar("TxT", bound=AuthenticatorTx)

_JUST_NOW = timedelta(minutes=15)
"""For how long the link shows what it was used for, rather than that it was used."""

_ASK = "Ask whoever sent you the link, or your Registration Authority (RA), for a new one."
PAGES: Mapping[Refusal, tuple[int, str, tuple[str, ...]]] = {
    Refusal.UNKNOWN: (404, "We do not know this link", ("Check that you opened or copied all of it.", _ASK)),
    Refusal.USED: (
        410,
        "This link has been used",
        ("Each link works once.", "If it was not you who used it, tell your Registration Authority (RA) now.", _ASK),
    ),
    Refusal.EXPIRED: (410, "This link no longer works", ("It has run out.", _ASK)),
    Refusal.LOGGED_OUT: (
        410,
        "This link no longer works",
        ("You have logged out since you made it.", "Log in again, and add your way to log in from your account."),
    ),
    Refusal.PERSON: (
        403,
        "You cannot add a way to log in",
        ("Your account is not active.", "Ask your Registration Authority (RA) to look at your profile."),
    ),
}


class EnrolmentPages(Generic[TxT]):
    templates: Mapping[str, Path] = {"enrolment": Path(__file__).parent / "templates"}

    def __init__(self, *, store: Store[TxT], ways: Sequence[Way]) -> None:
        """`ways`: those that can be added by link; each has its own pages under /register/{token}/{way.name}."""
        self._store = store
        self._ways = ways

    def routes(self) -> Sequence[Route]:
        return [
            Route("/register/{token}", {"GET": self.show, "POST": self.choose}),
            get_alone("/register/{token}/done", self.done),
        ]

    async def show(self, request: Request) -> Response:
        return self._page(request, await opened(self._store, request))

    async def choose(self, request: Request) -> Response:
        token = request.params["token"]
        fields = await request.own_form(token)
        found = await opened(self._store, request)
        chosen = fields.as_dict().get("way")
        if chosen not in {way.name for way in self._ways}:
            return self._page(request, found, error="Select what you want to add")
        return see_other(f"/register/{token}/{chosen}")

    def _page(self, request: Request, found: Invitation, *, error: str | None = None) -> Response:
        items = [
            {"value": way.name, "text": way.title, "hint": way.hint, "needs_script": way.needs_script}
            for way in self._ways
        ]
        return page(
            request,
            "enrolment/invitation.html",
            status=422 if error else 200,
            errors=[("way", error)] if error else [],
            error=error,
            items=items,
            name=found.name,
            invited_by=found.invited_by,
            until=dates.day_and_time(found.expires_at),
            address=f"/register/{request.params['token']}",
            csrf=csrf_of(request),
        )

    async def done(self, request: Request) -> Response:
        now, token = request.site.clock.now(), request.params["token"]

        def work(tx: TxT) -> str | None:
            enrolment = tx.enrolments.find(digest(token))
            if enrolment is None or enrolment.used_at is None or now - enrolment.used_at > _JUST_NOW:
                return None
            added = [one for one in tx.credentials.held_by(enrolment.person) if one.created_at == enrolment.used_at]
            return added[-1].label if added else ""

        label = await self._store.read(work)
        if label is None:
            return self._page(request, await opened(self._store, request))
        return page(request, "enrolment/done.html", label=label)


def csrf_of(request: Request) -> str:
    """Forms are bound to the link itself: who does not have it can send none."""
    return csrf.token(request.site.csrf_key, request.params["token"])


async def opened(store: Store[TxT], request: Request) -> Invitation:
    """The invitation of the link that the request came by. Raises: Problem, if it does not work."""
    now, token = request.site.clock.now(), request.params["token"]
    found = await store.read(lambda tx: invitation.find(tx, token, now=now))
    if isinstance(found, Refusal):
        raise await refused(store, request, found)
    return found


async def refused(store: Store[TxT], request: Request, why: Refusal) -> Problem:
    """Put the refusal on record and say it in words."""
    now, token, reference = request.site.clock.now(), request.params["token"], request.reference
    if why is not Refusal.UNKNOWN:
        record: Callable[[TxT], None] = lambda tx: invitation.record_refusal(  # noqa: E731 (typed for the store)
            tx, token, why, now=now, reference=reference
        )
        await store.write(record)
    status, heading, what_to_do = PAGES[why]
    return Problem(status=status, heading=heading, what_to_do=what_to_do)
