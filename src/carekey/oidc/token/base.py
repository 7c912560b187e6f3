"""What a grant is given, and what it gives back."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from carekey.jose.jwt import KeySet
from carekey.oidc.client_auth.keys import NO_KEYS
from carekey.oidc.errors import OAuthError
from carekey.oidc.model import AccessToken, Client, Confirmation, Grant, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.refresh_token import Handle
from carekey.oidc.tokens.sender_constraint import INSTANCE
from carekey.web.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token request of a client that has proven who it is."""

    issuer: Issuer
    client: Client
    fields: Fields
    access_token: str
    """The new token, made beforehand: a unit of work may run twice and must come to the same."""
    own: OwnTokens
    now: datetime
    reference: str
    keys: KeySet = NO_KEYS
    """The client's, for grants that verify what it signed."""
    confirmation: Confirmation | None = None
    """What the client proved to hold: the token will be bound to it."""
    held: Confirmation = field(default_factory=dict)
    """Everything that the request proves, be the token bound to it or not."""
    instance: str | None = None
    """The key by which this installation of the client authenticated, if it was vouched for."""

    @property
    def proven(self) -> Confirmation:
        """Everything that the client proved to hold."""
        return {**(self.confirmation or {}), **({INSTANCE: self.instance} if self.instance else {})}

    @property
    def issued_at(self) -> datetime:
        """The moment in whole seconds, never ahead: what tokens say."""
        return self.now.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Bought:
    token: AccessToken
    grant: Grant | None = None
    """Whose ID token is to be made, if it may have one; None if there is no person."""
    code: str | None = None
    refresh: Handle | None = None
    auth_req_id: str | None = None
    """Of tokens that are pushed (CIBA Core section 10.3.1)."""
    issued_token_type: str | None = None
    """RFC 8693 section 2.2.1."""


@dataclass(frozen=True, slots=True)
class Denied:
    """A refusal whose consequences stay, and which the grant has put on record itself. One that is raised undoes
    everything that the grant had done."""

    error: OAuthError


class GrantType(Protocol):
    name: ClassVar[str]
    parameters: ClassVar[frozenset[str]]
    """Those that it reads. Others are not looked at, not even for being repeated."""
    reads_client_keys: ClassVar[bool]
    """Whether it needs `TokenRequest.keys`, which may have to be fetched."""

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        """Runs in the transaction that stores what was bought. Raises: OAuthError."""
        ...
