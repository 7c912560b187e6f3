"""From the parameters that device authorization and CIBA share to a request. Pure.

They mean what they mean at the authorization endpoint, and the same readers read them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from carekey.kernel.ids import PersonId
from carekey.login.model import Asked
from carekey.oidc.authorize import authorization_details, parameters, sharing
from carekey.oidc.authorize.authorization_details import DetailTypes, words
from carekey.oidc.authorize.parameters import Received
from carekey.oidc.authorize.request import classes, role_asked
from carekey.oidc.decoupled.model import DecoupledRequest, Kind, key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is to ask for."""

    scopes: Collection[str]
    details: DetailTypes


def draft(
    received: Received,
    known: Known,
    *,
    kind: Kind,
    secret: str,
    person: PersonId | None = None,
    now: datetime,
    expires_at: datetime,
) -> DecoupledRequest:
    """`secret`: what the client will poll with. Raises: OAuthError."""
    client = received.client
    scopes = parameters.scopes(received, known.scopes)
    target = parameters.resource(received)
    claims = parameters.claims(received)
    details = authorization_details.read(received.get("authorization_details"), client, known.details)
    told = (*sharing.items(scopes, claims.given, target.uri if target else None), *words(details, known.details))
    asked = Asked(
        client=client.id,
        application=client.name,
        acr=classes(received, claims),
        minimum=client.minimum_aal,
        # Whoever agrees proves it now: an open session on a shared computer agrees to nothing.
        fresh=True,
        role=role_asked(scopes),
        person=person,
        share=told if client.consent else (),
        links=sharing.links(client),
    )
    return DecoupledRequest(
        key=key_of(kind, secret),
        kind=kind,
        issuer=client.issuer,
        client=client.id,
        person=person,
        asked=asked,
        scopes=scopes,
        requested_claims=claims.given,
        authorization_details=details,
        resource=target.uri if target else None,
        told=told,
        requested_at=now,
        expires_at=expires_at,
    )
