"""A JWT as an authorization grant (RFC 7523 section 2.1): the client signs for whom it wants a token.

For itself any client may. For people it may only if an operator registered that it does: nobody logs in, and nothing
else would show that the person is there.
"""

from typing import ClassVar

from carekey.directory.model import PersonStatus
from carekey.jose import jwt
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import InvalidJwt
from carekey.kernel.ids import PersonId
from carekey.oidc import resource
from carekey.oidc.client_auth.assertion import REASONS, audiences, check, plain
from carekey.oidc.errors import InvalidAssertion, InvalidGrant, InvalidRequest, Reason, UnauthorizedClient
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.tokens import access_token


class JwtBearer:
    name: ClassVar[str] = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    parameters: ClassVar[frozenset[str]] = frozenset({"assertion", "scope"})
    reads_client_keys: ClassVar[bool] = True

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        if request.client.auth_method is ClientAuthMethod.NONE:
            raise UnauthorizedClient(reason=Reason.NOT_FOR_PUBLIC_CLIENTS)
        subject = _asserted(tx, request)
        target = resource.asked(request.fields, request.client, request.issuer)
        token = access_token.of_person(
            request.access_token,
            request.client,
            None if subject == request.client.id else _person(tx, subject, request),
            scopes=resource.chosen(request.fields, resource.registered(request.client, target)),
            issuer=request.issuer,
            issued_at=request.issued_at,
            resource=target,
            session=None,
        )
        return Bought(token)


def _asserted(tx: OidcTx, request: TokenRequest) -> str:
    """Whom a good assertion names, used up. Raises: InvalidRequest, InvalidGrant (section 3.1)."""
    text, client = request.fields.get("assertion"), request.client
    if text is None:
        raise InvalidRequest("assertion is missing", reason=Reason.MISSING_PARAMETER)
    alg = client.auth_signing_alg
    try:
        token = jwt.parse(text)
        subject = token.claims.get("sub")
        if token.claims.get("iss") != client.id or not isinstance(subject, str) or not plain(subject):
            raise InvalidGrant(reason=Reason.ASSERTION_ISSUER)
        proven = check(token, audiences=audiences(request.issuer), now=request.now)
        jwt.verify(token, request.keys, allowed=ASYMMETRIC if alg is None else ASYMMETRIC & {alg})
    except InvalidJwt as error:
        raise InvalidGrant(reason=REASONS[error.flaw]) from None
    except InvalidAssertion as error:
        raise InvalidGrant(reason=error.reason) from None
    if not tx.assertions.first_seen(client.issuer, client.id, proven.jti, expires_at=proven.remember_until):
        raise InvalidGrant(reason=Reason.ASSERTION_REPLAYED)
    return subject


def _person(tx: OidcTx, subject: str, request: TokenRequest) -> PersonId:
    if not request.client.assert_people:
        raise InvalidGrant(reason=Reason.ASSERTION_NOT_ALLOWED)
    person = tx.people.find(PersonId(subject))
    if person is None or person.status is not PersonStatus.ACTIVE:
        raise InvalidGrant(reason=Reason.PERSON_NOT_ACTIVE)
    return person.id
