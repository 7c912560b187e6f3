"""The pages /login/{id}/passkey and /login/{id}/security-key (ux.md A3)."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from carekey.authenticators.base import Attempt, Challenge, Credential, Rejected, Verified
from carekey.authenticators.http import browser_of, remembered
from carekey.authenticators.ports import Attempts, AuthenticatorTx
from carekey.authenticators.webauthn import ceremony, models
from carekey.authenticators.webauthn.ceremony import KIND, Answer, Pending, Proven, Reason, base64url
from carekey.authenticators.webauthn.events import CloneSuspected, LogInRefused
from carekey.authenticators.webauthn.evidence import decode
from carekey.authenticators.webauthn.exchange import (
    CHALLENGE_LIFETIME,
    WAYS,
    Terms,
    answer_json,
    challenge_digest,
    descriptors,
)
from carekey.authenticators.webauthn.models import WayName
from carekey.kernel import actor
from carekey.kernel.ids import PersonId
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, page, post, see_other

TxT = TypeVar("TxT", bound=AuthenticatorTx)

_USER_ID = re.compile(r"[0-9]{12}")

_THINGS: Mapping[WayName, str] = {"passkey": "passkey", "security-key": "security key"}
_TRY_AGAIN = ("We could not check your answer", "Select Continue to try again, or use another way to log in.")
WORDS: Mapping[str, tuple[str, str]] = {
    Reason.CHALLENGE_GONE: ("That took too long", "Select Continue to try again."),
    Reason.USER_NOT_VERIFIED: (
        "We need your PIN, fingerprint or face as well",
        "Set a PIN on your security key, or use another way to log in.",
    ),
    Reason.UNKNOWN_CREDENTIAL: (
        "This {thing} is not linked to an account here",
        "It may have been removed. Use another way to log in.",
    ),
    Reason.REVOKED_CREDENTIAL: (
        "This {thing} has been removed from your account",
        "Use another way to log in, or ask your Registration Authority (RA) for a new one.",
    ),
    Reason.WRONG_PERSON: (
        "This {thing} belongs to someone else",
        "The application asked for a different person. Use your own passkey or security key.",
    ),
    Reason.WAY_NOT_ALLOWED: (
        "You cannot use this one here",
        "What you used is of another kind than the application allows from this network. Use another way to log in.",
    ),
    Reason.LEVEL_NOT_ACCEPTED: (
        "The application needs a different level of log-in security",
        "A passkey that is copied between devices has high security, not very high. Use another way to log in.",
    ),
    Reason.MODEL_COMPROMISED: (
        "This model is no longer safe to use",
        "Its maker has reported a fault. Use another way to log in and tell your Registration Authority (RA).",
    ),
    Reason.TEST_MODEL: ("This is a test device", "It cannot be used here. Use another way to log in."),
    Reason.COUNTER_WENT_BACK: (
        "There may be a copy of this {thing}",
        "We did not log you in. Use another way to log in and tell your Registration Authority (RA).",
    ),
}


class LogInPages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], attempts: Attempts[TxT], terms: Terms) -> None:
        self._store = store
        self._attempts = attempts
        self._terms = terms

    def routes(self) -> Sequence[Route]:
        routes = []
        for way in WAYS:
            address = f"/login/{{id}}/{way}"
            routes.append(Route(address, {"GET": partial(self._show, way), "POST": partial(self._answer, way)}))
            routes.append(post(f"{address}/options", partial(self._options, way)))
        return routes

    def _find(self, request: Request, way: str) -> Callable[[TxT], Attempt | None]:
        id, browser = browser_of(request)
        now, zone = request.site.clock.now(), request.zone
        return lambda tx: self._attempts.find(tx, id, browser=browser, way=way, zone=zone, now=now)

    async def _show(self, way: WayName, request: Request) -> Response:
        attempt = await self._store.read(self._find(request, way))
        return back_to_log_in(request) if attempt is None else self._page(request, way, attempt)

    async def _options(self, way: WayName, request: Request) -> Response:
        """The question for the browser, as JSON. The log-in's page says what to do if there is none."""
        _, browser = browser_of(request)
        fields = await request.own_form(browser.reveal() if browser else None)
        typed = (fields.as_dict().get("user") or "").replace(" ", "")
        if typed and not _USER_ID.fullmatch(typed):
            return answer_json({"problem": "User ID must be 12 numbers"}, status=422)
        now = request.site.clock.now()
        challenge = request.site.entropy.bytes(32)
        find = self._find(request, way)

        def work(tx: TxT) -> dict[str, Any] | None:
            attempt = find(tx)
            if attempt is None:
                return None
            allowed = self._allowed(tx, attempt, typed, decoy_key=request.site.csrf_key)
            options, pending = ceremony.begin(self._terms.rp, challenge=challenge, way=way, allowed=allowed)
            tx.challenges.put(
                Challenge(
                    digest=challenge_digest(challenge),
                    subject=f"login:{attempt.id}",
                    data=msgspec.msgpack.encode(pending),
                    expires_at=now + CHALLENGE_LIFETIME,
                )
            )
            return options

        options = await self._store.write(work)
        if options is None:
            return answer_json({"next": f"/login/{request.params['id']}"}, status=409)
        return answer_json({"options": options})

    def _allowed(
        self, tx: TxT, attempt: Attempt, typed: str, *, decoy_key: bytes
    ) -> list[tuple[bytes, tuple[str, ...]]]:
        """Credentials of the one person who may log in, or of the one whose user ID was typed; else none."""
        person = attempt.person or (PersonId(typed) if typed else None)
        if person is None:
            return []
        held = descriptors(tx.credentials.held_by(person))
        # A person who has none, or does not exist, gets an answer of the same form (section 14.6.2).
        return held or [(hmac.digest(decoy_key, b"decoy:" + person.encode(), hashlib.sha256), ("usb",))]

    async def _answer(self, way: WayName, request: Request) -> Response:
        _, browser = browser_of(request)
        fields = await request.own_form(browser.reveal() if browser else None)
        answer = ceremony.read(fields.as_dict().get("answer", ""))
        find = self._find(request, way)
        own_way = {other: self._find(request, other) for other in WAYS}
        now, reference = request.site.clock.now(), request.reference

        def work(tx: TxT) -> tuple[Attempt, Verified | Rejected] | None:
            attempt = find(tx)
            if attempt is None:
                return None
            credential = tx.credentials.find(KIND, answer.claimed_credential) if isinstance(answer, Answer) else None
            judged = self._judge(tx, attempt, answer, credential, now=now)
            outcome = (
                judged
                if isinstance(judged, Rejected)
                else self._concluded(tx, attempt, judged, own_way, way=way, reference=reference)
            )
            if isinstance(outcome, Rejected):
                tx.audit.record(
                    LogInRefused(
                        at=now,
                        actor=actor.UNKNOWN,
                        reference=reference,
                        login=attempt.id,
                        way=way,
                        reason=outcome.why,
                        credential=credential.id if credential else "",
                        claimed_person=credential.person if credential else "",
                    )
                )
            return attempt, outcome

        done = await self._store.write(work)
        if done is None:
            return back_to_log_in(request)
        attempt, outcome = done
        if isinstance(outcome, Verified):
            return back_to_log_in(request)
        unknown = answer.claimed_credential if isinstance(answer, Answer) else b""
        return self._page(request, way, attempt, refused=outcome.why, claimed=unknown)

    def _judge(
        self, tx: TxT, attempt: Attempt, answer: Answer | Rejected, credential: Credential | None, *, now: datetime
    ) -> Proven | Rejected:
        """Take the challenge, which one caller alone can, and judge the answer to it."""
        if isinstance(answer, Rejected):
            return answer
        challenge = tx.challenges.take(challenge_digest(answer.claimed_challenge), now=now)
        if challenge is None:
            return Rejected(why=Reason.CHALLENGE_GONE)
        if challenge.subject != f"login:{attempt.id}":
            return Rejected(why=Reason.OTHER_SUBJECT)
        return ceremony.finish(
            self._terms.rp,
            msgspec.msgpack.decode(challenge.data, type=Pending),
            answer,
            credential,
            expected_person=attempt.person,
            accepted=attempt.levels,
            metadata=self._terms.metadata,
            policy=self._terms.policy,
            now=now,
        )

    def _concluded(
        self,
        tx: TxT,
        attempt: Attempt,
        proven: Proven,
        find: Mapping[WayName, Callable[[TxT], Attempt | None]],
        *,
        way: WayName,
        reference: str,
    ) -> Verified | Rejected:
        """Advance the counter, which of two copies one alone can, and keep the proof."""
        proof, credential = proven.proof, proven.credential
        # The browser lets a person pick another kind than the page is for; then that kind must be allowed here too.
        kind = models.way_of(decode(credential.data))
        if kind != way and find[kind](tx) is None:
            return Rejected(why=Reason.WAY_NOT_ALLOWED)
        if not tx.credentials.advance(credential.id, counter=proven.counter, at=proof.at):
            tx.audit.record(
                CloneSuspected(
                    at=proof.at,
                    actor=actor.UNKNOWN,
                    reference=reference,
                    login=attempt.id,
                    credential=credential.id,
                    person=credential.person,
                    counter=proven.counter,
                    stored=credential.counter,
                )
            )
            return Rejected(why=Reason.COUNTER_WENT_BACK)
        self._attempts.conclude(tx, attempt, proof)
        return proof

    def _page(
        self, request: Request, way: WayName, attempt: Attempt, *, refused: str = "", claimed: bytes = b""
    ) -> Response:
        heading, advice = words(way, refused) if refused else ("", "")
        return page(
            request,
            f"webauthn/{way}.html",
            status=422 if refused else 200,
            form_action=(attempt.form_action,),
            blanks={
                "id": attempt.id,
                "csrf": attempt.csrf,
                "reference": request.reference if refused else "",
                # Browsers that can are told to forget a passkey that we do not know (section 5.1.10).
                "forget": base64url(claimed) if refused == Reason.UNKNOWN_CREDENTIAL else "",
            },
            way=way,
            application=attempt.application,
            remembered=remembered(request, attempt),
            heading=heading,
            advice=advice,
            ask_user=attempt.person is None,
            rp_id=self._terms.rp.id,
        )


def words(way: WayName, refused: str) -> tuple[str, str]:
    """What was wrong, and what to do, as the page of this way says it."""
    heading, advice = WORDS.get(refused, _TRY_AGAIN)
    return heading.format(thing=_THINGS[way]), advice


def back_to_log_in(request: Request) -> Response:
    """Only the dispatcher knows what comes next, or why nothing does."""
    return see_other(f"/login/{request.params['id']}")
