from dataclasses import replace
from datetime import timedelta

import pytest

from carekey.directory.model import Person
from carekey.kernel.ids import PersonId
from carekey.oidc.claims.base import Facts
from carekey.oidc.claims.registry import CLAIM_NAMES, SCOPE_NAMES, SCOPES, tell
from carekey.oidc.tests.world import ASHA_MARLOW, HOSPITAL, MEMBERSHIPS, NOW, ROLES, World

pytestmark = pytest.mark.anyio

BARE = Person(id=PersonId("555000000001"), given_name="Bo", family_name="Lee")


async def told(world: World, person: Person, *scopes: str):
    return await world.store.read(lambda tx: tell(tx, person, scopes=scopes, role=None, now=NOW))


async def test_cis2_2_17_lists_are_lists_even_when_there_is_nothing_in_them(world: World) -> None:
    claims = await told(world, BARE, *SCOPE_NAMES)
    assert claims["nhsid_nrbac_roles"] == []
    assert claims["nhsid_user_orgs"] == []
    assert claims["nhsid_org_memberships"] == []
    assert claims["nhsid_org_roles"] == []


async def test_cis2_3_5_members_without_a_value_are_left_out(world: World) -> None:
    claims = await told(world, BARE, "profile", "email", "nhsperson", "professionalmemberships", "selectedrole")
    assert claims.keys() == {
        *("uid", "name", "given_name", "family_name"),
        *("nhsid_useruid", "display_name", "idassurancelevel"),
    }


async def test_cis2_3_3_user_orgs_hold_every_organisation_that_a_role_names_once() -> None:
    facts = Facts(person=ASHA_MARLOW, role=None, roles=ROLES, memberships=MEMBERSHIPS[:1])
    scope = next(scope for scope in SCOPES if scope.name == "associatedorgs")
    codes = [place["org_code"] for place in scope.tell(facts)["nhsid_user_orgs"]]
    assert codes == [HOSPITAL, ROLES[1].organisation]


async def test_only_roles_in_force_are_told(world: World) -> None:
    ended = replace(ROLES[1], ends=NOW - timedelta(days=1))
    future = replace(ROLES[0], starts=NOW + timedelta(days=1))
    await world.change(lambda tx: tx.roles.put([], [ended, future]))
    claims = await told(world, ASHA_MARLOW, "nationalrbacaccess", "organisationalmemberships")
    assert claims["nhsid_nrbac_roles"] == []
    assert claims["nhsid_org_roles"] == []
    assert len(claims["nhsid_org_memberships"]) == 2


async def test_the_directory_is_read_only_as_far_as_scopes_need_it(world: World) -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    claims = tell(Untouchable(), ASHA_MARLOW, scopes=("openid", "profile", "email"), role=None, now=NOW)
    assert claims["name"] == "Asha Marlow"


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
async def test_a_scope_yields_nothing_that_it_does_not_announce(scope) -> None:
    facts = Facts(person=ASHA_MARLOW, role=ROLES[0].id, roles=ROLES, memberships=MEMBERSHIPS)
    assert set(scope.tell(facts)) <= set(scope.claims)


def test_cis2_3_1_the_scopes_there_are() -> None:
    assert (
        *("openid", "profile", "email", "nhsperson", "associatedorgs", "nationalrbacaccess"),
        *("professionalmemberships", "organisationalmemberships", "selectedrole", "changedrole"),
    ) == SCOPE_NAMES
    assert "email_verified" not in CLAIM_NAMES
