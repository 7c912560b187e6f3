"""The device authorization request and its answer (RFC 8628 sections 3.1 and 3.2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from carekey.kernel.entropy import Entropy, token
from carekey.kernel.unit_of_work import Store
from carekey.oidc.authorize import parameters
from carekey.oidc.authorize.errors import Reason
from carekey.oidc.authorize.parameters import Arrival, Received
from carekey.oidc.client_auth.authenticate import Authenticated
from carekey.oidc.decoupled import polling
from carekey.oidc.decoupled.endpoint import made
from carekey.oidc.decoupled.model import DecoupledRequest, Kind
from carekey.oidc.decoupled.reading import Known, draft
from carekey.oidc.device import grant, user_code
from carekey.oidc.errors import InvalidRequest, TemporarilyUnavailable, UnauthorizedClient
from carekey.oidc.errors import Reason as Wrong
from carekey.oidc.model import Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import may_use_devices
from carekey.web.fields import Fields

_AGAIN = 5
"""Codes made before giving up on finding one that no other device has."""
_CHECKS: tuple[Callable[[Received], None], ...] = (parameters.check_repeats, parameters.check_sizes)


class DeviceAuthorization:
    """An `endpoint.Asks`."""

    kind: ClassVar[Kind] = Kind.DEVICE
    grant_type: ClassVar[str] = grant.NAME

    def __init__(
        self, *, issuer: Issuer, store: Store[OidcTx], known: Known, verification_uri: str, entropy: Entropy
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._known = known
        self._verification_uri = verification_uri
        self._entropy = entropy

    async def ask(self, fields: Fields, by: Authenticated, *, now: datetime, reference: str) -> dict[str, Any]:
        """Raises: OAuthError."""
        received = Received(arrival=Arrival(fields=fields), issuer=self._issuer, client=by.client)
        for check in _CHECKS:
            check(received)
        _check_profile(received)
        lifetime = self._issuer.decoupled_lifetime
        secret = token(self._entropy)
        request = draft(received, self._known, kind=self.kind, secret=secret, now=now, expires_at=now + lifetime)
        codes = [user_code.new(self._entropy) for _ in range(_AGAIN)]
        code = await self._store.write(lambda tx: _keep(tx, request, codes, by, reference))
        return {
            "device_code": secret,
            "user_code": code,
            "verification_uri": self._verification_uri,
            "verification_uri_complete": f"{self._verification_uri}?user_code={code}",
            "expires_in": int(lifetime.total_seconds()),
            "interval": int(polling.INTERVAL.total_seconds()),
        }


def _check_profile(received: Received) -> None:
    """A request of this kind can be neither pushed nor signed."""
    if "request" in received.fields or "request_uri" in received.fields:
        raise InvalidRequest("Request objects are not taken here", reason=Reason.OBJECT_NESTED)
    client = received.client
    if not may_use_devices(received.demands) or client.require_par or client.require_signed_request:
        raise UnauthorizedClient("The client's requests must be pushed or signed", reason=Reason.NOT_PUSHED)


def _keep(tx: OidcTx, request: DecoupledRequest, codes: list[str], by: Authenticated, reference: str) -> str:
    by.use_up(tx.assertions)
    for code in codes:
        if tx.decoupled_requests.put(replace(request, user_code=user_code.key(code))):
            tx.audit.record(made(request, reference=reference))
            return code
    raise TemporarilyUnavailable(reason=Wrong.UNAVAILABLE)
