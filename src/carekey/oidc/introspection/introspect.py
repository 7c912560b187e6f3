"""What a client is told of a token (RFC 7662 section 2.2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carekey.directory.model import PersonStatus
from carekey.oidc import subject
from carekey.oidc.errors import InvalidGrant
from carekey.oidc.model import AccessToken, Client, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.grants.refresh_token import check_age, check_standing
from carekey.oidc.tokens.access_token import particulars
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.refresh_token import Handle
from carekey.oidc.tokens.sender_constraint import token_type

INACTIVE: dict[str, Any] = {"active": False}
"""All that is said of a token that is not good, or not theirs (section 2.2)."""


@dataclass(frozen=True, slots=True)
class NotTheirs:
    """The token is good, and not for this client to look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One client's look at one token."""

    issuer: Issuer
    client: Client
    own: OwnTokens
    now: datetime

    def at(self, tx: OidcTx, text: str) -> dict[str, Any] | NotTheirs:
        # The hint is not needed: which kind a token is shows (section 2.1).
        handle = self.own.refresh(text)
        return self._refresh(tx, handle) if handle is not None else self._access(tx, text)

    def _access(self, tx: OidcTx, text: str) -> dict[str, Any] | NotTheirs:
        key = self.own.access(text)
        token = None if key is None else tx.access_tokens.find(key)
        if token is None or token.issuer != self.issuer.name or token.expires_at <= self.now:
            return INACTIVE
        if not self._may_see(token):
            return NotTheirs()
        client = self.client if token.client == self.client.id else tx.clients.find(token.issuer, token.client)
        if client is None or not client.honours(token.issued_at):
            return INACTIVE
        if token.person is not None:
            person = tx.people.find(token.person)
            if person is None or person.status is not PersonStatus.ACTIVE:
                return INACTIVE
        return {"active": True, "token_type": token_type(token.confirmation), **particulars(token, self.issuer, client)}

    def _may_see(self, token: AccessToken) -> bool:
        """Section 4: a resource server is told of tokens that are for it."""
        return token.client == self.client.id or token.audience in self.client.serves or self.client.introspect_any

    def _refresh(self, tx: OidcTx, handle: Handle) -> dict[str, Any] | NotTheirs:
        family = tx.refresh_families.find(handle.family)
        if family is None or family.grant.issuer != self.issuer.name:
            return INACTIVE
        if family.grant.client != self.client.id:
            return NotTheirs()
        if family.revoked_at is not None or handle.generation != family.generation:
            return INACTIVE
        try:
            check_age(family, self.issuer, now=self.now)
            check_standing(tx, family.grant, self.client, now=self.now)
        except InvalidGrant:
            return INACTIVE
        return {
            "active": True,
            "iss": self.issuer.url,
            "sub": subject.of(family.grant.person, self.client, self.issuer),
            "client_id": family.grant.client,
            "scope": " ".join(family.grant.scopes),
            "iat": int(family.rotated_at.timestamp()),
            "exp": int(family.expires_at.timestamp()),
            **({"authorization_details": details} if (details := family.grant.authorization_details) else {}),
        }
