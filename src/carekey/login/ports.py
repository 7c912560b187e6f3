"""What a log-in needs of a store, and of the protocol that asked for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from carekey.authenticators.base import Verified
from carekey.directory.ports import Organisations, People, Roles
from carekey.kernel.event import Recorder
from carekey.kernel.ids import ClientId, IssuerName, LoginId, PersonId, RoleProfileId
from carekey.login.model import Consent, Issue, Login, Outcome
from carekey.sessions.model import Session
from carekey.sessions.ports import CardPlaces, LogoutDeliveries, Sessions


class Logins(Protocol):
    def start(self, login: Login) -> None: ...

    def find(self, id: LoginId) -> Login | None: ...

    def prove(self, id: LoginId, proof: Verified) -> bool:
        """Keep the proof, replacing an earlier one. False if the log-in has ended."""
        ...

    def choose(self, id: LoginId, role: RoleProfileId) -> bool:
        """Keep the chosen role. False if the log-in has ended."""
        ...

    def restart(self, id: LoginId) -> bool:
        """Forget proof, role and account: nobody has proven anything yet. False if the log-in has ended."""
        ...

    def go_on_as(self, id: LoginId, person: PersonId) -> bool:
        """Keep who said that it is they who go on. False if the log-in has ended."""
        ...

    def end(self, id: LoginId, outcome: Outcome, *, at: datetime) -> bool:
        """Of simultaneous callers exactly one gets True, and answers the application."""
        ...


class Consents(Protocol):
    """What people agreed to let applications see."""

    def find(self, person: PersonId, issuer: IssuerName, client: ClientId) -> Consent | None:
        """Withdrawn and expired ones included."""
        ...

    def put(self, consent: Consent) -> None:
        """In place of an earlier one."""
        ...

    def of_person(self, person: PersonId) -> Sequence[Consent]: ...

    def withdraw(self, consent: Consent, *, at: datetime, until: datetime) -> bool:
        """True for the caller that withdrew it; that it is withdrawn is remembered `until` then."""
        ...


class Logos(Protocol):
    """Pictures of applications, PNG."""

    def put(self, issuer: IssuerName, client: ClientId, picture: bytes) -> None:
        """In place of an earlier one."""
        ...

    def find(self, issuer: IssuerName, client: ClientId) -> bytes | None: ...

    def remove(self, issuer: IssuerName, client: ClientId) -> None: ...


class LoginTx(Protocol):
    @property
    def logos(self) -> Logos: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def logins(self) -> Logins: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def card_places(self) -> CardPlaces: ...
    @property
    def logout_deliveries(self) -> LogoutDeliveries: ...
    @property
    def people(self) -> People: ...
    @property
    def roles(self) -> Roles: ...
    @property
    def organisations(self) -> Organisations: ...
    @property
    def audit(self) -> Recorder: ...


TxT_contra = TypeVar("TxT_contra", contravariant=True)


class Application(Protocol[TxT_contra]):
    """The protocol's end of a log-in: turns a verdict into the answer for the application.

    `oidc/authorize` is one. The answer is opaque to log-in, which hands it to `respond`
    (see `login/http.py`) once the transaction has committed."""

    def issue(self, tx: TxT_contra, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Any: ...

    def refuse(self, tx: TxT_contra, login: Login, why: str, *, now: datetime) -> Any:
        """`why` is a `login.policy.Refusal`."""
        ...

    def stopped(self, tx: TxT_contra, login: Login) -> bool:
        """Whether the application was switched off since it asked: nobody logs in to it any more."""
        ...
