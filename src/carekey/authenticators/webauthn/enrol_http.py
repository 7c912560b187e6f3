"""The pages /register/{token}/passkey and /register/{token}/security-key (ux.md B4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from carekey.authenticators.base import Challenge, Credential, Rejected
from carekey.authenticators.enrolment import invitation
from carekey.authenticators.enrolment.http import csrf_of, opened, refused
from carekey.authenticators.enrolment.invitation import AlreadyRegisteredError, Invitation, Refusal
from carekey.authenticators.ports import AuthenticatorTx
from carekey.authenticators.webauthn import ceremony, enrol, evidence
from carekey.authenticators.webauthn.ceremony import KIND, Answer, Reason
from carekey.authenticators.webauthn.enrol import Pending, Registered, User
from carekey.authenticators.webauthn.events import CredentialRegistered, RegistrationRefused
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
from carekey.kernel.assurance import AAL
from carekey.kernel.entropy import token as new_token
from carekey.kernel.ids import CredentialId
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, page, post, see_other

NAMING = timedelta(minutes=15)
"""How long the person may think about a name."""
LONGEST_NAME = 60

TxT = TypeVar("TxT", bound=AuthenticatorTx)

_AGAIN = ("We could not add it", "Select the button to try again, or add another way to log in.")
WORDS: Mapping[str, tuple[str, str]] = {
    Reason.CHALLENGE_GONE: ("That took too long", "Select the button to try again."),
    Reason.USER_NOT_VERIFIED: (
        "It needs a PIN, a fingerprint or a face",
        "Set one up on your device or security key. Then try again.",
    ),
    Reason.ALREADY_REGISTERED: ("This device is already added", "You can log in with it now, or add another."),
    Reason.MODEL_COMPROMISED: (
        "This model is no longer safe to use",
        "Its maker has reported a fault. Add another device and tell your Registration Authority (RA).",
    ),
    Reason.ATTESTATION_UNTRUSTED: (
        "We cannot tell that this device is what it says",
        "Add another device and tell your Registration Authority (RA).",
    ),
    Reason.LEVEL_NOT_ACCEPTED: (
        "This device gives very high security",
        "You logged in with less, so you cannot add it yourself. Ask your Registration Authority (RA) for a link.",
    ),
    Reason.TEST_MODEL: ("This is a test device", "It cannot be used here. Add another device."),
}


class RegistrationPages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._store = store
        self._terms = terms

    def routes(self) -> Sequence[Route]:
        routes = []
        for way in WAYS:
            address = f"/register/{{token}}/{way}"
            routes.append(Route(address, {"GET": partial(self._show, way), "POST": partial(self._answer, way)}))
            routes.append(post(f"{address}/options", partial(self._options, way)))
            routes.append(post(f"{address}/name", partial(self._name, way)))
        return routes

    async def _show(self, way: WayName, request: Request) -> Response:
        await opened(self._store, request)
        return self._page(request, way)

    async def _options(self, way: WayName, request: Request) -> Response:
        await request.own_form(request.params["token"])
        token, now = request.params["token"], request.site.clock.now()
        challenge, fresh = request.site.entropy.bytes(32), request.site.entropy.bytes(32)

        def work(tx: TxT) -> dict[str, Any] | None:
            found = invitation.find(tx, token, now=now)
            if isinstance(found, Refusal):
                return None
            held = [one for one in tx.credentials.held_by(found.person) if one.kind == KIND]
            user = User(handle=enrol.user_handle(held, fresh=fresh), name=found.name, display_name=found.name)
            options, pending = enrol.begin(self._terms.rp, user, challenge=challenge, way=way, held=descriptors(held))
            tx.challenges.put(
                Challenge(
                    digest=challenge_digest(challenge),
                    subject=found.subject,
                    data=msgspec.msgpack.encode(pending),
                    expires_at=now + CHALLENGE_LIFETIME,
                )
            )
            return options

        options = await self._store.write(work)
        if options is None:
            return answer_json({"next": f"/register/{token}"}, status=409)
        return answer_json({"options": options})

    async def _answer(self, way: WayName, request: Request) -> Response:
        """Judge the registration and keep it, unnamed, until the person has given it a name."""
        fields = await request.own_form(request.params["token"])
        answer = ceremony.read(fields.as_dict().get("answer", ""))
        token, now, reference = request.params["token"], request.site.clock.now(), request.reference
        ticket = new_token(request.site.entropy)

        def work(tx: TxT) -> Registered | Rejected | Refusal:
            found = invitation.find(tx, token, now=now)
            if isinstance(found, Refusal):
                return found
            outcome = self._judge(tx, found, answer, now=now)
            if isinstance(outcome, Rejected):
                tx.audit.record(
                    RegistrationRefused(
                        at=now, actor=actor.UNKNOWN, reference=reference, person=found.person, reason=outcome.why
                    )
                )
                return outcome
            tx.challenges.put(
                Challenge(
                    digest=digest(ticket),
                    subject=found.subject,
                    data=msgspec.msgpack.encode(outcome),
                    expires_at=now + NAMING,
                )
            )
            return outcome

        outcome = await self._store.write(work)
        if isinstance(outcome, Refusal):
            raise await refused(self._store, request, outcome)
        if isinstance(outcome, Rejected):
            return self._page(request, way, refused=outcome.why)
        return self._name_page(request, way, ticket, outcome.model, very_high=outcome.very_high)

    def _judge(self, tx: TxT, found: Invitation, answer: Answer | Rejected, *, now: datetime) -> Registered | Rejected:
        if isinstance(answer, Rejected):
            return answer
        challenge = tx.challenges.take(challenge_digest(answer.claimed_challenge), now=now)
        if challenge is None:
            return Rejected(why=Reason.CHALLENGE_GONE)
        if challenge.subject != found.subject:
            return Rejected(why=Reason.OTHER_SUBJECT)
        outcome = enrol.finish(
            self._terms.rp,
            msgspec.msgpack.decode(challenge.data, type=Pending),
            answer,
            metadata=self._terms.metadata,
            policy=self._terms.policy,
            now=now,
        )
        if isinstance(outcome, Registered) and tx.credentials.find(KIND, outcome.credential_id) is not None:
            return Rejected(why=Reason.ALREADY_REGISTERED)
        if isinstance(outcome, Registered) and outcome.very_high and found.level < AAL.AAL3:
            return Rejected(why=Reason.LEVEL_NOT_ACCEPTED)
        return outcome

    async def _name(self, way: WayName, request: Request) -> Response:
        """Give the registration its name, which completes it and uses the link up."""
        token = request.params["token"]
        fields = (await request.own_form(token)).as_dict()
        ticket, label = fields.get("registration", ""), " ".join(fields.get("label", "").split())
        if error := _name_error(label):
            return self._name_page(request, way, ticket, label, error=error)
        now, reference = request.site.clock.now(), request.reference
        id = CredentialId(new_token(request.site.entropy, size=16))

        def work(tx: TxT) -> Refusal | Rejected | None:
            found = invitation.find(tx, token, now=now)
            if isinstance(found, Refusal):
                return found
            kept = tx.challenges.take(digest(ticket), now=now)
            if kept is None or kept.subject != found.subject:
                return Rejected(why=Reason.CHALLENGE_GONE)
            registered = msgspec.msgpack.decode(kept.data, type=Registered)
            credential = _credential(registered, found, id=id, label=label, now=now)
            if why := invitation.accept(tx, found, credential, now=now, reference=reference):
                return why
            tx.audit.record(_registered(registered, found, id=id, now=now, reference=reference))
            return None

        try:
            outcome = await self._store.write(work)
        except AlreadyRegisteredError:
            outcome = Rejected(why=Reason.ALREADY_REGISTERED)
        if isinstance(outcome, Refusal):
            raise await refused(self._store, request, outcome)
        if isinstance(outcome, Rejected):
            return self._page(request, way, refused=outcome.why)
        return see_other(f"/register/{token}/done")

    def _page(self, request: Request, way: WayName, *, refused: str = "") -> Response:
        heading, advice = WORDS.get(refused, _AGAIN) if refused else ("", "")
        return page(
            request,
            f"webauthn/add_{way.replace('-', '_')}.html",
            status=422 if refused else 200,
            back=f"/register/{request.params['token']}",
            address=f"/register/{request.params['token']}/{way}",
            csrf=csrf_of(request),
            heading=heading,
            advice=advice,
            reference=request.reference if refused else "",
        )

    def _name_page(
        self,
        request: Request,
        way: WayName,
        ticket: str,
        label: str,
        *,
        error: str | None = None,
        very_high: bool | None = None,
    ) -> Response:
        return page(
            request,
            "webauthn/name.html",
            status=422 if error else 200,
            errors=[("label", error)] if error else [],
            error=error,
            address=f"/register/{request.params['token']}/{way}/name",
            csrf=csrf_of(request),
            ticket=ticket,
            label=label,
            very_high=very_high,
        )


def _name_error(label: str) -> str | None:
    if not label:
        return "Enter a name"
    if len(label) > LONGEST_NAME:
        return f"Name must be {LONGEST_NAME} characters or fewer"
    return None if label.isprintable() else "Name must have letters, numbers and signs only"


def _credential(
    registered: Registered, found: Invitation, *, id: CredentialId, label: str, now: datetime
) -> Credential:
    return Credential(
        id=id,
        person=found.person,
        kind=KIND,
        handle=registered.credential_id,
        label=label,
        data=evidence.encode(registered.evidence),
        counter=registered.counter,
        created_at=now,
    )


def _registered(
    registered: Registered, found: Invitation, *, id: CredentialId, now: datetime, reference: str
) -> CredentialRegistered:
    proof = registered.evidence
    return CredentialRegistered(
        at=now,
        actor=actor.person(found.person),
        reference=reference,
        person=found.person,
        credential=id,
        model=registered.model,
        aaguid=proof.aaguid,
        format=proof.format,
        trust=proof.trust,
        backup_eligible=proof.backup_eligible,
        very_high=registered.very_high,
    )
