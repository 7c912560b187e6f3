from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from carekey.directory import codes
from carekey.directory.generate import PROFILES_OF_A_THOUSAND, Size, organisation, person, positions, roles_of, seed
from carekey.kernel import actor
from carekey.storage.memory.store import MemoryStore

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


class FixedClock:
    def now(self):
        return NOW


def test_the_same_seed_gives_the_same_directory_and_another_gives_another():
    assert [person(1, n) for n in range(50)] == [person(1, n) for n in range(50)]
    assert [person(1, n) for n in range(50)] != [person(2, n) for n in range(50)]
    assert roles_of(1, 7, organisations=500) == roles_of(1, 7, organisations=500)


def test_what_is_made_today_is_made_for_ever():
    """Benchmarks of two releases compare only if they run on the same directory."""
    assert person(1, 0).name == "Ibrahim D'Souza"
    assert organisation(1, 0).name == "CLOVERHURST INFIRMARY"


def test_a_thousand_people_have_two_thousand_profiles():
    assert (len(PROFILES_OF_A_THOUSAND), sum(PROFILES_OF_A_THOUSAND)) == (1000, 2000)
    counts = Counter(len(roles_of(1, n, organisations=5000)[1]) for n in range(1000))
    assert counts == Counter(PROFILES_OF_A_THOUSAND)


@given(st.integers(0, 10**6), st.integers(0, 9_999_999), st.integers(1, 60_000))
def test_every_made_up_record_is_well_formed(number, n, organisations):
    made = person(number, n)
    assert codes.person_id(made.id) == made.id
    assert codes.words(made.family_name) == made.family_name
    assert made.email is None or codes.email(made.email)
    memberships, profiles = roles_of(number, n, organisations=organisations)
    assert len({(profile.organisation, profile.position) for profile in profiles}) == len(profiles)
    assert {profile.membership for profile in profiles} == {membership.id for membership in memberships}
    for profile in profiles:
        assert codes.role_profile_id(profile.id) == profile.id
        assert codes.role_code(profile.role.code) == profile.role.code


def test_names_come_with_accents_apostrophes_hyphens_and_alone():
    names = [person(1, n) for n in range(3000)]
    assert any("'" in made.family_name for made in names)
    assert any("-" in made.family_name for made in names)
    assert any(not made.name.isascii() for made in names)
    assert any(not made.given_name for made in names)


async def test_seeding_writes_everything_that_it_reports():
    store, done = MemoryStore(), []
    size = Size(people=300, organisations=40)
    made = await seed(store, size, operator=actor.operator("ann"), clock=FixedClock(), on_batch=done.append)
    assert (made.people, made.organisations, done[-1]) == (300, 40, 340)
    written = 0
    for n in range(300):
        own = await store.read(lambda tx, n=n: tx.roles.granted_to(person(1, n).id))
        assert own == list(roles_of(1, n, organisations=40)[1])
        written += len(own)
    assert written == made.role_profiles
    assert made.positions == sum(len(positions(n)) for n in range(40))
    (event,) = await store.read(lambda tx: tx.audit.search(tag="directory:made-up:loaded"))
    assert event.actor == actor.operator("ann")
