"""The conformance tool's `Get` and `Respond` (UAF reference section 8.3): for tests, never in production.

Whoever sends a user name acts for it. So these users are nobody: their registrations are of a kind of their own,
with which nobody logs in, and their requests can be answered nowhere else.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from carekey.authenticators.base import Challenge, Credential
from carekey.authenticators.phone import keeping
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.terms import Terms
from carekey.authenticators.phone.transport_http import Message, answer, is_uaf
from carekey.authenticators.uaf import authentication, deregistration, messages, policy, registration, transaction
from carekey.authenticators.uaf.messages import AAID_PATTERN, Operation, Response, ReturnUAFRequest, ServerResponse
from carekey.authenticators.uaf.model import Authenticated, Issued, Random, Registered, Registration
from carekey.authenticators.uaf.status import Reason, Refused, Status, UafError, status
from carekey.kernel.assurance import AAL
from carekey.kernel.entropy import token
from carekey.kernel.ids import CredentialId, PersonId
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Handler, Request, Route, post
from carekey.web.kit import Response as HttpResponse

TxT = TypeVar("TxT", bound=PhoneTx)

KIND = "uaf-conformance"
GET, RESPOND = (
    ("/uaf/conformance/Get", "/uaf/conformance/get"),
    ("/uaf/conformance/Respond", "/uaf/conformance/respond"),
)

_issued = msgspec.json.Decoder(Issued)


class Wishes(msgspec.Struct, frozen=True, rename="camel"):
    """JSON text in the `context` of `Get`."""

    username: str
    transaction: str = ""
    deregister_aaid: str = msgspec.field(name="deregisterAAID", default="")
    deregister_all: bool = False


class Conformance(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._store = store
        self._terms = terms

    def routes(self) -> Sequence[Route]:
        return [
            *(post(address, self._guarded(self._get)) for address in GET),
            *(post(address, self._guarded(self._respond)) for address in RESPOND),
        ]

    def _guarded(self, handler: Callable[[Request, bytes], Awaitable[Message]]) -> Handler:
        """The tool sends `application/json`."""

        async def guarded(request: Request) -> HttpResponse:
            content_type = request.headers.get("content-type", "")
            if not is_uaf(content_type) and content_type.partition(";")[0].strip().lower() != "application/json":
                return HttpResponse(status_code=415)
            try:
                return answer(await handler(request, await request.limited_body()))
            except UafError as error:
                return answer(ServerResponse(status_code=status(error.reason, conformance=True)))

        return guarded

    async def _get(self, request: Request, body: bytes) -> Message:
        wanted = messages.read_get_request(body)
        if not isinstance(wanted.op, str) or not isinstance(wanted.context, str):
            raise UafError(Reason.BAD_ENVELOPE, "op, context")
        try:
            wishes = msgspec.json.decode(wanted.context, type=Wishes)
        except (ValueError, RecursionError):
            raise UafError(Reason.BAD_ENVELOPE, "context") from None
        op, now, random = wanted.op, request.site.clock.now(), request.site.entropy.bytes
        text = await self._store.write(lambda tx: self._request(tx, op, wishes, random=random, now=now))
        return ReturnUAFRequest(status_code=Status.OK, uaf_request=text, op=op)

    def _request(self, tx: TxT, op: Operation, wishes: Wishes, *, random: Random, now: datetime) -> str:
        """Raises: UafError."""
        person = _nobody(wishes.username)
        keys = [(one.aaid, one.key_id) for one in map(keeping.registration_of, _held(tx, person))]
        try:
            if op == "Dereg":
                return self._forget(tx, person, wishes, now=now)
            if op == "Reg":
                text, issued = registration.begin(
                    self._terms.party,
                    person=person,
                    username=wishes.username,
                    accepted=self._terms.approved(),
                    registered=keys,
                    enrolled_at=AAL.AAL1,
                    random=random,
                    now=now,
                )
            else:
                text, issued = authentication.begin(
                    self._terms.party,
                    person=person,
                    policy=policy.for_known_person(keys) if keys else self._terms.approved(),
                    random=random,
                    now=now,
                    transactions=[transaction.plain_text(wishes.transaction)] if wishes.transaction else (),
                )
        except ValueError:
            raise UafError(Reason.BAD_ENVELOPE, "context") from None
        tx.challenges.put(
            Challenge(
                digest=_digest(issued.server_data),
                subject=KIND,
                data=msgspec.json.encode(issued),
                expires_at=issued.expires_at,
            )
        )
        return text

    def _forget(self, tx: TxT, person: PersonId, wishes: Wishes, *, now: datetime) -> str:
        """Raises: UafError; ValueError, if there is nothing to forget."""
        held, app_id, aaid = _held(tx, person), self._terms.party.facets.app_id, wishes.deregister_aaid
        if aaid and not re.fullmatch(AAID_PATTERN, aaid):
            raise UafError(Reason.BAD_ENVELOPE, "deregisterAAID")
        gone = [one for one in held if not aaid or keeping.registration_of(one).aaid == aaid.upper()]
        if not gone:
            raise UafError(Reason.UNKNOWN_KEY)
        for one in gone:
            tx.credentials.revoke(one.id, at=now)
        pairs = [(its.aaid, its.key_id) for its in map(keeping.registration_of, gone)]
        if wishes.deregister_all:
            return deregistration.everything(app_id, pairs)
        return deregistration.whole_model(app_id, aaid, pairs) if aaid else deregistration.keys(app_id, pairs)

    async def _respond(self, request: Request, body: bytes) -> Message:
        response = messages.read_response(messages.read_send_response(body).uaf_response)
        now, id = request.site.clock.now(), CredentialId(token(request.site.entropy, size=16))
        reason = await self._store.write(lambda tx: self._judge(tx, response, id=id, now=now))
        return ServerResponse(status_code=status(reason, conformance=True) if reason else Status.OK)

    def _judge(self, tx: TxT, response: Response, *, id: CredentialId, now: datetime) -> Reason | None:
        server_data, party = response.header.server_data, self._terms.party
        taken = tx.challenges.take(_digest(server_data), now=now) if isinstance(server_data, str) else None
        if taken is None:
            return Reason.SESSION_UNKNOWN
        issued = _issued.decode(taken.data)
        if issued.op == "Reg":
            outcome: Registered | Authenticated | Refused = registration.finish(
                issued, response, party, person=issued.person or "", now=now
            )
        else:
            outcome = authentication.finish(
                issued, response, party, find=lambda aaid, key_id: _find(tx, issued.app_id, aaid, key_id), now=now
            )
        match outcome:
            case Refused(reason=reason):
                return reason
            case Registered(registrations=(new,)):
                credential = replace(keeping.credential_of(new, id=id, label="Conformance"), kind=KIND)
                return None if tx.credentials.add(credential) else Reason.KEY_ID_TAKEN
            case Authenticated(uses=(use,)):
                held = _credential(tx, issued.app_id, use.registration.aaid, use.registration.key_id)
                moved = held is not None and tx.credentials.advance(held.id, counter=use.sign_counter, at=now)
                return None if moved else Reason.CLONE_SUSPECTED
        return Reason.POLICY


def _nobody(username: str) -> PersonId:
    """No user ID of the directory, which are 12 digits."""
    return PersonId(f"conformance-{digest(username).hex()[:24]}")


def _digest(server_data: str) -> bytes:
    return digest(f"{KIND}:{server_data}")


def _held(tx: PhoneTx, person: PersonId) -> list[Credential]:
    return [one for one in tx.credentials.held_by(person) if one.kind == KIND]


def _credential(tx: PhoneTx, app_id: str, aaid: str, key_id: bytes) -> Credential | None:
    found = tx.credentials.find(KIND, keeping.handle(app_id, aaid, key_id))
    return None if found is None or found.revoked_at else found


def _find(tx: PhoneTx, app_id: str, aaid: str, key_id: bytes) -> Registration | None:
    found = _credential(tx, app_id, aaid, key_id)
    return None if found is None else keeping.registration_of(found)
