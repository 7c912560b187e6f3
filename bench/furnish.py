"""Fills a store with what the journeys need: a directory, an application, and people with passkeys."""

import os
from contextlib import closing
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec

from carekey.authenticators.base import Credential
from carekey.authenticators.webauthn.ceremony import KIND
from carekey.authenticators.webauthn.evidence import Evidence, Trust, encode
from carekey.directory.generate import Size, positions, seed
from carekey.directory.model import Person, Position, ProfessionalIds
from carekey.directory.positions import Assignment, expand
from carekey.kernel import actor
from carekey.kernel.clock import SystemClock
from carekey.kernel.ids import ClientId, CredentialId, IssuerName, PersonId
from carekey.kernel.secret import digest
from carekey.oidc.model import Client, ClientAuthMethod
from carekey.storage.open import open_store
from carekey.storage.sql.migrate import upgrade
from carekey.storage.store import Tx
from client import API, API_SECRET, CLIENT_ID, LASTING, REDIRECT, Key
from journeys import User
from support.soft_authenticator import SOFT_KEY, SoftCredential

BENCH = actor.system("bench")
SMALL = Size(people=2_000, organisations=100)
NATIONAL = Size(people=1_500_000, organisations=60_000)
USERS = 64
BUSY_ROLES = 20


async def make_directory(url: str, size: Size) -> None:
    upgrade(url)
    with closing(open_store(url)) as store:
        await seed(store, size, operator=BENCH, clock=SystemClock())


async def make_users(url: str, key: Key) -> tuple[list[User], User]:
    """Users with three roles each, and one with twenty."""
    users = [_user(number) for number in range(USERS + 1)]
    with closing(open_store(url)) as store:
        await store.write(lambda tx: _write(tx, users, key))
    return users[:-1], users[-1]


def _user(number: int) -> User:
    id = f"{555_100_000_000 + number}"
    passkey = SoftCredential(
        key=ec.generate_private_key(ec.SECP256R1()),
        id=os.urandom(32),
        rp_id="localhost",
        user_handle=id.encode(),
        backup_eligible=True,
    )
    return User(id, passkey)


def _write(tx: Tx, users: list[User], key: Key) -> None:
    now = SystemClock().now()
    client = Client(
        id=ClientId(CLIENT_ID),
        issuer=IssuerName("healthcare"),
        name="Ward of the bench",
        redirect_uris=(REDIRECT,),
        grant_types=("authorization_code", "client_credentials"),
        jwks={"keys": [key.public_jwk]},
        created_at=now,
    )
    lasting = replace(client, id=ClientId(LASTING), grant_types=(*client.grant_types, "refresh_token"))
    api = Client(
        id=ClientId(API),
        issuer=client.issuer,
        name="API of the bench",
        auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC,
        secret=digest(API_SECRET),
        grant_types=(),
        introspect_any=True,
        created_at=now,
    )
    for one in (client, lasting, api):
        if not tx.clients.add(one):
            tx.clients.replace(one)
    places = [position for n in range(BUSY_ROLES) for position in positions(n)[:1]]
    for number, user in enumerate(users):
        tx.people.put([_person(user, number)])
        held = places if user is users[-1] else [places[(number + step) % len(places)] for step in range(3)]
        _give(tx, PersonId(user.id), held)
        tx.credentials.add(_credential(user))


def _person(user: User, number: int) -> Person:
    return Person(
        id=PersonId(user.id),
        title="Dr",
        given_name="Zoë",
        family_name=f"O'Bench-{number}",
        email=f"bench.{number}@made-up.example",
        professional_ids=ProfessionalIds(gmc_id=f"{7_000_000 + number}"),
    )


def _give(tx: Tx, person: PersonId, held: list[Position]) -> None:
    for position in held:
        membership, profiles = expand(Assignment(person=person, position=position))
        tx.roles.put([membership], profiles)


def _credential(user: User) -> Credential:
    evidence = Evidence(
        public_key=user.passkey.cose_key,
        user_handle=user.passkey.user_handle,
        aaguid=SOFT_KEY,
        format="none",
        trust=Trust.NONE,
        backup_eligible=True,
    )
    return Credential(
        id=CredentialId(user.passkey.id.hex()),
        person=PersonId(user.id),
        kind=KIND,
        handle=user.passkey.id,
        label="Passkey of the bench",
        data=encode(evidence),
        created_at=SystemClock().now(),
    )
