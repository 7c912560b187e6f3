"""What the provider needs of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carekey.authenticators.ports import Credentials
from carekey.authenticators.smartcard.ports import Cards
from carekey.directory.ports import Organisations, People, Roles
from carekey.kernel.event import Recorder
from carekey.kernel.ids import ClientId, IssuerName
from carekey.login.ports import Consents, Logins, Logos
from carekey.oidc.decoupled.ports import DecoupledRequests
from carekey.oidc.model import (
    AccessToken,
    Client,
    Grant,
    InitialAccessToken,
    PushedRequest,
    Redeemed,
    RefreshFamily,
    Replayed,
    Rotated,
    Superseded,
)
from carekey.sessions.ports import LogoutDeliveries, Sessions


class Clients(Protocol):
    def find(self, issuer: IssuerName, id: ClientId) -> Client | None: ...

    def list(self, issuer: IssuerName | None = None) -> Sequence[Client]:
        """By name. Of every issuer if none is given."""
        ...

    def add(self, client: Client) -> bool:
        """False, and no change, if the issuer already has a client of this id."""
        ...

    def replace(self, client: Client) -> bool:
        """False if there is none."""
        ...

    def change(self, client: Client) -> bool:
        """Replace the client of the revision before this one's. Of any number of simultaneous callers with one
        revision exactly one gets True; for all others nothing is changed."""
        ...


class InitialAccessTokens(Protocol):
    """RFC 7591 section 3."""

    def put(self, token: InitialAccessToken) -> None: ...

    def find(self, digest: bytes) -> InitialAccessToken | None: ...

    def use(self, digest: bytes, *, now: datetime) -> bool:
        """True for as many callers as it has uses left, if it has not expired."""
        ...

    def list(self, issuer: IssuerName) -> Sequence[InitialAccessToken]:
        """The latest to expire first."""
        ...

    def remove(self, digest: bytes) -> bool:
        """True for the caller that removed it."""
        ...


class Codes(Protocol):
    def put(self, digest: bytes, grant: Grant) -> None: ...

    def redeem(self, digest: bytes, *, now: datetime) -> Redeemed | Replayed | None:
        """Of any number of simultaneous callers exactly one gets Redeemed; all the others, then and later,
        get Replayed (RFC 6749 section 4.1.2). None if there is no such code. Expiry is the caller's to judge."""
        ...

    def spoil(self, digest: bytes, *, at: datetime, until: datetime) -> None:
        """It came again: until then, nothing rests on it any more."""
        ...

    def sound(self, digest: bytes) -> bool:
        """Whether it is not spoilt. Nobody spoils it before the transaction ends, and whoever does so then finds what
        the transaction has put."""
        ...


class AccessTokens(Protocol):
    def put(self, token: AccessToken) -> None: ...

    def find(self, digest: bytes) -> AccessToken | None:
        """The token, if it is not revoked and its session, if it has one, has not ended.
        Expiry is the caller's to judge."""
        ...

    def revoke(self, digest: bytes, *, at: datetime) -> bool: ...

    def revoke_bought(self, code: bytes, *, at: datetime) -> int:
        """Revoke every token that this code bought; how many there were."""
        ...


class RefreshFamilies(Protocol):
    def put(self, family: RefreshFamily) -> None: ...

    def find(self, code: bytes) -> RefreshFamily | None: ...

    def hold(self, code: bytes) -> RefreshFamily | None:
        """The same, and nobody rotates or revokes it before the transaction ends."""
        ...

    def rotate(self, code: bytes, generation: int, *, now: datetime, keep: bool = False) -> Rotated | Superseded | None:
        """Of any number of simultaneous callers with one generation exactly one gets Rotated; the others, then and
        later, get Superseded, with the family as it is then (RFC 9700 section 4.14.2). None if there is none.
        Nobody else rotates or revokes the family before the transaction ends. Expiry is the caller's to judge.
        `keep`: the generation stays, and every caller with it gets Rotated."""
        ...

    def revoke(self, code: bytes, *, at: datetime) -> bool:
        """True for the caller that revoked it."""
        ...


class Assertions(Protocol):
    """`jti` values of client assertions, so that each is used once (RFC 7523 section 3)."""

    def first_seen(self, issuer: IssuerName, client: ClientId, jti: str, *, expires_at: datetime) -> bool:
        """True for exactly one caller."""
        ...


class PushedRequests(Protocol):
    """Authorization requests that were pushed (RFC 9126)."""

    def put(self, digest: bytes, request: PushedRequest) -> None: ...

    def take(self, digest: bytes) -> PushedRequest | None:
        """Of any number of simultaneous callers exactly one gets it; it is gone for all others. Expiry is the
        caller's to judge."""
        ...


class DpopProofs(Protocol):
    """DPoP proofs, so that each is used once (RFC 9449 section 11.1)."""

    def first_seen(self, digest: bytes, *, expires_at: datetime) -> bool:
        """True for exactly one caller."""
        ...


class OidcTx(Protocol):
    @property
    def clients(self) -> Clients: ...
    @property
    def logos(self) -> Logos: ...
    @property
    def initial_access_tokens(self) -> InitialAccessTokens: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def access_tokens(self) -> AccessTokens: ...
    @property
    def refresh_families(self) -> RefreshFamilies: ...
    @property
    def assertions(self) -> Assertions: ...
    @property
    def pushed_requests(self) -> PushedRequests: ...
    @property
    def dpop_proofs(self) -> DpopProofs: ...
    @property
    def decoupled_requests(self) -> DecoupledRequests: ...
    @property
    def logins(self) -> Logins: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def logout_deliveries(self) -> LogoutDeliveries: ...
    @property
    def people(self) -> People: ...
    @property
    def roles(self) -> Roles: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def cards(self) -> Cards: ...
    @property
    def organisations(self) -> Organisations: ...
    @property
    def audit(self) -> Recorder: ...
