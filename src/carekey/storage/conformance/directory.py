"""People, organisations, positions, roles."""

from dataclasses import replace

import pytest

from carekey.directory.model import Person, ProfessionalIds
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId
from carekey.storage import StorageError, Store
from carekey.storage.conformance import samples
from carekey.storage.conformance.samples import ASHA, LATER, MICROSECOND, NOW


class PeopleContract:
    async def test_a_person_comes_back_as_given(self, store: Store) -> None:
        plain = samples.person()
        full = samples.person(
            id=PersonId("555000000102"),
            title="Dr",
            middle_names="Zoë",
            initials="Z",
            display_name="Asha O’Neill",
            email="Asha@Example.org",
            professional_ids=ProfessionalIds(gmc_id="C1234567"),
        )
        await store.write(lambda tx: tx.people.put([plain, full]))
        assert await store.read(lambda tx: tx.people.find(plain.id)) == plain
        assert await store.read(lambda tx: tx.people.find(full.id)) == full
        assert await store.read(lambda tx: tx.people.find(PersonId("555000000103"))) is None

    async def test_put_replaces(self, store: Store) -> None:
        await store.write(lambda tx: tx.people.put([samples.person(email="old@example.org")]))
        await store.write(lambda tx: tx.people.put(iter([samples.person(email="new@example.org")])))
        assert await store.read(lambda tx: tx.people.find_by_email("old@example.org")) is None
        assert await store.read(lambda tx: tx.people.find_by_email("NEW@example.org")) is not None

    async def test_an_address_that_several_share_finds_nobody(self, store: Store) -> None:
        shared = [samples.person(id=PersonId(id), email="Desk@Example.org") for id in ("1", "2")]
        await store.write(lambda tx: tx.people.put(shared))
        assert await store.read(lambda tx: tx.people.find_by_email("desk@example.org")) is None

    async def test_search_by_beginning_with_exact_matches_first(self, store: Store) -> None:
        def named(id: str, family: str, email: str | None = None) -> None:
            people.append(samples.person(id=PersonId(id), family_name=family, email=email))

        people: list[Person] = []
        named("100", "Ōsmith")
        named("101", "Smithson")
        named("102", "SMITH")
        named("103", "Jones", "smith")
        named("104", "Jones", "smith.j@example.org")
        named("105", "Blacksmith")
        await store.write(lambda tx: tx.people.put(people))

        async def found(text: str, limit: int = 10) -> list[str]:
            return [person.id for person in await store.read(lambda tx: tx.people.search(text, limit=limit))]

        assert await found("smith") == ["102", "103", "101", "104"]
        assert await found(" Smith ", limit=3) == ["102", "103", "101"]
        assert await found("10") == ["100", "101", "102", "103", "104", "105"]
        assert await found("ŌS") == ["100"]
        assert await found("%") == []
        assert await found("_") == []
        assert await found("  ") == []

    @pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x" * 100_000, "' OR 1=1 --"])
    async def test_what_nobody_is_called_finds_nobody(self, store: Store, text: str) -> None:
        await store.write(lambda tx: tx.people.put([samples.person()]))
        assert await store.read(lambda tx: tx.people.find(PersonId(text))) is None
        assert await store.read(lambda tx: tx.people.find_by_email(text)) is None
        assert list(await store.read(lambda tx: tx.people.search(text, limit=5))) == []
        assert await store.write(lambda tx: tx.people.find(PersonId(text))) is None


class OrganisationsContract:
    @pytest.mark.parametrize("many", [1, 2, 3, 20, 64, 65, 200])
    async def test_found_by_their_codes(self, store: Store, many: int) -> None:
        every = [
            samples.organisation(code=OrganisationCode(f"R{number:05}"), name=str(number)) for number in range(many)
        ]
        await store.write(lambda tx: tx.organisations.put(every))
        codes = [each.code for each in every]
        found = await store.read(lambda tx: tx.organisations.find([*codes, *codes, OrganisationCode("NONE")]))
        assert sorted(found, key=lambda each: each.code) == every

    async def test_no_codes_no_organisations(self, store: Store) -> None:
        assert list(await store.read(lambda tx: tx.organisations.find([]))) == []

    async def test_put_replaces(self, store: Store) -> None:
        old = samples.organisation()
        new = replace(old, name="Riverside and Hill")
        await store.write(lambda tx: tx.organisations.put([old]))
        await store.write(lambda tx: tx.organisations.put([new]))
        assert list(await store.read(lambda tx: tx.organisations.find([old.code]))) == [new]


class PositionsContract:
    async def test_comes_back_as_given_and_put_replaces(self, store: Store) -> None:
        old = samples.position()
        new = replace(old, roles=(samples.role(activities=()), samples.role(code="S0010:G0020:R8002")))
        await store.write(lambda tx: tx.positions.put([old]))
        assert await store.read(lambda tx: tx.positions.find(old.id)) == old
        await store.write(lambda tx: tx.positions.put([new]))
        assert await store.read(lambda tx: tx.positions.find(old.id)) == new
        assert await store.read(lambda tx: tx.positions.find("doctor")) is None


class RolesContract:
    async def test_held_in_force_in_the_order_of_their_ids(self, store: Store) -> None:
        past = samples.profile(id=RoleProfileId("1"), ends=NOW)
        begun = samples.profile(id=RoleProfileId("4"), starts=NOW, position="nurse")
        ending = samples.profile(id=RoleProfileId("3"), ends=LATER, role=samples.role(activities=()))
        coming = samples.profile(id=RoleProfileId("2"), starts=LATER)
        somebody_elses = samples.profile(id=RoleProfileId("5"), person=PersonId("2"))
        every = [past, begun, ending, coming, somebody_elses]
        await store.write(lambda tx: tx.roles.put([samples.membership()], every))

        assert list(await store.read(lambda tx: tx.roles.held_by(ASHA, at=NOW))) == [ending, begun]
        assert list(await store.read(lambda tx: tx.roles.held_by(ASHA, at=NOW - MICROSECOND))) == [past, ending]
        assert list(await store.read(lambda tx: tx.roles.held_by(ASHA, at=LATER))) == [coming, begun]

    async def test_granted_whatever_the_period(self, store: Store) -> None:
        past = samples.profile(id=RoleProfileId("2"), ends=NOW - MICROSECOND)
        coming = samples.profile(id=RoleProfileId("1"), starts=LATER)
        somebody_elses = samples.profile(id=RoleProfileId("3"), person=PersonId("2"))
        await store.write(lambda tx: tx.roles.put([samples.membership()], [past, coming, somebody_elses]))
        assert list(await store.read(lambda tx: tx.roles.granted_to(ASHA))) == [coming, past]

    async def test_found_by_their_ids_whoever_holds_them(self, store: Store) -> None:
        membership, profile = samples.membership(), samples.profile(ends=NOW - MICROSECOND)
        await store.write(lambda tx: tx.roles.put([membership], [profile]))
        profiles = [RoleProfileId("999"), profile.id, profile.id]
        assert list(await store.read(lambda tx: tx.roles.find(profiles))) == [profile]
        memberships = [MembershipId("999"), membership.id, membership.id]
        assert list(await store.read(lambda tx: tx.roles.find_memberships(memberships))) == [membership]

    async def test_put_replaces_by_id(self, store: Store) -> None:
        old_membership, old = samples.membership(), samples.profile()
        new_membership, new = replace(old_membership, gnc="123"), replace(old, ends=LATER)
        await store.write(lambda tx: tx.roles.put([old_membership], [old]))
        await store.write(lambda tx: tx.roles.put([new_membership], []))
        await store.write(lambda tx: tx.roles.put([], [new]))
        assert list(await store.read(lambda tx: tx.roles.held_by(ASHA, at=NOW))) == [new]
        assert list(await store.read(lambda tx: tx.roles.memberships_of(ASHA))) == [new_membership]
        assert list(await store.read(lambda tx: tx.roles.memberships_of(PersonId("2")))) == []

    async def test_a_profile_that_moves_to_another_person_leaves_the_first(self, store: Store) -> None:
        old = samples.profile()
        new = replace(old, person=PersonId("2"))
        await store.write(lambda tx: tx.roles.put([samples.membership()], [old]))
        await store.write(lambda tx: tx.roles.put([], [new]))
        assert list(await store.read(lambda tx: tx.roles.held_by(ASHA, at=NOW))) == []
        assert list(await store.read(lambda tx: tx.roles.held_by(new.person, at=NOW))) == [new]

    async def test_a_profile_needs_its_membership(self, store: Store) -> None:
        stray = samples.profile(membership=MembershipId("999"))
        with pytest.raises(StorageError):
            await store.write(lambda tx: tx.roles.put([samples.membership()], [samples.profile(), stray]))
        assert list(await store.read(lambda tx: tx.roles.memberships_of(ASHA))) == []
