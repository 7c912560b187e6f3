"""The protocol's end of a log-in: a verdict becomes a code, a refusal becomes an error."""

from collections.abc import Iterable
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from carekey.kernel import entropy
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import IssuerName
from carekey.kernel.secret import digest
from carekey.login.model import Issue, Login
from carekey.login.policy import Refusal
from carekey.oidc.authorize.errors import AccessDenied, ConsentRequired, InteractionRequired, LoginRequired
from carekey.oidc.authorize.response import Answer, ManagedSession, failure, success
from carekey.oidc.errors import OAuthError
from carekey.oidc.model import AuthorizationRequest, Grant, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.session_management.session_state import browser_state, session_state
from carekey.sessions.model import Session

TxT_contra = TypeVar("TxT_contra", bound=OidcTx, contravariant=True)

_request = msgspec.json.Decoder(AuthorizationRequest)


def encode(request: AuthorizationRequest) -> bytes:
    """For `Login.request`."""
    return msgspec.json.encode(request)


class CodeIssuer(Generic[TxT_contra]):
    """A `login.ports.Application` whose answers are `response.Answer`s."""

    def __init__(self, issuers: Iterable[Issuer], entropy: Entropy) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._entropy = entropy

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Answer:
        return self.grant(tx, login.issuer, _request.decode(login.request), session, verdict, now=now)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Answer:  # noqa: ARG002 (the port's)
        return failure(_request.decode(login.request), self._issuers[login.issuer], refused(Refusal(why)))

    def stopped(self, tx: TxT_contra, login: Login) -> bool:
        client = tx.clients.find(login.issuer, login.asked.client)
        return client is None or client.disabled_at is not None

    def grant(
        self,
        tx: TxT_contra,
        issuer: IssuerName,
        request: AuthorizationRequest,
        session: Session,
        verdict: Issue,
        *,
        now: datetime,
    ) -> Answer:
        """Put a code by its digest, and answer with the code."""
        rules = self._issuers[issuer]
        person = tx.people.find(session.person)
        assert person is not None, "the policy issues to nobody unknown"
        code = entropy.token(self._entropy)
        tx.codes.put(
            digest(code),
            Grant(
                issuer=issuer,
                client=request.client,
                person=person.id,
                session=session.id,
                scopes=request.scopes,
                redirect_uri=request.redirect_uri,
                nonce=request.nonce,
                state=request.state,
                code_challenge=request.code_challenge,
                acr=verdict.acr,
                amr=(session.proof.amr,),
                aal=verdict.aal,
                ial=person.ial,
                auth_time=session.proof.at,
                role=verdict.role,
                credential=session.proof.removable,
                requested_claims=request.requested_claims,
                authorization_details=request.authorization_details,
                resource=request.resource,
                confirmation=request.confirmation,
                issued_at=now,
                expires_at=now + rules.code_lifetime,
            ),
        )
        return success(request, rules, code, self._managed(rules, request, session))

    def _managed(self, rules: Issuer, request: AuthorizationRequest, session: Session) -> ManagedSession | None:
        if not rules.session_management:
            return None
        state, salt = browser_state(session.id), entropy.token(self._entropy, size=8)
        return ManagedSession(
            session_state=session_state(request.client, request.redirect_uri, state, salt), browser_state=state
        )


def refused(why: Refusal) -> OAuthError:
    """The error by which the application learns of it (OpenID Connect Core section 3.1.2.6). Why exactly somebody may
    not log in is not the application's business."""
    match why:
        case Refusal.LOGIN_REQUIRED:
            return LoginRequired(reason=why)
        case Refusal.INTERACTION_REQUIRED:
            return InteractionRequired(reason=why)
        case Refusal.CONSENT_REQUIRED:
            return ConsentRequired(reason=why)
        case Refusal.CANCELLED | Refusal.NOT_SHARED:
            return AccessDenied("The person cancelled", reason=why)
        case _:
            return AccessDenied(reason=why)
