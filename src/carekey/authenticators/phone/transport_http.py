"""UAF over HTTP (UAF HTTP transport; reference section 8), and the list of trusted facets (section 10.2).

The content type is the defence against other sites: a page elsewhere cannot send it without a preflight, which fails.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

import msgspec
import structlog
from msgspec import UNSET, UnsetType

from carekey.authenticators.phone.approval import State, code_digest, numbered
from carekey.authenticators.phone.caller import Caller, caller_of
from carekey.authenticators.phone.ceremonies import Accepted, Ceremonies, Declined, Sent, Undone, message_refused
from carekey.authenticators.phone.confirmation.ceremony import Confirmations
from carekey.authenticators.phone.events import ApprovalRefused
from carekey.authenticators.phone.push.ports import Tx
from carekey.authenticators.phone.terms import FACETS
from carekey.authenticators.phone.waiting import Watch
from carekey.authenticators.uaf import messages
from carekey.authenticators.uaf.facets import LIST_CONTENT_TYPE
from carekey.authenticators.uaf.messages import (
    CONTENT_TYPE,
    UAF_1_0,
    UAF_1_1,
    UAF_1_2,
    Operation,
    ReturnUAFRequest,
    ServerResponse,
)
from carekey.authenticators.uaf.status import Reason, Status, UafError, status
from carekey.kernel import actor
from carekey.kernel.entropy import token
from carekey.kernel.ids import ConfirmationId, CredentialId, LoginId
from carekey.kernel.unit_of_work import Store
from carekey.web import headers
from carekey.web.kit import Request, Response, Route, get, post
from carekey.web.problem import Problem

TxT = TypeVar("TxT", bound=Tx)
Message = ReturnUAFRequest | ServerResponse

REGISTRATION_REQUEST = "/uaf/reg/request"
REGISTRATION_RESPONSE = "/uaf/reg/response"
AUTHENTICATION_REQUEST = "/uaf/auth/request"
AUTHENTICATION_RESPONSE = "/uaf/auth/response"
VERSIONS = (UAF_1_0, UAF_1_1, UAF_1_2)

_MEDIA_TYPE = "application/fido+uaf"
_DEVICE = re.compile(r"[A-Za-z0-9_-]{43}")
_LOGIN = re.compile(r"[A-Za-z0-9_-]{0,64}")
_OF_NOBODY = frozenset({Reason.NOT_SIGNED_IN, Reason.SESSION_UNKNOWN})
"""Why a request is not made for whoever asks: any other refusal concerns something that is open, and is on its record."""

log = structlog.get_logger()


class Context(msgspec.Struct, frozen=True):
    """What a request is wanted for: JSON text in the envelope's `context`."""

    activation: str = ""
    """The code of somebody who registers."""
    login: str = ""
    """The log-in of the browser that asks."""
    approval: str = ""
    """The code that another device shows, with the secret of the phone that opened it and the number typed there."""
    holder: str = ""
    number: str = ""
    confirmation: str = ""
    """A text that waits for the person of this phone, which proves with `device` that it is it."""
    device: str = ""
    """A phone's own secret: 256 random bits, base64url. With a response it sends the one by which it will ask from
    then on what waits for it."""


class Transport(Generic[TxT]):
    def __init__(
        self, *, store: Store[TxT], ceremonies: Ceremonies[TxT], confirmations: Confirmations[TxT], watch: Watch
    ) -> None:
        self._store = store
        self._ceremonies = ceremonies
        self._confirmations = confirmations
        self._watch = watch
        self._facets = ceremonies.terms.party.facets.document(VERSIONS)

    def routes(self) -> Sequence[Route]:
        return [
            get(FACETS, self._facet_list),
            post(REGISTRATION_REQUEST, partial(self._guarded, partial(self._request, "Reg"))),
            post(REGISTRATION_RESPONSE, partial(self._guarded, partial(self._response, "Reg"))),
            post(AUTHENTICATION_REQUEST, partial(self._guarded, partial(self._request, "Auth"))),
            post(AUTHENTICATION_RESPONSE, partial(self._guarded, partial(self._response, "Auth"))),
        ]

    async def _facet_list(self, request: Request) -> Response:  # noqa: ARG002 (a handler has it)
        return Response(
            self._facets, headers={"content-type": LIST_CONTENT_TYPE, "cache-control": "public, max-age=3600"}
        )

    async def _guarded(self, handler: Callable[[Request, bytes], Awaitable[Message]], request: Request) -> Response:
        """The rules of the transport: faults of HTTP have HTTP codes, everything else is 200 with a UAF status."""
        if not is_uaf(request.headers.get("content-type", "")) or "access-control-request-method" in request.headers:
            return Response(status_code=415, headers={"accept-post": CONTENT_TYPE})
        try:
            message = await handler(request, await request.limited_body())
        except Problem as problem:
            return Response(status_code=problem.status)
        except Exception as error:
            log.exception("uaf:failed", reference=request.reference, kind=type(error).__name__)
            message = await self._failed(request, error)
        return answer(message)

    async def _failed(self, request: Request, error: Exception) -> Message:
        """Rolled back by then. If nothing can be recorded either, the log alone has it."""
        with suppress(Exception):
            await self._record(Reason.FAULT, type(error).__name__, caller_of(request))
        return ServerResponse(status_code=status(Reason.FAULT))

    async def _record(self, reason: Reason, detail: str, caller: Caller) -> None:
        await self._store.write(lambda tx: tx.audit.record(message_refused(reason, detail, caller)))

    async def _request(self, op: Operation, request: Request, body: bytes) -> Message:
        caller, random = caller_of(request), request.site.entropy.bytes
        try:
            wanted = messages.read_get_request(body)
            context = _context(wanted.context, wanted.op, op)
        except UafError as error:
            await self._record(error.reason, error.detail, caller)
            return ReturnUAFRequest(status_code=status(error.reason))

        def make(tx: TxT) -> str | Reason:
            if op == "Reg":
                return self._ceremonies.register(tx, context.activation, caller, random=random)
            if context.confirmation:
                id = ConfirmationId(context.confirmation)
                return self._confirmations.request(tx, context.device, id, caller, random=random)
            if context.approval:
                return self._approval(tx, context, caller, random=random)
            return self._ceremonies.log_in_here(tx, LoginId(context.login), caller, random=random)

        def work(tx: TxT) -> str | Reason:
            made = make(tx)
            if isinstance(made, Reason) and made in _OF_NOBODY:
                tx.audit.record(message_refused(made, "", caller))
            return made

        made = await self._store.write(work)
        self._watch.wake()
        if isinstance(made, Reason):
            return ReturnUAFRequest(status_code=status(made))
        return ReturnUAFRequest(status_code=Status.OK, uaf_request=made, op=op)

    def _approval(self, tx: TxT, context: Context, caller: Caller, *, random: Callable[[int], bytes]) -> str | Reason:
        """The number comes before the request (section 23.2, rule 3)."""
        asked = tx.approvals.find(code_digest(context.approval))
        if asked is None or asked.expires_at <= caller.now or not asked.held_by(context.holder):
            return Reason.SESSION_UNKNOWN
        judged = numbered(asked, context.number)
        if not tx.approvals.change(judged, was=State.OPENED):
            return Reason.SESSION_UNKNOWN
        if judged.state is State.MATCHED:
            return self._ceremonies.log_in_elsewhere(tx, judged, caller, random=random)
        tx.audit.record(
            ApprovalRefused(
                at=caller.now,
                actor=actor.UNKNOWN,
                reference=caller.reference,
                login=asked.login,
                reason=judged.state,
            )
        )
        return Reason.NOT_ALLOWED

    async def _response(self, op: Operation, request: Request, body: bytes) -> Message:
        caller = caller_of(request)
        id = CredentialId(token(request.site.entropy, size=16))
        try:
            message = messages.read_send_response(body)
            response = messages.read_response(message.uaf_response)
            device = _context(message.context, UNSET, op).device
            if response.header.op != op:
                raise UafError(Reason.OPERATION)
        except UafError as error:
            await self._record(error.reason, error.detail, caller)
            return ServerResponse(status_code=status(error.reason))
        sent = Sent(response=response, text=message.uaf_response, device=device)
        try:
            outcome = await self._store.write(lambda tx: self._ceremonies.answer(tx, sent, caller, id=id))
        except Undone as error:
            undone = error
            outcome = await self._store.write(lambda tx: self._ceremonies.overtaken(tx, response, undone, caller))
        self._watch.wake()
        return told(outcome)


def told(outcome: Accepted | Declined) -> ServerResponse:
    """The status and nothing else: the reason is for the audit record."""
    if isinstance(outcome, Accepted):
        if outcome.goes_to:
            return ServerResponse(status_code=Status.OK, location=outcome.goes_to)
        return ServerResponse(status_code=Status.OK)
    if outcome.forget:
        return ServerResponse(status_code=status(outcome.reason), new_uaf_request=outcome.forget)
    if outcome.goes_to:
        return ServerResponse(status_code=status(outcome.reason), location=outcome.goes_to)
    return ServerResponse(status_code=status(outcome.reason))


def answer(message: Message) -> Response:
    response = Response(msgspec.json.encode(message), headers={"content-type": CONTENT_TYPE})
    response.raw_headers.append(headers.NO_STORE)
    return response


def is_uaf(content_type: str) -> bool:
    """In any case, parameters in any order, `utf-8` or no charset (section 8.1)."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [
        part.partition("=")[2].strip(' "') for part in parameters if part.partition("=")[0].strip() == "charset"
    ]
    return media_type == _MEDIA_TYPE and all(charset == "utf-8" for charset in charsets)


def discovery(origin: str) -> Mapping[str, str]:
    """What NHS login publishes beside OpenID Connect (section 30.1), with our addresses."""
    return {
        "fido_uaf_registration_request_endpoint": origin + REGISTRATION_REQUEST,
        "fido_uaf_registration_response_endpoint": origin + REGISTRATION_RESPONSE,
        "fido_uaf_authentication_request_endpoint": origin + AUTHENTICATION_REQUEST,
        "fido_uaf_authentication_response_endpoint": origin + AUTHENTICATION_RESPONSE,
    }


def _context(text: str | UnsetType, said: Operation | UnsetType, op: Operation) -> Context:
    """Raises: UafError."""
    if said not in {UNSET, op}:
        raise UafError(Reason.BAD_ENVELOPE, "op")
    try:
        context = msgspec.json.decode(text if isinstance(text, str) else "{}", type=Context)
    except (ValueError, RecursionError):
        raise UafError(Reason.BAD_ENVELOPE, "context") from None
    if not _LOGIN.fullmatch(context.login):
        raise UafError(Reason.BAD_ENVELOPE, "context.login")
    if context.device and not _DEVICE.fullmatch(context.device):
        raise UafError(Reason.BAD_ENVELOPE, "context.device")
    return context
