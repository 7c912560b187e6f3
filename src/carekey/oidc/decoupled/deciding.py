"""The protocol's end of a log-in by which somebody decides a request that waits elsewhere.

What comes of it lives in a session of its own: the device that waits is not the browser in which the person agreed.
Whoever logs out at a shared computer does not log out the device beside it, and the reverse; but all of them end with
the person's account, role or way to log in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from carekey.directory.model import Person, PersonStatus
from carekey.kernel import actor, entropy
from carekey.kernel.actor import Actor
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import ClientId, IssuerName, PersonId, SessionId
from carekey.kernel.secret import digest
from carekey.login.model import Issue, Login
from carekey.oidc.decoupled.events import DecoupledRequestAgreed, DecoupledRequestDeclined, DecoupledRequestLate
from carekey.oidc.decoupled.model import DecoupledRequest, Kind, State
from carekey.oidc.model import Grant, Issuer
from carekey.oidc.ports import OidcTx
from carekey.sessions.events import SessionStarted
from carekey.sessions.model import Proof, Session

TxT_contra = TypeVar("TxT_contra", bound=OidcTx, contravariant=True)

_PREFIX = b"decoupled:"


def encode(request: DecoupledRequest) -> bytes:
    """For `Login.request`."""
    return _PREFIX + request.kind.encode() + b":" + request.key


def is_encoded(request: bytes) -> bool:
    return request.startswith(_PREFIX)


class Outcome(StrEnum):
    """The last part of the address of the page that says how it ended."""

    AGREED = "agreed"
    REFUSED = "refused"
    LATE = "late"
    """It had expired, or was decided elsewhere in the meantime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """An answer of this end: there is no application to go back to, so the browser is shown a page of ours."""

    page: str


class Decisions(Generic[TxT_contra]):
    """A `login.ports.Application` whose answers are `Decided`."""

    def __init__(
        self,
        issuers: Iterable[Issuer],
        entropy: Entropy,
        *,
        pages: Mapping[Kind, str],
        over: Callable[[TxT_contra, DecoupledRequest, datetime], object] = lambda *_: None,
    ) -> None:
        """`pages`: below which address each kind has a page for each `Outcome`. `over`: what else there is to do once a
        request is decided, so that nobody is asked about it any more."""
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._entropy = entropy
        self._pages = pages
        self._over = over

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Decided:
        return self._agree(tx, _named(login), session, verdict, reference=login.reference, now=now)

    def agree(
        self,
        tx: TxT_contra,
        request: DecoupledRequest,
        person: PersonId,
        proof: Proof,
        verdict: Issue,
        *,
        reference: str,
        now: datetime,
    ) -> Decided:
        """The same where the person has proven themself in no browser."""
        session = Session(
            id=SessionId(""),
            digest=b"",
            issuer=request.issuer,
            person=person,
            proof=proof,
            role=verdict.role,
            started_at=now,
            last_used_at=now,
        )
        return self._agree(tx, _Named.of(request), session, verdict, reference=reference, now=now)

    def _agree(
        self, tx: TxT_contra, named: "_Named", session: Session, verdict: Issue, *, reference: str, now: datetime
    ) -> Decided:
        """`session`: what the request's own is made like."""
        by = actor.person(session.person)
        # Whoever takes the person's standing, a role or this way away at this moment ends the session that is begun
        # here, or has been faster.
        person = tx.people.hold(session.person)
        if not _honoured(tx, named):
            return self._decline(tx, named, "disabled_client", by=by, reference=reference, now=now)
        if person is None or not _may_act(tx, person, verdict, now=now):
            return self._decline(tx, named, "taken_away", by=by, reference=reference, now=now)
        request = self._decide(tx, named, State.AGREED, now=now)
        if request is None:
            return self._late(tx, named, by, reference, now=now)
        own = self._own_session(tx, session, verdict, reference, now=now)
        tx.codes.put(request.key, self._grant(tx, request, own, verdict, now=now))
        tx.audit.record(
            DecoupledRequestAgreed(
                at=now,
                actor=by,
                reference=reference,
                issuer=request.issuer,
                client=request.client,
                kind=request.kind,
                request=request.key.hex(),
                session=own.id,
            )
        )
        return self._to(request.kind, Outcome.AGREED)

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Decided:
        return self._decline(tx, _named(login), why, by=actor.UNKNOWN, reference=login.reference, now=now)

    def stopped(self, tx: TxT_contra, login: Login) -> bool:
        client = tx.clients.find(login.issuer, login.asked.client)
        return client is None or client.disabled_at is not None

    def decline(
        self, tx: TxT_contra, request: DecoupledRequest, why: str, *, by: Actor, reference: str, now: datetime
    ) -> Decided:
        """Refuse it without a log-in, which can only keep somebody out."""
        return self._decline(tx, _Named.of(request), why, by=by, reference=reference, now=now)

    def _decline(
        self, tx: TxT_contra, named: "_Named", why: str, *, by: Actor, reference: str, now: datetime
    ) -> Decided:
        request = self._decide(tx, named, State.REFUSED, now=now)
        if request is None:
            return self._late(tx, named, by, reference, now=now)
        tx.audit.record(
            DecoupledRequestDeclined(
                at=now,
                actor=by,
                reference=reference,
                issuer=request.issuer,
                client=request.client,
                kind=request.kind,
                request=request.key.hex(),
                why=why,
            )
        )
        return self._to(request.kind, Outcome.REFUSED)

    def _decide(self, tx: TxT_contra, named: "_Named", state: State, *, now: datetime) -> DecoupledRequest | None:
        """The request, for the one caller that decided it in time."""
        request = tx.decoupled_requests.find(named.key)
        if request is None or request.expires_at <= now:
            return None
        if not tx.decoupled_requests.decide(request.key, state, at=now):
            return None
        self._over(tx, request, now)
        return request

    def _late(self, tx: TxT_contra, named: "_Named", by: Actor, reference: str, *, now: datetime) -> Decided:
        tx.audit.record(
            DecoupledRequestLate(
                at=now,
                actor=by,
                reference=reference,
                issuer=named.issuer,
                client=named.client,
                kind=named.kind,
                request=named.key.hex(),
            )
        )
        return self._to(named.kind, Outcome.LATE)

    def _to(self, kind: Kind, outcome: Outcome) -> Decided:
        return Decided(page=f"{self._pages[kind]}/{outcome}")

    def _own_session(
        self, tx: TxT_contra, session: Session, verdict: Issue, reference: str, *, now: datetime
    ) -> Session:
        own = replace(
            session,
            id=SessionId(entropy.token(self._entropy, size=20)),
            digest=digest(entropy.token(self._entropy)),  # of a secret that nobody has: it lives in no browser
            role=verdict.role,
            started_at=now,
            last_used_at=now,
        )
        tx.sessions.start(own)
        tx.audit.record(
            SessionStarted(
                at=now,
                actor=actor.person(own.person),
                reference=reference,
                session=own.id,
                issuer=own.issuer,
                kind=own.proof.kind,
                aal=own.proof.aal,
                amr=own.proof.amr,
            )
        )
        return own

    def _grant(
        self, tx: TxT_contra, request: DecoupledRequest, session: Session, verdict: Issue, *, now: datetime
    ) -> Grant:
        person = tx.people.find(session.person)
        assert person is not None, "the policy issues to nobody unknown"
        return Grant(
            issuer=request.issuer,
            client=request.client,
            person=person.id,
            session=session.id,
            scopes=request.scopes,
            redirect_uri="",  # so that it can never be redeemed as an authorization code
            nonce=None,
            state=None,
            code_challenge=None,
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
            issued_at=now,
            # What was agreed to in the last moment can still be had.
            expires_at=max(request.expires_at, now + self._issuers[request.issuer].code_lifetime),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A request that may have been swept by now."""

    key: bytes
    kind: Kind
    issuer: IssuerName
    client: ClientId

    @classmethod
    def of(cls, request: DecoupledRequest) -> "_Named":
        return cls(key=request.key, kind=request.kind, issuer=request.issuer, client=request.client)


def _honoured(tx: OidcTx, named: _Named) -> bool:
    """Whether the client may still have what it asked for. A request that is gone is late, which is another matter."""
    client, request = tx.clients.find(named.issuer, named.client), tx.decoupled_requests.find(named.key)
    if client is None or request is None:
        return client is not None
    return client.honours(request.requested_at)


def _may_act(tx: OidcTx, person: Person, verdict: Issue, *, now: datetime) -> bool:
    """Whether they still may log in, and in this role. Their way to log in is for whoever took their proof to judge."""
    if person.status is not PersonStatus.ACTIVE:
        return False
    return verdict.role is None or any(role.id == verdict.role for role in tx.roles.held_by(person.id, at=now))


def _named(login: Login) -> _Named:
    kind, _, key = login.request.removeprefix(_PREFIX).partition(b":")
    return _Named(key=key, kind=Kind(kind.decode()), issuer=login.issuer, client=login.asked.client)
