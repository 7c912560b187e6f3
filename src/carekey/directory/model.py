"""The directory's things. Names follow the registration forms and cis2-profile section 3.3."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carekey.kernel.assurance import IAL
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId


class PersonStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A code and its name, such as activity B0420, Independent Prescribing."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfessionalIds:
    """Numbers under which professional bodies know the person (scope `professionalmemberships`)."""

    gmc_id: str | None = None
    gdc_id: str | None = None
    gmp_id: str | None = None
    gdp_id: str | None = None
    consultant_id: str | None = None
    rcn_id: str | None = None
    nmc_id: str | None = None
    gphc_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: PersonId
    given_name: str
    family_name: str
    title: str | None = None
    middle_names: str | None = None
    initials: str | None = None
    display_name: str | None = None
    email: str | None = None
    ial: IAL = IAL.IAL3
    status: PersonStatus = PersonStatus.ACTIVE
    professional_ids: ProfessionalIds = ProfessionalIds()

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    code: OrganisationCode
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A person in an organisation (nhsOrgPerson), shared by every role held there."""

    id: MembershipId
    person: PersonId
    organisation: OrganisationCode
    gnc: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A national job role with what a position adds to it. Codes are `S####:G####:R####`."""

    code: str
    name: str
    """Three names in double quotes joined by colons, exactly as the claim carries them."""
    activities: tuple[Coded, ...] = ()
    """Additional activities only; those of the national baseline stay implicit (cis2-profile 3.4)."""
    workgroups: tuple[Coded, ...] = ()
    areas_of_work: tuple[Coded, ...] = ()

    @property
    def title(self) -> str:
        """The job role alone, for pages: the last of the three names, without its quotes."""
        return self.name.rsplit('":"', 1)[-1].strip('"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A job at one organisation, as its registration authority defined it: one or more roles."""

    id: str
    organisation: OrganisationCode
    name: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleProfile:
    """A person in a role at an organisation (nhsOrgPersonRole): what `selected_roleid` names."""

    id: RoleProfileId
    person: PersonId
    membership: MembershipId
    organisation: OrganisationCode
    role: Role
    position: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None

    def held_at(self, moment: datetime) -> bool:
        return (self.starts is None or self.starts <= moment) and (self.ends is None or moment < self.ends)
