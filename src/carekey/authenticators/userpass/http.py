"""The page /login/{id}/password: a plain form that works without script."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from carekey.authenticators.base import Attempt, Credential, Rejected, Verified, Way
from carekey.authenticators.http import Described, browser_of, remembered
from carekey.authenticators.ports import Attempts, AuthenticatorTx
from carekey.authenticators.slow_digest import NOBODY, SlowDigests, TooBusy
from carekey.authenticators.userpass import ceremony
from carekey.authenticators.userpass.ceremony import KIND, LONGEST, TRIES, Reason, handle, window
from carekey.authenticators.userpass.events import LogInRefused
from carekey.kernel import actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.unit_of_work import Store
from carekey.web import dates
from carekey.web.kit import Request, Response, Route, page, see_other
from carekey.web.problem import unavailable

WAY = Way(
    name="password",
    title="User name and password",
    hint="For test systems only",
    amr=frozenset({Amr.PASSWORD}),
    levels=frozenset({AAL.AAL1}),
    needs_script=False,
)

TxT = TypeVar("TxT", bound=AuthenticatorTx)

_CHECK = "Check your user name and password"
_WORDS: Mapping[str, str] = {
    Reason.WRONG: _CHECK,
    Reason.REVOKED: _CHECK,
    Reason.WRONG_PERSON: "The application asked for a different person. Use your own user name",
    Reason.LEVEL_NOT_ACCEPTED: "The application needs a higher level of log-in security",
}


class UserPass(Generic[TxT]):
    """Satisfies `authenticators.http.Authenticator`."""

    kind = KIND
    ways = (WAY,)
    sandbox_only = True
    templates: Mapping[str, Path] = {"userpass": Path(__file__).parent / "templates"}

    def __init__(self, *, store: Store[TxT], attempts: Attempts[TxT]) -> None:
        self._store = store
        self._attempts = attempts
        self._digests = SlowDigests()

    def routes(self) -> Sequence[Route]:
        return [Route(f"/login/{{id}}/{WAY.name}", {"GET": self.show, "POST": self.answer})]

    def describe(self, credential: Credential) -> Described:
        return Described(kind=WAY.title, label=credential.label, aal=AAL.AAL1)

    async def show(self, request: Request) -> Response:
        attempt = await self._store.read(partial(self._find, request, request.site.clock.now()))
        return self._back(request) if attempt is None else self._page(request, attempt)

    async def answer(self, request: Request) -> Response:
        _, browser = browser_of(request)
        fields = (await request.own_form(browser.reveal() if browser else None)).as_dict()
        user_name, password = fields.get("username", "").strip(), fields.get("password", "")
        now, reference = request.site.clock.now(), request.reference
        key, ends = window(user_name, now)

        def count(tx: TxT) -> tuple[Attempt, int, Credential | None] | None:
            # Counted before it is checked: any number of tries at once are still no more than allowed.
            attempt = self._find(request, now, tx)
            if attempt is None:
                return None
            if not user_name or not password:
                return attempt, 0, None
            tries = tx.failures.add(key, now=now, until=ends)
            return attempt, tries, tx.credentials.find(KIND, handle(user_name))

        counted = await self._store.write(count)
        if counted is None:
            return self._back(request)
        attempt, tries, credential = counted
        if not user_name or not password:
            return self._page(request, attempt, errors=_missing(user_name, password), user_name=user_name)
        if tries > TRIES:
            outcome: Verified | Rejected = Rejected(why=Reason.PAUSED)
        else:
            matched = await self._matches(credential, password)
            outcome = ceremony.finish(
                credential, matched=matched, expected_person=attempt.person, accepted=attempt.levels, now=now
            )

        def conclude(tx: TxT) -> bool:
            if isinstance(outcome, Verified):
                current = self._find(request, now, tx)
                if current is None or not tx.credentials.advance(outcome.credential, counter=0, at=now):
                    return False
                tx.failures.clear(key)
                self._attempts.conclude(tx, current, outcome)
            else:
                tx.audit.record(
                    LogInRefused(
                        at=now,
                        actor=actor.UNKNOWN,
                        reference=reference,
                        login=attempt.id,
                        reason=outcome.why,
                        credential=credential.id if credential else "",
                    )
                )
            return True

        await self._store.write(conclude)
        if isinstance(outcome, Verified):
            return self._back(request)
        if outcome.why == Reason.PAUSED:
            return self._paused(request, attempt, ends)
        message = _WORDS[outcome.why]
        return self._page(request, attempt, errors={"username": message}, user_name=user_name)

    async def _matches(self, credential: Credential | None, password: str) -> bool:
        """Raises: Problem, if too many wait already."""
        hashed = credential.data.decode() if credential else NOBODY
        try:
            return await self._digests.matches(hashed, password[:LONGEST]) and len(password) <= LONGEST
        except TooBusy:
            raise unavailable() from None

    def _find(self, request: Request, now: datetime, tx: TxT) -> Attempt | None:
        id, browser = browser_of(request)
        return self._attempts.find(tx, id, browser=browser, way=WAY.name, zone=request.zone, now=now)

    def _back(self, request: Request) -> Response:
        """Only the dispatcher knows what comes next, or why nothing does."""
        return see_other(f"/login/{request.params['id']}")

    def _page(
        self, request: Request, attempt: Attempt, *, errors: Mapping[str, str] | None = None, user_name: str = ""
    ) -> Response:
        errors = errors or {}
        return page(
            request,
            "userpass/password.html",
            status=422 if errors else 200,
            form_action=(attempt.form_action,),
            attempt=attempt,
            remembered=remembered(request, attempt),
            address=f"/login/{attempt.id}/{WAY.name}",
            errors=list(errors.items()),
            error=errors,
            user_name=user_name or str(attempt.more.get("hint", "")),
        )

    def _paused(self, request: Request, attempt: Attempt, ends: datetime) -> Response:
        return page(
            request,
            "userpass/paused.html",
            status=429,
            form_action=(attempt.form_action,),
            attempt=attempt,
            remembered=remembered(request, attempt),
            again=dates.clock_time(ends),
            reference=request.reference,
        )


def _missing(user_name: str, password: str) -> dict[str, str]:
    faults = {"username": "Enter your user name"} if not user_name else {}
    return faults | ({} if password else {"password": "Enter your password"})
