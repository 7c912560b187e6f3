"""What is taken away takes the sessions with it, and applications are told."""

from datetime import timedelta

import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.kernel.ids import CredentialId, PersonId, RoleProfileId, SessionId
from carekey.registration.standing import (
    NoSuchPerson,
    NoSuchRole,
    NoSuchWay,
    end_sessions,
    remove_way,
    set_status,
    take_role,
)
from carekey.storage.conformance import samples
from carekey.storage.conformance.samples import ASHA, CLIENT, ISSUER, NOW, SESSION
from carekey.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio

ANN = actor.operator("ann")
OTHER = PersonId("555000000102")
ROLE, WAY = samples.profile().id, samples.credential().id


@pytest.fixture
async def store():
    """Asha, with a role, a way to log in and a session in which the ward list takes part; and somebody else."""
    store = MemoryStore()

    def work(tx) -> None:
        tx.people.put([samples.person(), samples.person(id=OTHER)])
        tx.roles.put([samples.membership()], [samples.profile()])
        tx.credentials.add(samples.credential())
        tx.credentials.add(samples.credential(id=CredentialId("another"), handle=b"another"))
        tx.clients.add(samples.client(backchannel_logout_uri="https://ward.example/logout"))
        for id, person in ((SESSION, ASHA), (SessionId("other"), OTHER)):
            tx.sessions.start(samples.session(id=id, digest=id.encode(), person=person))
            tx.sessions.joined(id, CLIENT)

    await store.write(work)
    return store


async def told(store) -> list[str]:
    found = await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=9))
    return [delivery.session for delivery in found]


async def events(store, tag: str):
    return list(await store.read(lambda tx: tx.audit.search(tag=tag)))


@pytest.mark.parametrize(
    ("take", "tag", "why"),
    [
        (
            lambda tx: set_status(tx, ASHA, PersonStatus.SUSPENDED, by=ANN, now=NOW),
            "registration:status:changed",
            "person_suspended",
        ),
        (
            lambda tx: set_status(tx, ASHA, PersonStatus.CLOSED, by=ANN, now=NOW),
            "registration:status:changed",
            "person_closed",
        ),
        (lambda tx: remove_way(tx, ASHA, WAY, by=ANN, now=NOW), "registration:way:removed", "way_removed"),
        (lambda tx: take_role(tx, ASHA, ROLE, by=ANN, now=NOW), "registration:role:taken", "role_lost"),
    ],
)
async def test_the_session_ends_and_its_applications_are_told(store, take, tag, why):
    await store.write(take)
    assert await told(store) == [SESSION]
    (ended,) = await events(store, "session:session:ended")
    assert (ended.actor, ended.data["person"], ended.data["why"]) == (ANN, ASHA, why)
    (event,) = await events(store, tag)
    assert (event.actor, event.data["person"], event.data["sessions_ended"]) == (ANN, ASHA, 1)
    assert len(await store.read(lambda tx: tx.sessions.of_person(OTHER))) == 1


async def test_a_person_who_is_opened_again_loses_no_session(store):
    await store.write(lambda tx: set_status(tx, ASHA, PersonStatus.SUSPENDED, by=ANN, now=NOW))
    await store.write(lambda tx: tx.sessions.start(samples.session(id=SessionId("new"), digest=b"n")))
    changed = await store.write(lambda tx: set_status(tx, ASHA, PersonStatus.ACTIVE, by=ANN, now=NOW))
    assert (changed.was, changed.sessions_ended) == (PersonStatus.SUSPENDED, 0)
    assert [one.id for one in await store.read(lambda tx: tx.sessions.of_person(ASHA))] == ["new"]


async def test_doing_it_twice_is_on_record_once(store):
    for _ in range(2):
        await store.write(lambda tx: set_status(tx, ASHA, PersonStatus.CLOSED, by=ANN, now=NOW))
    assert len(await events(store, "registration:status:changed")) == 1
    assert await told(store) == [SESSION]


async def test_a_way_that_the_session_does_not_rest_on_ends_nothing(store):
    assert await store.write(lambda tx: remove_way(tx, ASHA, CredentialId("another"), by=ANN, now=NOW)) == 0
    assert await told(store) == []


async def test_a_role_that_was_taken_is_not_held_from_that_moment(store):
    await store.write(lambda tx: take_role(tx, ASHA, ROLE, by=ANN, now=NOW))
    assert not await store.read(lambda tx: tx.roles.held_by(ASHA, at=NOW))
    assert await store.read(lambda tx: tx.roles.held_by(ASHA, at=NOW - timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("take", "error"),
    [
        (lambda tx: set_status(tx, PersonId("1"), PersonStatus.CLOSED, by=ANN, now=NOW), NoSuchPerson),
        (lambda tx: remove_way(tx, PersonId("1"), WAY, by=ANN, now=NOW), NoSuchPerson),
        (lambda tx: remove_way(tx, OTHER, WAY, by=ANN, now=NOW), NoSuchWay),
        (lambda tx: remove_way(tx, ASHA, CredentialId("none"), by=ANN, now=NOW), NoSuchWay),
        (lambda tx: take_role(tx, OTHER, ROLE, by=ANN, now=NOW), NoSuchRole),
        (lambda tx: take_role(tx, ASHA, RoleProfileId("1"), by=ANN, now=NOW), NoSuchRole),
        (lambda tx: take_role(tx, PersonId("1"), ROLE, by=ANN, now=NOW), NoSuchPerson),
    ],
)
async def test_what_is_not_there_cannot_be_taken_away(store, take, error):
    with pytest.raises(error):
        await store.write(take)
    assert await told(store) == []
    assert not await store.read(lambda tx: tx.audit.search())


@pytest.mark.parametrize(
    ("status", "why"), [("active", "role_lost"), ("suspended", "person_suspended"), ("closed", "person_closed")]
)
async def test_an_import_that_took_something_away_ends_sessions_and_says_why(store, status, why):
    await store.write(lambda tx: tx.people.put([samples.person(status=PersonStatus(status))]))
    assert await store.write(lambda tx: end_sessions(tx, [ASHA], by=ANN, now=NOW)) == 1
    (ended,) = await events(store, "session:session:ended")
    assert ended.data["why"] == why
