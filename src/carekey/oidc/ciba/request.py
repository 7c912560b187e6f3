"""The backchannel authentication request and its answer (CIBA Core sections 7.1 to 7.3)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec

from carekey.jose.sealing import Sealing
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.ids import IssuerName
from carekey.kernel.unit_of_work import Store
from carekey.oidc.authorize.parameters import LIMITS, Arrival, Received, is_plain
from carekey.oidc.ciba import binding_message, grant, hints, user_code
from carekey.oidc.ciba.errors import InvalidBindingMessage, Reason, TooManyOpen
from carekey.oidc.ciba.ports import CibaTx
from carekey.oidc.ciba.reach import Reach
from carekey.oidc.ciba.signed_request import Opened, SignedRequests
from carekey.oidc.ciba.user_code import UserCodeCheck
from carekey.oidc.client_auth.authenticate import Authenticated, ClientAuthentication
from carekey.oidc.client_auth.keys import NO_KEYS
from carekey.oidc.decoupled import polling
from carekey.oidc.decoupled.endpoint import made
from carekey.oidc.decoupled.model import DecoupledRequest, Kind
from carekey.oidc.decoupled.reading import Known, draft
from carekey.oidc.errors import InvalidRequest, UnauthorizedClient
from carekey.oidc.errors import Reason as Wrong
from carekey.oidc.id_token_hint import Verifier
from carekey.oidc.model import Client, Issuer, TokenDelivery
from carekey.oidc.parameters import check_once
from carekey.oidc.profiles import demands, may_push
from carekey.web.fields import Fields

OPEN_OF_A_CLIENT, OPEN_OF_ALL = 2, 6
"""Requests that may wait for one person at a time: whoever is asked on and on agrees in the end (fatigue attack)."""

_LIMITS: Mapping[str, int] = {
    **{name: LIMITS[name] for name in ("scope", "acr_values", "claims", "authorization_details", "id_token_hint")},
    "resource": 2048,
    "login_hint": LIMITS["login_hint"],
    "login_hint_token": 8192,
    "client_notification_token": 1024,
    "binding_message": 2048,
    "user_code": 256,
    "requested_expiry": 20,
}
"""The parameters that we know, and how many characters of each we take. All others are passed over."""

_NOTIFICATION_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{22,1024}=*")
"""RFC 6750 section 2.1, and at least 128 bits."""
_EXPIRY = re.compile(r"[1-9][0-9]{0,14}")
SHORTEST = timedelta(seconds=30)
"""Less than that nobody can read, fetch their key and agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What is needed to notify a client."""

    auth_req_id: str
    token: str


def sealing_purpose(issuer: IssuerName, key: bytes) -> str:
    return f"backchannel authentication of {issuer}: {key.hex()}"


class BackchannelAuthentication:
    """An `endpoint.Asks`."""

    kind: ClassVar[Kind] = Kind.CIBA
    grant_type: ClassVar[str] = grant.NAME

    def __init__(
        self,
        *,
        issuer: Issuer,
        store: Store[CibaTx],
        known: Known,
        clients: ClientAuthentication,
        signed: SignedRequests,
        verifier: Verifier,
        user_codes: UserCodeCheck,
        sealing: Sealing,
        entropy: Entropy,
        reaches: Sequence[Reach] = (),
    ) -> None:
        """`verifier`: the issuer's keys, for `id_token_hint`. `reaches`: besides the page /requests."""
        self._issuer = issuer
        self._store = store
        self._known = known
        self._clients = clients
        self._signed = signed
        self._verifier = verifier
        self._user_codes = user_codes
        self._sealing = sealing
        self._entropy = entropy
        self._reaches = tuple(reaches)

    async def ask(self, fields: Fields, by: Authenticated, *, now: datetime, reference: str) -> dict[str, Any]:
        """Raises: OAuthError."""
        client = by.client
        opened = await self._open(fields, client, now)
        read = fields if opened is None else opened.fields
        _check_sizes(read)
        delivery = _delivery(client, self._issuer)
        message = _message(read, client, self._issuer)
        lifetime = _lifetime(read, self._issuer)
        if read.get("id_token_hint") is not None:
            await self._verifier.refresh(now)
        by_token = read.get("login_hint_token") is not None
        keys = await self._clients.keys_of(client, now=now) if by_token else NO_KEYS
        person = hints.read(read, client, self._issuer, verifier=self._verifier, keys=keys, now=now)
        secret = token(self._entropy)
        drafted = draft(
            Received(arrival=Arrival(fields=read), issuer=self._issuer, client=client),
            self._known,
            kind=self.kind,
            secret=secret,
            person=person,
            now=now,
            expires_at=now + lifetime,
        )
        request = replace(drafted, message=message, delivery=delivery)
        if delivery is not TokenDelivery.POLL:
            callback = Callback(auth_req_id=secret, token=_notification_token(read))
            # Should nobody decide, the client hears that when the time is up.
            request = replace(request, callback=self._seal(request, callback), due_at=request.expires_at)
        # Last of all: a try is counted only for a request that is good otherwise.
        await self._user_codes.check(read.get("user_code"), client, person, now=now, reference=reference)
        await self._store.write(lambda tx: self._keep(tx, request, by, opened, reference))
        told: dict[str, Any] = {"auth_req_id": secret, "expires_in": int(lifetime.total_seconds())}
        if delivery is not TokenDelivery.PUSH:  # section 7.3
            told["interval"] = int(polling.INTERVAL.total_seconds())
        return told

    async def _open(self, fields: Fields, client: Client, now: datetime) -> Opened | None:
        """Raises: OAuthError."""
        check_once(fields, {*_LIMITS, "request"})
        text = fields.get("request")
        if text is None:
            if client.ciba_request_alg is not None or demands(self._issuer, client).require_signed_ciba:
                raise InvalidRequest("The request must be a signed request object", reason=Reason.NOT_SIGNED)
            return None
        if beside := sorted(name for name in _LIMITS if name in fields):
            raise InvalidRequest(f"{beside[0]} must be in the request object", reason=Reason.BESIDE_THE_OBJECT)
        if len(text) > LIMITS["request"]:
            raise InvalidRequest("request is too long", reason=Wrong.TOO_LARGE)
        return await self._signed.open(text, client, _LIMITS, now=now)

    def _seal(self, request: DecoupledRequest, callback: Callback) -> bytes:
        purpose = sealing_purpose(request.issuer, request.key)
        return self._sealing.seal(msgspec.json.encode(callback), purpose=purpose)

    def _keep(
        self, tx: CibaTx, request: DecoupledRequest, by: Authenticated, opened: Opened | None, reference: str
    ) -> None:
        """Raises: OAuthError."""
        by.use_up(tx.assertions)
        if opened is not None:
            opened.use_up(tx.assertions)
        assert request.person is not None
        user_code.accept(tx.failures, by.client, request.person, now=request.requested_at)
        check_room(tx, request)
        tx.decoupled_requests.put(request)
        for reach in self._reaches:
            reach.tell(tx, request)
        tx.audit.record(made(request, signed=opened is not None, reference=reference))


def check_room(tx: CibaTx, request: DecoupledRequest) -> None:
    """Whether one more may wait for this person. Raises: TooManyOpen."""
    assert request.person is not None
    # Counting makes those who ask for one person at the same moment wait for each other: each sees the others' requests.
    tx.failures.add(f"ciba:{request.person}", now=request.requested_at, until=request.expires_at)
    waiting = [
        one
        for one in tx.decoupled_requests.waiting_for(request.person)
        if one.expires_at > request.requested_at and one.issuer == request.issuer
    ]
    own = sum(one.client == request.client for one in waiting)
    if own >= OPEN_OF_A_CLIENT or len(waiting) >= OPEN_OF_ALL:
        raise TooManyOpen(reason=Reason.TOO_MANY_OPEN)


def _check_sizes(fields: Fields) -> None:
    for name, limit in _LIMITS.items():
        if name != "binding_message" and not is_plain(fields.get(name) or "", limit):
            raise InvalidRequest(f"{name} is too long or has control characters", reason=Wrong.TOO_LARGE)


def _delivery(client: Client, issuer: Issuer) -> TokenDelivery:
    if client.ciba_delivery is None:
        raise UnauthorizedClient("The client is not registered for CIBA", reason=Reason.NO_DELIVERY)
    if client.ciba_delivery is TokenDelivery.PUSH and not may_push(client, demands(issuer, client)):
        raise UnauthorizedClient("Tokens cannot be pushed to this client", reason=Reason.NO_DELIVERY)
    return client.ciba_delivery


def _notification_token(fields: Fields) -> str:
    """Raises: InvalidRequest."""
    given = fields.get("client_notification_token")
    if given is None or not _NOTIFICATION_TOKEN.fullmatch(given):
        raise InvalidRequest(
            "client_notification_token must be a bearer token of at least 22 characters",
            reason=Reason.NOTIFICATION_TOKEN,
        )
    return given


def _message(fields: Fields, client: Client, issuer: Issuer) -> str:
    """Raises: InvalidBindingMessage."""
    message = fields.get("binding_message")
    if message is not None:
        if not binding_message.is_plain(message):
            raise InvalidBindingMessage(reason=Reason.BINDING_MESSAGE)
        return message
    unique = fields.get("authorization_details") is not None
    if demands(issuer, client).require_binding_message and not unique:  # FAPI-CIBA section 5.2.2
        raise InvalidBindingMessage("A binding_message is needed", reason=Reason.BINDING_MESSAGE_MISSING)
    return ""


def _lifetime(fields: Fields, issuer: Issuer) -> timedelta:
    """As long as the client wants, within our own bounds. Raises: InvalidRequest."""
    wanted = fields.get("requested_expiry")
    if wanted is None:
        return issuer.decoupled_lifetime
    if not _EXPIRY.fullmatch(wanted):
        raise InvalidRequest("requested_expiry must be a positive number of seconds", reason=Reason.REQUESTED_EXPIRY)
    longest = int(issuer.decoupled_lifetime.total_seconds())
    return max(SHORTEST, timedelta(seconds=min(int(wanted), longest)))
