"""Token exchange (RFC 8693), with which an application that has logged somebody in gets a token for an API
(cis2-profile section 8.2).

An application exchanges what was issued to itself. Whose tokens it may exchange besides, and whether the new token
then names it as acting for the person (`act`, delegation) or not (impersonation), is registered by an operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from carekey.directory.model import PersonStatus
from carekey.kernel.assurance import AAL, IAL, Amr
from carekey.kernel.ids import ClientId, PersonId, RoleProfileId, SessionId
from carekey.oidc import resource
from carekey.oidc import subject as subjects
from carekey.oidc.errors import InvalidRequest, InvalidTarget, Reason, UnauthorizedClient
from carekey.oidc.model import AccessToken, ActingAs, Authentication, ClientAuthMethod, Resource
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.tokens import access_token, id_token
from carekey.oidc.tokens.sender_constraint import held

_TYPE = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN, ID_TOKEN, JWT = f"{_TYPE}access_token", f"{_TYPE}id_token", f"{_TYPE}jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Whom the new token is about, and what the old one says of them."""

    person: PersonId
    issued_to: ClientId
    issued_at: datetime
    session: SessionId | None
    role: RoleProfileId | None
    authentication: Authentication | None
    code: bytes | None
    """The digest of the code that it goes back to, if it does."""
    token: AccessToken | None
    """None if it is an ID token."""


class TokenExchange:
    name: ClassVar[str] = "urn:ietf:params:oauth:grant-type:token-exchange"
    parameters: ClassVar[frozenset[str]] = frozenset(
        {
            *("subject_token", "subject_token_type", "actor_token", "actor_token_type"),
            *("requested_token_type", "audience", "scope"),
        }
    )
    reads_client_keys: ClassVar[bool] = False

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        if request.client.auth_method is ClientAuthMethod.NONE:
            raise UnauthorizedClient(reason=Reason.NOT_FOR_PUBLIC_CLIENTS)
        subject = _subject(tx, request)
        act = _act(tx, subject, request)
        _check_standing(tx, subject, request)
        target = _target(request)
        issued_type = _issued_type(request, target)
        token = access_token.of_person(
            request.access_token,
            request.client,
            subject.person,
            scopes=resource.chosen(request.fields, _scopes(subject, request, target)),
            issuer=request.issuer,
            issued_at=request.issued_at,
            resource=target,
            session=subject.session,
            role=subject.role,
            authentication=subject.authentication,
            act=act,
        )
        token = replace(token, code=subject.code)  # it goes with what it came from
        if subject.token is not None:  # or exchanging again and again would make access without end
            token = replace(token, expires_at=min(token.expires_at, subject.token.expires_at))
        return Bought(token, issued_token_type=issued_type)


def _required(request: TokenRequest, name: str) -> str:
    value = request.fields.get(name)
    if value is None:
        raise InvalidRequest(f"missing or invalid {name}", reason=Reason.MISSING_PARAMETER)
    return value


def _subject(tx: OidcTx, request: TokenRequest) -> _Subject:
    """Raises: InvalidRequest (RFC 8693 section 2.2.2)."""
    text, kind = _required(request, "subject_token"), _required(request, "subject_token_type")
    if kind == ID_TOKEN:
        return _of_id_token(tx, text, request)
    if kind != ACCESS_TOKEN:
        raise InvalidRequest("missing or invalid subject_token_type", reason=Reason.SUBJECT_TOKEN_TYPE)
    token = _live(tx, text, request)
    if token is None or token.person is None:
        raise InvalidRequest("subject_token is not valid", reason=Reason.SUBJECT_TOKEN_INVALID)
    _check_sender(token, request)
    return _Subject(
        person=token.person,
        issued_to=token.client,
        issued_at=token.issued_at,
        session=token.session,
        role=token.role,
        authentication=token.authentication,
        code=token.code,
        token=token,
    )


def _check_sender(token: AccessToken, request: TokenRequest) -> None:
    """A token that is bound to a key is proven anew (RFC 9449 section 7, RFC 8705 section 3), but by the resource that it
    is for: that has verified the proof which came with it, and cannot have the key. Nor does the exchange unbind it:
    what comes of it is bound to the exchanging client's own key. Raises: InvalidRequest."""
    if not token.confirmation:
        return
    if token.audience not in request.client.serves and not held(token.confirmation, request.held):
        raise InvalidRequest(
            "subject_token is bound to a key that the request does not prove", reason=Reason.NOT_THE_SENDER
        )
    if not request.confirmation:
        raise InvalidRequest(
            "subject_token is bound to a key, so the new token must be: send a DPoP proof, or use mutual TLS",
            reason=Reason.NOT_CONSTRAINED,
        )


def _of_id_token(tx: OidcTx, text: str, request: TokenRequest) -> _Subject:
    claims = request.own.id_token(text)
    if claims is None:
        raise InvalidRequest("Malformed JWT in subject_token", reason=Reason.SUBJECT_TOKEN_INVALID)
    if claims["exp"] <= request.now.timestamp():
        raise InvalidRequest("subject_token has expired", reason=Reason.SUBJECT_TOKEN_EXPIRED)
    issued_to = tx.clients.find(request.issuer.name, ClientId(claims["aud"]))
    if issued_to is None:
        raise InvalidRequest("subject_token is not valid", reason=Reason.SUBJECT_TOKEN_INVALID)
    role = claims.get("selected_roleid")
    return _Subject(
        person=subjects.person(claims["sub"], issued_to, request.issuer),
        issued_to=issued_to.id,
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        session=SessionId(claims["sid"]),
        role=RoleProfileId(role) if role else None,
        authentication=_authentication(claims),
        code=id_token.code_of(claims),
        token=None,
    )


def _authentication(claims: Mapping[str, Any]) -> Authentication:
    """From an ID token of our own."""
    return Authentication(
        acr=claims["acr"],
        amr=tuple(Amr(one) for one in claims["amr"]),
        aal=AAL(int(claims["authentication_assurance_level"])),
        ial=IAL(int(claims["id_assurance_level"])),
        at=datetime.fromtimestamp(claims["auth_time"], UTC),
    )


def _live(tx: OidcTx, text: str, request: TokenRequest) -> AccessToken | None:
    key = request.own.access(text)
    token = None if key is None else tx.access_tokens.find(key)
    if token is None or token.issuer != request.issuer.name or token.expires_at <= request.now:
        return None
    return token


def _act(tx: OidcTx, subject: _Subject, request: TokenRequest) -> Mapping[str, Any] | None:
    """Who the new token says is acting, earlier ones within (RFC 8693 section 4.1). Raises: InvalidRequest."""
    client, before = request.client, subject.token.act if subject.token else None
    acting = client.exchange_from.get(subject.issued_to)
    if subject.issued_to != client.id and acting is None:
        raise InvalidRequest("subject_token was issued to another client", reason=Reason.EXCHANGE_NOT_ALLOWED)
    if not _proves_itself(tx, request) and (subject.issued_to == client.id or acting is ActingAs.IMPERSONATION):
        return before
    return {"sub": client.id, **({"act": before} if before else {})}


def _proves_itself(tx: OidcTx, request: TokenRequest) -> bool:
    """Whether there is an actor token. Nobody but the client can be the actor. Raises: InvalidRequest."""
    text, kind = request.fields.get("actor_token"), request.fields.get("actor_token_type")
    if text is None and kind is None:
        return False
    token = _live(tx, text, request) if text is not None and kind == ACCESS_TOKEN else None
    good = token is not None and request.client.honours(token.issued_at) and held(token.confirmation, request.held)
    if token is None or not good or token.client != request.client.id or token.person is not None:
        raise InvalidRequest("actor_token must be an access token of the client's own", reason=Reason.ACTOR_TOKEN)
    return True


def _check_standing(tx: OidcTx, subject: _Subject, request: TokenRequest) -> None:
    """Raises: InvalidRequest."""
    issued_to = tx.clients.find(request.issuer.name, subject.issued_to)
    if issued_to is None or not issued_to.honours(subject.issued_at):
        raise InvalidRequest("subject_token is not valid", reason=Reason.DISABLED_CLIENT)
    if subject.code is not None:
        _check_origin(tx, subject.code)
    session = tx.sessions.get(subject.session) if subject.session else None
    if subject.session and (session is None or session.ended_at is not None):
        raise InvalidRequest("subject_token is not valid", reason=Reason.SESSION_ENDED)
    person = tx.people.find(subject.person)
    if person is None or person.status is not PersonStatus.ACTIVE:
        raise InvalidRequest("subject_token is not valid", reason=Reason.PERSON_NOT_ACTIVE)
    if subject.role and not any(role.id == subject.role for role in tx.roles.held_by(person.id, at=request.now)):
        raise InvalidRequest("subject_token is not valid", reason=Reason.ROLE_NOT_HELD)


def _check_origin(tx: OidcTx, code: bytes) -> None:
    """A code or refresh token that came again revokes all that goes back to it, ID tokens too; and what is exchanged at
    this moment is there to be revoked. Raises: InvalidRequest."""
    if not tx.codes.sound(code):
        raise InvalidRequest("subject_token is not valid", reason=Reason.CODE_REPLAYED)
    family = tx.refresh_families.hold(code)
    if family is not None and family.revoked_at is not None:
        raise InvalidRequest("subject_token is not valid", reason=Reason.REFRESH_TOKEN_REVOKED)


def _target(request: TokenRequest) -> Resource:
    """By address (`resource`) or by name (`audience`), which here are the same; without either, the only resource
    that the client has. Raises: InvalidTarget."""
    fields, client, issuer = request.fields, request.client, request.issuer
    asked, named = resource.asked(fields, client, issuer), fields.get("audience")
    if asked is not None and named not in {None, asked.uri}:
        raise InvalidTarget(reason=Reason.SEVERAL_RESOURCES)
    if asked is not None:
        return asked
    if named is None and len(client.resources) != 1:
        raise InvalidTarget(reason=Reason.NO_RESOURCE)
    return resource.allowed(named or next(iter(client.resources)), client, issuer)


def _scopes(subject: _Subject, request: TokenRequest, target: Resource) -> frozenset[str]:
    """What may be had at the target; no more than before, if the old token was for the same."""
    registered = target.scopes if request.client.scopes is None else target.scopes & request.client.scopes
    same = subject.token is not None and subject.token.audience == target.uri
    return registered.intersection(subject.token.scopes) if same and subject.token else registered


def _issued_type(request: TokenRequest, target: Resource) -> str:
    match request.fields.get("requested_token_type"):
        case None | "urn:ietf:params:oauth:token-type:access_token":
            return ACCESS_TOKEN
        case "urn:ietf:params:oauth:token-type:jwt" if target.jwt:
            return JWT
        case _:
            raise InvalidRequest("missing or invalid requested_token_type", reason=Reason.REQUESTED_TOKEN_TYPE)
