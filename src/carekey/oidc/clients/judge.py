"""What somebody who is no operator may register, and change a registration to: the metadata's own rules, software
statements, sector identifiers, and the allowance. The registration endpoint and the Connection Manager both ask here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from carekey.kernel.ids import ClientId
from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.clients import allowance, logo, sector_identifier, software_statement
from carekey.oidc.clients.logo import Logo
from carekey.oidc.clients.metadata import POLICY, InvalidMetadata, describe, parse
from carekey.oidc.errors import InvalidClientMetadata, InvalidRedirectUri, Reason
from carekey.oidc.model import Allowance, Client, Issuer


@dataclass(frozen=True, slots=True)
class Judge:
    issuer: Issuer
    statements: Mapping[str, Mapping[str, Any]]
    fetch: Fetch

    async def new(
        self,
        metadata: Mapping[str, Any],
        allowed: Allowance,
        id: ClientId,
        now: datetime,
        *,
        kept: Mapping[str, Any] = {},
    ) -> Client:
        """A client as it may be registered. `kept`: what an operator has set. Raises: OAuthError."""
        metadata = software_statement.applied(metadata, self.statements, now=now)
        metadata = allowance.applied(metadata, allowed)
        try:
            checked = parse(metadata, id=id, issuer=self.issuer, now=now)
            allowance.check(checked, allowed)
            await sector_identifier.check(metadata, self.fetch)
            if kept:
                checked = parse({**metadata, **kept}, id=id, issuer=self.issuer, now=now, by_operator=True)
            # Nobody vouches for it unless an operator has said so: people are asked, and it is not shown to them.
            return checked if allowed.first_party else replace(checked, consent=True, listed=False)
        except InvalidMetadata as error:
            kind = InvalidRedirectUri if error.code == InvalidRedirectUri.code else InvalidClientMetadata
            raise kind(str(error), reason=Reason.METADATA) from None

    async def logo(self, client: Client) -> Logo:
        """Fetched last of all, for a client that may be registered."""
        return await logo.fetched(client, self.fetch)

    async def changed(self, was: Client, metadata: Mapping[str, Any], now: datetime) -> Client:
        """The client as its registration may be replaced: what an operator has set stays. Raises: OAuthError."""
        told = describe(was)
        kept = {name: told[name] for name in POLICY if name in told}
        given = {
            name: value
            for name, value in metadata.items()
            if name not in {"client_id", "client_secret"} and not (name in kept and value == kept[name])
        }
        if software_statement.FIELD not in given or given[software_statement.FIELD] == told.get(
            software_statement.FIELD
        ):
            said = software_statement.said(was.metadata)  # it goes on to win
            given = {**given, **said}
            statement = given.pop(software_statement.FIELD, None)
        else:
            statement = None
        client = await self.new(given, was.allowance or Allowance(), was.id, now, kept=kept)
        if statement is not None:
            client = replace(client, metadata={**client.metadata, software_statement.FIELD: statement})
        return replace(
            client,
            secret=was.secret if client.auth_method is was.auth_method else None,
            created_at=was.created_at,
            honours_from=was.honours_from,
            allowance=was.allowance,
            registration_token=was.registration_token,
            revision=was.revision + 1,
        )
