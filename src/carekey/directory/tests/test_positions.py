from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from carekey.directory.assignments import assign
from carekey.directory.model import Membership, Position, Role, RoleProfile
from carekey.directory.positions import Assignment, expand, membership_ids, profile_ids
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId
from carekey.storage.memory.store import MemoryStore

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
NURSE = Role(code="S8000:G8000:R8001", name='"Clinical":"Clinical Provision":"Nurse Access Role"')
CLERK = Role(code="S8001:G8002:R8008", name='"Support":"Support":"Admin/Clinical Support Access Role"')
ANN = PersonId("555000000201")
BOB = PersonId("555000000202")


def a_position(*roles: Role, id="ward-7", organisation="RZZ01"):
    return Position(id=id, organisation=OrganisationCode(organisation), name="Ward 7", roles=roles or (NURSE,))


def an_assignment(position=None, person=ANN, **period: datetime):
    return Assignment(person=person, position=position or a_position(), **period)


def test_ids_are_the_same_in_every_release():
    """Applications keep role profile ids: what is derived today must be derived for ever."""
    assert next(membership_ids(ANN, OrganisationCode("RZZ01"))) == "632600595666"
    assert next(profile_ids(ANN, "ward-7", NURSE.code)) == "277704386504"


def test_ids_have_twelve_digits_and_differ_from_attempt_to_attempt():
    ids = list(islice(profile_ids(ANN, "ward-7", NURSE.code), 50))
    assert len(set(ids)) == 50
    assert all(len(id) == 12 and id.isdigit() and id[0] != "0" for id in ids)


def test_one_assignment_gives_one_profile_for_each_role_and_one_membership():
    membership, profiles = expand(an_assignment(a_position(NURSE, CLERK)))
    assert [profile.role for profile in profiles] == [NURSE, CLERK]
    assert {profile.membership for profile in profiles} == {membership.id}
    assert len({profile.id for profile in profiles}) == 2


def test_a_role_held_twice_in_one_position_gives_two_profiles():
    _, profiles = expand(an_assignment(a_position(NURSE, NURSE)))
    assert len({profile.id for profile in profiles}) == 2


def test_the_period_is_no_part_of_the_identity():
    _, (before,) = expand(an_assignment())
    _, (after,) = expand(an_assignment(starts=NOW, ends=NOW + timedelta(days=1)))
    assert before.id == after.id


def test_an_assignment_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="ends after"):
        an_assignment(starts=NOW, ends=NOW)


async def held(store, person=ANN, at=NOW):
    return await store.read(lambda tx: tx.roles.held_by(person, at=at))


async def made(store, assignment, **more: str):
    return await store.write(lambda tx: assign(tx, assignment, now=NOW, **more))


async def test_assigning_twice_changes_nothing():
    store = MemoryStore()
    assert (await made(store, an_assignment())).effect == "new"
    before = await held(store)
    assert (await made(store, an_assignment())).effect == "same"
    assert await held(store) == before


async def test_an_id_that_somebody_else_has_is_passed_over_and_the_next_one_stays():
    store = MemoryStore()
    first, second = islice(profile_ids(ANN, "ward-7", NURSE.code), 2)
    first_membership, second_membership = islice(membership_ids(ANN, OrganisationCode("RZZ01")), 2)
    theirs = Membership(id=first_membership, person=BOB, organisation=OrganisationCode("Z10001"))
    taken = RoleProfile(id=first, person=BOB, membership=theirs.id, organisation=theirs.organisation, role=CLERK)
    await store.write(lambda tx: tx.roles.put([theirs], [taken]))
    for effect in ("new", "same"):
        assert (await made(store, an_assignment())).effect == effect
        (profile,) = await held(store)
        assert (profile.id, profile.membership) == (second, second_membership)
    assert await held(store, BOB) == [taken]


async def test_a_role_that_left_the_position_ends():
    store = MemoryStore()
    await made(store, an_assignment(a_position(NURSE, CLERK)))
    assert (await made(store, an_assignment(a_position(NURSE)))).effect == "changed"
    assert [profile.role for profile in await held(store)] == [NURSE]
    assert (await made(store, an_assignment(a_position(NURSE)))).effect == "same"
    assert len(await store.read(lambda tx: tx.roles.granted_to(ANN))) == 2


async def test_who_comes_back_finds_the_profile_they_had():
    store = MemoryStore()
    await made(store, an_assignment(ends=NOW - timedelta(days=1)))
    assert await held(store) == []
    (former,) = await store.read(lambda tx: tx.roles.granted_to(ANN))
    await made(store, an_assignment())
    assert [profile.id for profile in await held(store)] == [former.id]


async def test_a_profile_from_another_service_keeps_its_id():
    store = MemoryStore()
    membership = Membership(id=MembershipId("555034567890"), person=ANN, organisation=OrganisationCode("RZZ01"))
    _, (derived,) = expand(an_assignment())
    brought = RoleProfile(
        id="555023456789", person=ANN, membership=membership.id, organisation=derived.organisation, role=NURSE,
        position="ward-7",
    )  # fmt: skip
    await store.write(lambda tx: tx.roles.put([membership], [brought]))
    assert (await made(store, an_assignment())).effect == "same"
    assert await held(store) == [brought]


async def test_a_gnc_that_is_not_given_stays():
    store = MemoryStore()
    await made(store, an_assignment(), gnc="GNC1")
    assert (await made(store, an_assignment())).effect == "same"
    assert (await made(store, an_assignment(), gnc="GNC2")).effect == "changed"
    (membership,) = await store.read(lambda tx: tx.roles.memberships_of(ANN))
    assert membership.gnc == "GNC2"
