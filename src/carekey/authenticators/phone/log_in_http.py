"""The pages /login/{id}/phone and /login/{id}/this-phone (ux.md A5)."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from carekey.authenticators.base import Attempt
from carekey.authenticators.http import browser_of, remembered
from carekey.authenticators.phone import qr
from carekey.authenticators.phone.approval import LIFETIME, Approval, State, code_digest, new_code, new_number
from carekey.authenticators.phone.events import ApprovalAsked
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.terms import ELSEWHERE, ENDED, HERE, Terms
from carekey.authenticators.phone.waiting import Watch, stream
from carekey.authenticators.ports import Attempts
from carekey.kernel import actor
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, get_alone, page, see_other
from carekey.web.problem import not_found

TxT = TypeVar("TxT", bound=PhoneTx)

_OPEN = frozenset({State.WAITING, State.OPENED, State.MATCHED})
_EXPIRED = "expired"
ENDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    State.REFUSED: (
        "You refused on your phone or tablet",
        (
            "Nobody was logged in.",
            "If it was you, and you want to log in after all, try again.",
            "If it was not you, somebody else has your phone: tell your Registration Authority (RA) now.",
        ),
    ),
    State.WRONG_NUMBER: (
        "The number was wrong",
        (
            "The number that was typed on a phone or tablet is not the one that was on this page. Nobody was logged in.",
            "Try again with a new number.",
            "If you did not type a number, somebody else did. Do not approve anything that you did not start.",
        ),
    ),
    State.FAILED: (
        "We could not accept the answer of your phone or tablet",
        ("It may not be registered any more, or belong to somebody else.", "Try again, or use another way to log in."),
    ),
    State.ENDED: (
        "Your phone or tablet has to be registered again",
        (
            "A fingerprint or face was added to it, or removed, since it was registered. Nobody was logged in.",
            "It no longer works here, so that nobody else can log in as you.",
            "If it was you, ask your Registration Authority (RA) for a new link, and add your phone or tablet again.",
            "If it was not you, somebody else can unlock your phone: tell your Registration Authority (RA) now.",
        ),
    ),
    _EXPIRED: (
        "That took too long",
        ("You have 2 minutes to approve on your phone or tablet.", "Try again with a new code."),
    ),
}


class LogInPages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], attempts: Attempts[TxT], terms: Terms, watch: Watch) -> None:
        self._store = store
        self._attempts = attempts
        self._terms = terms
        self._watch = watch

    def routes(self) -> Sequence[Route]:
        return [
            Route(f"/login/{{id}}/{ELSEWHERE.name}", {"GET": self.show, "POST": self.ask}),
            get_alone(f"/login/{{id}}/{ELSEWHERE.name}/events", self.events),
            get_alone(f"/login/{{id}}/{HERE.name}", self.here),
            get_alone(ENDED, self.ended),
        ]

    def _find(self, request: Request, way: str) -> Callable[[TxT], Attempt | None]:
        id, browser = browser_of(request)
        now, zone = request.site.clock.now(), request.zone
        return lambda tx: self._attempts.find(tx, id, browser=browser, way=way, zone=zone, now=now)

    async def here(self, request: Request) -> Response:
        """Hands over to CareKey Phone in this browser, which comes back to /login/{id}."""
        attempt = await self._store.read(self._find(request, HERE.name))
        if attempt is None:
            return _back(request)
        return page(
            request,
            "phone/here.html",
            form_action=(attempt.form_action,),
            attempt=attempt,
            remembered=remembered(request, attempt),
            phone=f"/phone#login={attempt.id}",
        )

    async def ended(self, request: Request) -> Response:
        """Where a device is sent whose registration has just ended. It says nothing of anybody."""
        attempt = await self._store.read(self._find(request, HERE.name))
        if attempt is None:
            return _back(request)
        heading, lines = ENDS[State.ENDED]
        return page(
            request,
            "phone/ended.html",
            form_action=(attempt.form_action,),
            attempt=attempt,
            remembered=remembered(request, attempt),
            again=False,
            heading=heading,
            lines=lines,
            reference=attempt.reference,
        )

    async def show(self, request: Request) -> Response:
        """The page as it is now: before, waiting, or how it ended. Taking the proof is for this browser alone."""
        find, now = self._find(request, ELSEWHERE.name), request.site.clock.now()

        def look(tx: TxT) -> tuple[Attempt, Approval | None] | None:
            attempt = find(tx)
            return None if attempt is None else (attempt, tx.approvals.of(attempt.id))

        def take(tx: TxT) -> bool:
            attempt = find(tx)
            asked = tx.approvals.of(attempt.id) if attempt else None
            if attempt is None or asked is None or asked.proof is None or asked.expires_at <= now:
                return False
            if not tx.approvals.change(replace(asked, state=State.FINISHED), was=State.APPROVED):
                return False
            self._attempts.conclude(tx, attempt, asked.proof)
            return True

        found = await self._store.read(look)
        if found is None:
            return _back(request)
        attempt, asked = found
        if asked is None or asked.state is State.FINISHED:
            return self._page(request, attempt, "phone/elsewhere.html")
        if asked.state is State.APPROVED and await self._store.write(take):
            return _back(request)
        state = _standing(asked, now)
        if state in ENDS:
            heading, lines = ENDS[state]
            return self._page(
                request,
                attempt,
                "phone/ended.html",
                again=state is not State.ENDED,
                heading=heading,
                lines=lines,
                reference=attempt.reference,
            )
        return self._waiting(request, attempt, asked)

    async def ask(self, request: Request) -> Response:
        """Begin, or begin again: a new code and a new number; what was shown before counts no more."""
        _, browser = browser_of(request)
        await request.own_form(browser.reveal() if browser else None)
        find, now = self._find(request, ELSEWHERE.name), request.site.clock.now()
        random, zone, reference = request.site.entropy.bytes, request.zone, request.reference
        salt = random(16)

        def work(tx: TxT) -> bool:
            attempt = find(tx)
            if attempt is None:
                return False
            tx.approvals.ask(
                Approval(
                    code=code_digest(_code(request, salt)),
                    salt=salt,
                    login=attempt.id,
                    number=new_number(random),
                    application=attempt.application,
                    zone=zone,
                    person=attempt.person,
                    levels=attempt.levels & self._terms.ways[0].levels,
                    asked_at=now,
                    expires_at=now + LIFETIME,
                )
            )
            tx.audit.record(ApprovalAsked(at=now, actor=actor.UNKNOWN, reference=reference, login=attempt.id))
            return True

        if not await self._store.write(work):
            return _back(request)
        return see_other(f"/login/{request.params['id']}/{ELSEWHERE.name}")

    async def events(self, request: Request) -> Response:
        """How the approval goes on, for the page that waits."""
        find, now = self._find(request, ELSEWHERE.name), request.site.clock.now()

        def look(tx: TxT) -> Approval | None:
            attempt = find(tx)
            return None if attempt is None else tx.approvals.of(attempt.id)

        asked = await self._store.read(look)
        if asked is None:
            raise not_found()
        left = (asked.expires_at - now).total_seconds()
        return stream(
            self._watch, asked.login, known=State.WAITING, until=lambda state: state not in _OPEN, seconds=left
        )

    def _waiting(self, request: Request, attempt: Attempt, asked: Approval) -> Response:
        code = _code(request, asked.salt)
        address = f"{self._terms.origin}/phone"
        return self._page(
            request,
            attempt,
            "phone/waiting.html",
            number=asked.number,
            events=f"/login/{attempt.id}/{ELSEWHERE.name}/events",
            code=code,
            picture=qr.svg(f"{address}#approve={code}"),
            phone=address,
            opened=asked.state is not State.WAITING,
        )

    def _page(self, request: Request, attempt: Attempt, template: str, **more: Any) -> Response:
        return page(
            request,
            template,
            form_action=(attempt.form_action,),
            attempt=attempt,
            remembered=remembered(request, attempt),
            address=f"/login/{attempt.id}/{ELSEWHERE.name}",
            **more,
        )


def _code(request: Request, salt: bytes) -> str:
    """Made from the browser's own secret, so that its page can show it again, and the store alone cannot."""
    _, browser = browser_of(request)
    assert browser is not None
    material = b"carekey: approval" + salt + browser.reveal().encode()
    return new_code(hmac.digest(request.site.csrf_key, material, hashlib.sha256))


def _standing(asked: Approval, now: datetime) -> str:
    return _EXPIRED if asked.expires_at <= now and asked.state in _OPEN | {State.APPROVED} else asked.state


def _back(request: Request) -> Response:
    """Only the dispatcher knows what comes next, or why nothing does."""
    return see_other(f"/login/{request.params['id']}")
