from dataclasses import fields
from datetime import UTC, datetime

import pytest

from carekey.directory.demo import DEMO_PEOPLE, ORGANISATIONS, described, load
from carekey.directory.model import Membership, Organisation, Person, PersonStatus, ProfessionalIds, Role
from carekey.kernel import actor
from carekey.storage.memory.store import MemoryStore

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BY_NAME = {demo.person.family_name: demo for demo in DEMO_PEOPLE}


def in_force(demo):
    return [profile for profile in demo.profiles if profile.held_at(NOW)]


@pytest.mark.parametrize(
    ("things", "of"),
    [
        ([demo.person for demo in DEMO_PEOPLE], Person),
        ([demo.person.professional_ids for demo in DEMO_PEOPLE], ProfessionalIds),
        ([membership for demo in DEMO_PEOPLE for membership in demo.memberships], Membership),
        ([profile.role for demo in DEMO_PEOPLE for profile in in_force(demo)], Role),
        (list(ORGANISATIONS), Organisation),
    ],
)
def test_cis2_profile_3_every_claim_occurs_with_a_value_and_every_optional_one_without(things, of):
    for field in fields(of):
        values = {getattr(thing, field.name) for thing in things}
        assert values - {None, ""}, field.name
        if of is Person and field.name in {"title", "middle_names", "initials", "display_name", "email"}:
            assert None in values, field.name


def test_national_numbers_begin_with_555_and_ids_are_unique():
    assert all(demo.person.id.startswith("555") and len(demo.person.id) == 12 for demo in DEMO_PEOPLE)
    for ids in (
        [demo.person.id for demo in DEMO_PEOPLE],
        [profile.id for demo in DEMO_PEOPLE for profile in demo.profiles],
        [membership.id for demo in DEMO_PEOPLE for membership in demo.memberships],
    ):
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("family_name", "roles"),
    [("Okafor", 1), ("O'Sullivan", 3), ("Ferreira-Lind", 7), ("Adeyemi", 0), ("Bankole", 21), ("Wiśniewska", 2)],
)
def test_each_person_has_the_roles_that_their_story_tells(family_name, roles):
    assert len(in_force(BY_NAME[family_name])) == roles


def test_one_person_is_suspended():
    assert [demo.person.family_name for demo in DEMO_PEOPLE if demo.person.status is PersonStatus.SUSPENDED] == [
        "Sutton"
    ]


async def test_loading_again_keeps_what_was_changed_since():
    store, operator = MemoryStore(), actor.system("demo")
    assert await store.write(lambda tx: load(tx, at=NOW, by=operator))
    gp = DEMO_PEOPLE[0].person
    changed = Person(id=gp.id, given_name="Amara", family_name="Okafor-Bell")
    await store.write(lambda tx: tx.people.put([changed]))
    assert not await store.write(lambda tx: load(tx, at=NOW, by=operator))
    assert await store.read(lambda tx: tx.people.find(gp.id)) == changed
    assert len(await store.read(lambda tx: tx.audit.search(tag="directory:demo:loaded"))) == 1


async def test_the_store_holds_what_the_stories_tell():
    store = MemoryStore()
    await store.write(lambda tx: load(tx, at=NOW, by=actor.system("demo")))
    for demo in DEMO_PEOPLE:
        profiles = await store.read(lambda tx, demo=demo: tx.roles.held_by(demo.person.id, at=NOW))
        assert {profile.id for profile in profiles} == {profile.id for profile in in_force(demo)}
        codes = {profile.organisation for profile in profiles}
        assert len(await store.read(lambda tx, codes=codes: tx.organisations.find(codes))) == len(codes)
        for position in {profile.position for profile in profiles}:
            assert await store.read(lambda tx, position=position: tx.positions.find(position))


def test_described_tells_roles_in_force_alone():
    nurse = described(BY_NAME["O'Sullivan"], at=NOW)
    assert len(nurse["roles"]) == 3
    assert nurse["roles"][0]["organisation_name"] == "LARKFORD GENERAL HOSPITAL"
    assert nurse["roles"][0]["title"] == "Nurse Access Role"
