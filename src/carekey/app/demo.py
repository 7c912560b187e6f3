"""What a demo installation has besides: people, passwords for the sandbox, a page that gives them ways to log in."""

from datetime import datetime
from typing import Any

from carekey.app import card_authority, smartcards
from carekey.app.settings import Settings
from carekey.authenticators.enrolment.invitation import invite
from carekey.authenticators.slow_digest import HASHER
from carekey.authenticators.userpass import ceremony
from carekey.authenticators.userpass.passwords import set_password
from carekey.developer.http import DemoPeople
from carekey.developer.http import DemoPerson as Shown
from carekey.directory import demo
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import system
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.ids import CredentialId, PersonId
from carekey.kernel.secret import Secret
from carekey.storage.store import Store, Tx
from carekey.web.kit import Route

DEMO = system("demo")
APPLICATIONS = ("http://localhost:8001", "http://localhost:8002")
PERSONS = {one.person.id: one for one in demo.DEMO_PEOPLE}


def user_name(person: PersonId) -> str:
    return person


def password(person: PersonId) -> str:
    """For the sandbox issuer. It is no secret: everybody who runs the demo has the same."""
    return f"demo-{person[-3:]}"


async def furnish(found: Settings, store: Store, clock: Clock, entropy: Entropy) -> None:
    """Load the demo people and give them passwords, unless that was done before."""
    now = clock.now()
    await store.write(lambda tx: demo.load(tx, at=now, by=DEMO))
    if not any("password" in issuer.ways for issuer in found.issuers.values()):
        return

    def lacking(tx: Tx) -> list[PersonId]:
        return [id for id in PERSONS if tx.credentials.find(ceremony.KIND, ceremony.handle(user_name(id))) is None]

    missing = [
        (id, HASHER.hash(password(id)), CredentialId(token(entropy, size=16))) for id in await store.read(lacking)
    ]

    def give(tx: Tx) -> None:
        for id, hashed, credential in missing:
            if tx.credentials.find(ceremony.KIND, ceremony.handle(user_name(id))) is None:
                set_password(tx, id, user_name(id), hashed, id=credential, by=DEMO, now=now)

    await store.write(give)


def described(*, at: datetime) -> list[dict[str, Any]]:
    """The demo people as `carekey demo people --json` prints them."""
    return [
        {
            **demo.described(one, at=at),
            "sandbox_user_name": user_name(one.person.id),
            "sandbox_password": password(one.person.id),
        }
        for one in demo.DEMO_PEOPLE
    ]


def routes(found: Settings, store: Store, clock: Clock, entropy: Entropy) -> list[Route]:
    with_passwords = any("password" in issuer.ways for issuer in found.issuers.values())

    async def link(person: PersonId) -> str:
        secret, now = Secret(token(entropy)), clock.now()
        await store.write(lambda tx: invite(tx, person, token=secret, by=DEMO, now=now))
        return f"/register/{secret.reveal()}"

    wallet = smartcards.wallet(found) if found.virtual_cards() else None
    above = card_authority.certificates(found)

    def card_file(person: PersonId) -> bytes | None:
        card = wallet.of(person) if wallet else None
        return card.file([above[1]]) if card and above else None

    shown = [
        Shown(
            id=one.person.id,
            name=one.person.display_name or one.person.name,
            about=one.story,
            roles=tuple(
                f"{profile.role.title}, {profile.organisation}"
                for profile in one.profiles
                if profile.held_at(clock.now())
            ),
            password=password(one.person.id) if with_passwords else None,
            active=one.person.status is PersonStatus.ACTIVE,
        )
        for one in demo.DEMO_PEOPLE
    ]
    return DemoPeople(shown, invite=link, card_file=card_file if wallet else None, applications=APPLICATIONS).routes()
