"""Registering a relying party."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from carekey.jose.sealing import Sealing
from carekey.kernel.actor import Actor
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.event import Recorder
from carekey.kernel.ids import ClientId
from carekey.kernel.secret import Secret, digest
from carekey.kernel.unit_of_work import Store
from carekey.login.ports import Logos
from carekey.oidc.client_auth.client_secret_jwt import purpose
from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.clients import logo
from carekey.oidc.clients.logo import Logo
from carekey.oidc.clients.metadata import FieldProblem, InvalidMetadata, parse
from carekey.oidc.events import ClientCreated
from carekey.oidc.model import Client, ClientAuthMethod, Issuer
from carekey.oidc.ports import Clients


class ClientsTx(Protocol):
    @property
    def clients(self) -> Clients: ...
    @property
    def logos(self) -> Logos: ...
    @property
    def audit(self) -> Recorder: ...


@dataclass(frozen=True, slots=True)
class Created:
    client: Client
    secret: Secret | None
    """Shown once: afterwards it cannot be found out any more."""


async def create_client(
    store: Store[ClientsTx],
    metadata: Mapping[str, Any],
    *,
    issuer: Issuer,
    sealing: Sealing,
    entropy: Entropy,
    by: Actor,
    now: datetime,
    by_operator: bool = False,
    fetch: Fetch | None = None,
) -> Created:
    """Register a client of this issuer. Its id is made up here unless the metadata brings a `client_id`, as a
    client that moves from elsewhere may. `by_operator`: as in `metadata.parse`. `fetch`: for its logo.

    Raises: InvalidMetadata; nothing is registered then."""
    client = parse(metadata, id=_id(metadata, entropy), issuer=issuer, now=now, by_operator=by_operator)
    client, secret = with_secret(client, sealing, entropy)
    picture = Logo() if fetch is None else await logo.fetched(client, fetch)

    def work(tx: ClientsTx) -> bool:
        added = tx.clients.add(client)
        if added:
            logo.keep(tx.logos, issuer.name, client.id, picture)
            tx.audit.record(
                ClientCreated(
                    at=now,
                    actor=by,
                    issuer=issuer.name,
                    client=client.id,
                    name=client.name,
                    auth_method=client.auth_method.value,
                    logo=picture.outcome,
                )
            )
        return added

    if not await store.write(work):
        raise InvalidMetadata([FieldProblem("client_id", f"{client.id} is taken already")])
    return Created(client, secret)


def _id(metadata: Mapping[str, Any], entropy: Entropy) -> ClientId:
    given = metadata.get("client_id")
    if given is None:
        return ClientId(token(entropy, size=16))
    if not (isinstance(given, str) and given.isascii() and given.isprintable() and 0 < len(given) <= 255):
        raise InvalidMetadata([FieldProblem("client_id", "must be 1 to 255 plain characters")])
    return ClientId(given)


def with_secret(client: Client, sealing: Sealing, entropy: Entropy) -> tuple[Client, Secret | None]:
    """The client with a new secret, if its way to authenticate needs one."""
    match client.auth_method:
        case ClientAuthMethod.CLIENT_SECRET_BASIC | ClientAuthMethod.CLIENT_SECRET_POST:
            secret = token(entropy)
            return replace(client, secret=digest(secret)), Secret(secret)
        case ClientAuthMethod.CLIENT_SECRET_JWT:
            secret = token(entropy, size=64)
            sealed = sealing.seal(secret.encode(), purpose=purpose(client.issuer, client.id))
            return replace(client, secret=sealed), Secret(secret)
        case _:
            return client, None
