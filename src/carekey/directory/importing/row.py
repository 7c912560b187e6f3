"""From the values of one row to a record. Pure: what the directory already holds is not asked here.

A value is text in CSV and text, number or list in JSON Lines; both give the same record. Every problem of a row
is found in one pass, so that it need be corrected once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from carekey.directory import codes, national_rbac
from carekey.directory.codes import Malformed
from carekey.directory.model import Coded, Organisation, Person, PersonStatus, Position, Role
from carekey.kernel.assurance import IAL
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId

T = TypeVar("T")

_ROLES = "roles"
_MOST = 200
"""Roles of a position, or activities, workgroups or areas of a role."""


class Kind(StrEnum):
    """What a file holds. `ux.md` and the manual call them by these names."""

    PEOPLE = "people"
    ORGANISATIONS = "organisations"
    POSITIONS = "positions"
    HOLDERS = "holders"
    ROLES = "roles"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """What a file says of a person, and no more: what it has no column for stays as it is, so that a list of names
    does not bring a suspended person back."""

    id: PersonId
    given: Mapping[str, Any]
    registers: Mapping[str, str | None]

    def onto(self, known: Person | None) -> Person:
        """The person as the directory should have them from now on."""
        if known is None:
            known = Person(id=self.id, given_name="", family_name="")
        return replace(known, **self.given, professional_ids=replace(known.professional_ids, **self.registers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person holds a position; the position itself is looked up when the row lands."""

    person: PersonId
    position: str
    starts: datetime | None
    ends: datetime | None
    gnc: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedRole:
    """A role profile with the ids that another service gave it, which applications may have stored."""

    id: RoleProfileId
    membership: MembershipId
    person: PersonId
    organisation: OrganisationCode
    role: Role
    position: str | None
    starts: datetime | None
    ends: datetime | None
    gnc: str | None


Record = PersonRow | Organisation | Position | Holder | GrantedRole


@dataclass(frozen=True, slots=True)
class Problem:
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field} {self.rule}" if self.field else self.rule


class RowError(ValueError):
    """The row is wrong. `str()` of it names every field and its rule, and repeats no value."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


_ROLE_FIELDS = ("role_code", "role_name", "activities", "workgroups", "areas_of_work")
_REGISTERS: Mapping[str, Callable[[str], str]] = {
    "gmc_id": codes.seven_digits,
    "gdc_id": codes.register_number,
    "gmp_id": codes.register_number,
    "gdp_id": codes.register_number,
    "consultant_id": codes.register_number,
    "rcn_id": codes.register_number,
    "nmc_id": codes.nmc_id,
    "gphc_id": codes.seven_digits,
}

REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    Kind.PEOPLE: ("id", "family_name"),
    Kind.ORGANISATIONS: ("code", "name"),
    Kind.POSITIONS: ("id", "organisation", "name"),
    Kind.HOLDERS: ("person", "position"),
    Kind.ROLES: ("id", "membership", "person", "organisation", "role_code"),
}
OPTIONAL: Mapping[Kind, tuple[str, ...]] = {
    Kind.PEOPLE: (
        "given_name", "title", "middle_names", "initials", "display_name", "email", "ial", "status", *_REGISTERS,
    ),
    Kind.ORGANISATIONS: (),
    Kind.POSITIONS: (_ROLES, *_ROLE_FIELDS),
    Kind.HOLDERS: ("from", "to", "gnc"),
    Kind.ROLES: ("role_name", "activities", "workgroups", "areas_of_work", "position", "from", "to", "gnc"),
}  # fmt: skip


def parse(kind: Kind, values: Mapping[str, Any]) -> Record:
    """The record that a row stands for.

    Raises: RowError.
    """
    row = _Row(values)
    row.refuse_unknown((*REQUIRED[kind], *OPTIONAL[kind]))
    return _PARSERS[kind](row)


class _Row:
    """Takes values one by one and remembers what is wrong with them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.problems: list[Problem] = []

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        if any(name not in known for name in self._values):
            self.problem("", f"has a field that is not one of {', '.join(known)}")

    def problem(self, field: str, rule: str) -> None:
        self.problems.append(Problem(field, rule))

    def present(self, field: str) -> bool:
        return field in self._values

    def has(self, field: str) -> bool:
        return self._values.get(field) not in (None, "", [])

    def optional(self, field: str, parse: Callable[[str], T]) -> T | None:
        value = self._values.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self.problem(field, "must be text")
            return None
        try:
            return parse(str(value))
        except Malformed as broken:
            self.problem(field, str(broken))
            return None

    def required(self, field: str, parse: Callable[[str], T]) -> T:
        """The value; if it is missing or wrong, None in its place, which `checked` keeps from going further."""
        before = len(self.problems)
        value = self.optional(field, parse)
        if value is None and len(self.problems) == before:
            self.problem(field, "is missing")
        return value  # type: ignore[return-value]  # `checked` raises before anybody sees the None

    def list(self, field: str) -> list[Any]:
        """Items of a list, or of text in which they are separated by semicolons."""
        value = self._values.get(field)
        if value is None:
            return []
        if isinstance(value, str):
            value = [item for item in (part.strip() for part in value.split(";")) if item]
        if not isinstance(value, list):
            self.problem(field, "must be a list")
            return []
        if len(value) > _MOST:
            self.problem(field, f"has more than {_MOST} items")
            return []
        return value

    def nested(self, field: str, values: object, known: tuple[str, ...]) -> "_Row":
        """A row within this one; its problems are this one's, under a longer name."""
        inner = _Row(values if isinstance(values, dict) else {})
        if not isinstance(values, dict):
            self.problem(field, "must be an object")
        else:
            inner.refuse_unknown(known)
        return inner

    def adopt(self, field: str, inner: "_Row") -> None:
        self.problems += [Problem(f"{field}.{problem.field}".rstrip("."), problem.rule) for problem in inner.problems]

    def checked(self, make: Callable[[], T]) -> T:
        """What `make` makes.

        Raises: RowError if anything was wrong.
        """
        if self.problems:
            raise RowError(*self.problems)
        return make()


def _person(row: _Row) -> PersonRow:
    id = row.required("id", codes.person_id)
    given: dict[str, Any] = {"family_name": row.required("family_name", codes.words)}
    for name in ("title", "middle_names", "initials", "display_name"):
        if row.present(name):
            given[name] = row.optional(name, codes.words)
    if row.present("email"):
        given["email"] = row.optional("email", codes.email)
    if row.present("given_name"):
        given["given_name"] = row.optional("given_name", codes.words) or ""
    if row.has("ial"):
        given["ial"] = row.optional("ial", _ial)
    if row.has("status"):
        given["status"] = row.optional("status", _status)
    registers = {name: row.optional(name, parse) for name, parse in _REGISTERS.items() if row.present(name)}
    return row.checked(lambda: PersonRow(id=id, given=given, registers=registers))


def _organisation(row: _Row) -> Organisation:
    code, name = row.required("code", codes.organisation_code), row.required("name", codes.words)
    return row.checked(lambda: Organisation(code=code, name=name))


def _position(row: _Row) -> Position:
    id, name = row.required("id", _name_of_position), row.required("name", codes.words)
    organisation = row.required("organisation", codes.organisation_code)
    if row.has(_ROLES):
        roles = tuple(_nested_role(row, index, item) for index, item in enumerate(row.list(_ROLES)))
        if any(row.has(field) for field in _ROLE_FIELDS):
            row.problem(_ROLES, "cannot stand beside fields of a single role")
    else:
        roles = (_role(row),)
    return row.checked(lambda: Position(id=id, organisation=organisation, name=name, roles=roles))


def _holder(row: _Row) -> Holder:
    person, position = row.required("person", codes.person_id), row.required("position", _name_of_position)
    starts, ends = _period(row)
    gnc = row.optional("gnc", codes.register_number)
    return row.checked(lambda: Holder(person=person, position=position, starts=starts, ends=ends, gnc=gnc))


def _granted_role(row: _Row) -> GrantedRole:
    id, membership = row.required("id", codes.role_profile_id), row.required("membership", codes.membership_id)
    person, organisation = (
        row.required("person", codes.person_id),
        row.required("organisation", codes.organisation_code),
    )
    role, position = _role(row), row.optional("position", _name_of_position)
    starts, ends = _period(row)
    gnc = row.optional("gnc", codes.register_number)
    return row.checked(
        lambda: GrantedRole(
            id=id,
            membership=membership,
            person=person,
            organisation=organisation,
            role=role,
            position=position,
            starts=starts,
            ends=ends,
            gnc=gnc,
        )
    )


def _role(row: _Row) -> Role:
    code = row.required("role_code", codes.role_code)
    name = row.optional("role_name", codes.three_part_name) or national_rbac.ROLES.get(code or "")
    if code and not name and not row.has("role_name"):
        row.problem("role_name", "is missing, and the code is not one whose name is known")
    return Role(
        code=code,
        name=name or "",
        activities=_coded(row, "activities", codes.activity_code, codes.words, national_rbac.ACTIVITIES),
        workgroups=_coded(row, "workgroups", codes.workgroup_code, codes.words, {}),
        areas_of_work=_coded(
            row, "areas_of_work", codes.area_of_work_code, codes.three_part_name, national_rbac.AREAS_OF_WORK
        ),
    )


def _nested_role(row: _Row, index: int, item: object) -> Role:
    field = f"{_ROLES}[{index}]"
    inner = row.nested(field, item, _ROLE_FIELDS)
    role = _role(inner) if isinstance(item, dict) else Role(code="", name="")
    row.adopt(field, inner)
    return role


def _coded(
    row: _Row,
    field: str,
    parse_code: Callable[[str], str],
    parse_name: Callable[[str], str],
    known: Mapping[str, str],
) -> tuple[Coded, ...]:
    """`B0420`, `B0420 Independent Prescribing` or `{"code": "B0420", "name": "Independent Prescribing"}`."""
    found: dict[str, Coded] = {}
    for index, item in enumerate(row.list(field)):
        where = f"{field}[{index}]"
        if isinstance(item, str):
            code_text, _, name_text = item.strip().partition(" ")
        elif isinstance(item, dict) and item.keys() <= {"code", "name"}:
            code_text, name_text = item.get("code") or "", item.get("name") or ""
        else:
            row.problem(where, "must be a code, or a code and a name")
            continue
        inner = _Row({"code": code_text, "name": name_text})
        code = inner.required("code", parse_code)
        name = inner.optional("name", parse_name) or known.get(code or "")
        if code and not name and not inner.has("name"):
            inner.problem("name", "is missing, and the code is not one whose name is known")
        if code in found:
            inner.problem("code", "stands twice")
        row.adopt(where, inner)
        if code:
            found[code] = Coded(code=code, name=name or "")
    return tuple(found.values())


def _period(row: _Row) -> tuple[datetime | None, datetime | None]:
    starts, ends = row.optional("from", _start), row.optional("to", _end)
    if starts and ends and ends <= starts:
        row.problem("to", "must be after from")
    return starts, ends


def _start(value: str) -> datetime:
    return _moment(value, days=0)


def _end(value: str) -> datetime:
    """The last day counts whole."""
    return _moment(value, days=1)


def _moment(value: str, *, days: int) -> datetime:
    """A date in UTC, or a date and time with its offset (RFC 3339)."""
    text = value.strip()
    rule = "must be a date such as 2026-11-23, or a date and time with its offset"
    try:
        if len(text) == len("2026-11-23"):
            return datetime.combine(date.fromisoformat(text), time.min, UTC) + timedelta(days=days)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Malformed(rule)
        return moment.astimezone(UTC)
    except Malformed:
        raise
    except (ValueError, OverflowError) as error:
        raise Malformed(rule) from error


def _ial(value: str) -> IAL:
    if value.strip() not in {"0", "1", "2", "3"}:
        raise Malformed("must be 0, 1, 2 or 3")
    return IAL(int(value))


def _status(value: str) -> PersonStatus:
    try:
        return PersonStatus(value.strip().lower())
    except ValueError as error:
        raise Malformed("must be active, suspended or closed") from error


def _name_of_position(value: str) -> str:
    return codes.words(value, limit=64)


_PARSERS: Mapping[Kind, Callable[[_Row], Record]] = {
    Kind.PEOPLE: _person,
    Kind.ORGANISATIONS: _organisation,
    Kind.POSITIONS: _position,
    Kind.HOLDERS: _holder,
    Kind.ROLES: _granted_role,
}
