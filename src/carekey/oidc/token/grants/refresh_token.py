"""The refresh token grant (RFC 6749 section 6; OpenID Connect Core section 12; RFC 9700 section 4.14.2).

Every refresh gives the next token and ends the one before, unless the client's profile keeps them. A token that comes again means that two have it: the
whole family is revoked, with every access token of it. One exception: for half a minute after a refresh the client
may not have got the answer, and is given the same successor again, never a second one. It holds only until the
successor is used; a thief who comes within it is found out as soon as the two refresh further than that apart.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from carekey.authenticators.in_force import in_force
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import client as client_actor
from carekey.oidc import resource
from carekey.oidc.errors import InvalidGrant, InvalidRequest, InvalidScope, Reason
from carekey.oidc.events import RefreshTokenRepeated, RefreshTokenReplayed
from carekey.oidc.model import Client, ClientAuthMethod, Grant, Issuer, RefreshFamily, Superseded
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.tokens import access_token
from carekey.oidc.tokens.refresh_token import Handle
from carekey.oidc.tokens.sender_constraint import INSTANCE, check_grant

GRACE = timedelta(seconds=30)


class RefreshToken:
    name: ClassVar[str] = "refresh_token"
    parameters: ClassVar[frozenset[str]] = frozenset({"refresh_token", "scope"})
    reads_client_keys: ClassVar[bool] = False

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        text = request.fields.get("refresh_token")
        if text is None:
            raise InvalidRequest("refresh_token is missing", reason=Reason.MISSING_PARAMETER)
        presented = request.own.refresh(text)
        # As with codes: rotating is looking, and a check that fails takes it back.
        keep = demands(request.issuer, request.client).keep_refresh_tokens
        outcome = presented and tx.refresh_families.rotate(
            presented.family, presented.generation, now=request.now, keep=keep
        )
        if not presented or not outcome:
            raise InvalidGrant(reason=Reason.UNKNOWN_REFRESH_TOKEN)
        family = outcome.family
        _check_ownership(family.grant, request)
        check_grant(family.grant.confirmation, request.proven)
        if family.revoked_at is not None:
            raise InvalidGrant(reason=Reason.REFRESH_TOKEN_REVOKED)
        if isinstance(outcome, Superseded):
            if not _lost_response(family, presented, request.now):
                return _replayed(tx, family, request)
            _record_repeated(tx, family, request)
        check_age(family, request.issuer, now=request.now)
        check_standing(tx, family.grant, request.client, now=request.now)
        grant, scopes = family.grant, _scopes(request, family.grant)
        if scopes != grant.scopes:
            grant = replace(grant, scopes=scopes)
        token = access_token.of_grant(
            request.access_token,
            grant,
            code=family.code,
            issuer=request.issuer,
            issued_at=request.issued_at,
            resource=resource.granted(request.fields, grant, request.client, request.issuer),
            session=None if family.grant.offline else grant.session,
        )
        kept = keep and not isinstance(outcome, Superseded)
        return Bought(token, grant, refresh=presented if kept else Handle(family.code, presented.generation + 1))


def begin(tx: OidcTx, grant: Grant, *, code: bytes, request: TokenRequest) -> Handle | None:
    """The first refresh token of a code, for a client that is registered for them."""
    issuer = request.issuer
    ends = grant.auth_time + (issuer.offline_lifetime if grant.offline else issuer.refresh_lifetime)
    if RefreshToken.name not in request.client.grant_types or ends <= request.now:
        return None
    # A client with credentials proves by them that a refresh token is its own, and can change its key; one without
    # has nothing but the key (RFC 9449 section 5; RFC 8705 section 7.1).
    bound = request.confirmation if request.client.auth_method is ClientAuthMethod.NONE else None
    if request.instance is not None:
        bound = {INSTANCE: request.instance}
    kept = replace(grant, nonce=None, state=None, code_challenge=None, confirmation=bound)
    tx.refresh_families.put(RefreshFamily(code=code, grant=kept, rotated_at=request.now, expires_at=ends))
    return Handle(code, 1)


def _check_ownership(grant: Grant, request: TokenRequest) -> None:
    """In foreign hands a token buys nothing, and revokes nothing either: that is for its own client alone."""
    if grant.issuer != request.issuer.name:
        raise InvalidGrant(reason=Reason.TOKEN_OF_ANOTHER_ISSUER)
    if grant.client != request.client.id:
        raise InvalidGrant(reason=Reason.TOKEN_OF_ANOTHER_CLIENT)


def _lost_response(family: RefreshFamily, presented: Handle, now: datetime) -> bool:
    return presented.generation == family.generation - 1 and now - family.rotated_at <= GRACE


def check_age(family: RefreshFamily, issuer: Issuer, *, now: datetime) -> None:
    """Raises: InvalidGrant."""
    idle = family.grant.offline and family.rotated_at + issuer.offline_idle <= now
    if idle or family.expires_at <= now:
        raise InvalidGrant(reason=Reason.REFRESH_TOKEN_EXPIRED)


def check_standing(tx: OidcTx, grant: Grant, client: Client, *, now: datetime) -> None:
    """Whether what was true when the person logged in still is. Raises: InvalidGrant."""
    if not client.honours(grant.issued_at):
        raise InvalidGrant(reason=Reason.DISABLED_CLIENT)
    if not grant.offline:
        session = tx.sessions.get(grant.session)
        if session is None or session.ended_at is not None:
            raise InvalidGrant(reason=Reason.SESSION_ENDED)
    elif not client.may_be_offline:
        raise InvalidGrant(reason=Reason.OFFLINE_NOT_ALLOWED)
    elif _withdrawn(tx, grant):
        raise InvalidGrant(reason=Reason.CONSENT_WITHDRAWN)
    elif grant.credential is not None and not in_force(tx, grant.person, grant.credential):
        # Whoever stole the key may have bought this with it, and no session is left to end.
        raise InvalidGrant(reason=Reason.WAY_REMOVED)
    person = tx.people.find(grant.person)
    if person is None or person.status is not PersonStatus.ACTIVE:
        raise InvalidGrant(reason=Reason.PERSON_NOT_ACTIVE)
    if grant.role is not None and not any(role.id == grant.role for role in tx.roles.held_by(person.id, at=now)):
        raise InvalidGrant(reason=Reason.ROLE_NOT_HELD)


def _withdrawn(tx: OidcTx, grant: Grant) -> bool:
    """Whether the person has changed their mind since they logged in for it."""
    consent = tx.consents.find(grant.person, grant.issuer, grant.client)
    return consent is not None and consent.withdrawn_at is not None and consent.withdrawn_at >= grant.issued_at


def _scopes(request: TokenRequest, grant: Grant) -> tuple[str, ...]:
    """Fewer may be asked for, never more; the family keeps what it has (RFC 6749 section 6)."""
    asked = request.fields.get("scope")
    if asked is None:
        return grant.scopes
    scopes = tuple(dict.fromkeys(asked.split()))
    if not set(scopes) <= set(grant.scopes):
        raise InvalidScope(reason=Reason.SCOPE_NOT_GRANTED)
    return scopes


def _record_repeated(tx: OidcTx, family: RefreshFamily, request: TokenRequest) -> None:
    tx.audit.record(
        RefreshTokenRepeated(
            at=request.now,
            actor=client_actor(family.grant.client),
            reference=request.reference,
            issuer=family.grant.issuer,
            client=family.grant.client,
            person=family.grant.person,
            session=family.grant.session,
        )
    )


def _replayed(tx: OidcTx, family: RefreshFamily, request: TokenRequest) -> Denied:
    tx.refresh_families.revoke(family.code, at=request.now)
    tx.audit.record(
        RefreshTokenReplayed(
            at=request.now,
            actor=client_actor(family.grant.client),
            reference=request.reference,
            issuer=family.grant.issuer,
            client=family.grant.client,
            person=family.grant.person,
            session=family.grant.session,
            revoked=tx.access_tokens.revoke_bought(family.code, at=request.now),
        )
    )
    return Denied(InvalidGrant(reason=Reason.REFRESH_TOKEN_REPLAYED))
