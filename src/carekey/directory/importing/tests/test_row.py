from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.directory.importing.row import OPTIONAL, REQUIRED, Kind, RowError, parse
from carekey.directory.model import Coded, Person, PersonStatus, ProfessionalIds
from carekey.kernel.assurance import IAL

PERSON = {"id": "555012345678", "family_name": "O'Neill"}
HOLDER = {"person": "555012345678", "position": "ward-7"}
POSITION = {"id": "ward-7", "organisation": "RZZ01", "name": "Ward 7", "role_code": "S8000:G8000:R8001"}
ROLE = {
    "id": "555023456789",
    "membership": "555034567890",
    "person": "555012345678",
    "organisation": "RZZ01",
    "role_code": "S8000:G8000:R8001",
}


def test_a_row_changes_only_what_it_has_a_column_for():
    known = Person(
        id=PERSON["id"],
        given_name="Ann",
        family_name="Old",
        email="ann@trust.example",
        title="Dr",
        status=PersonStatus.SUSPENDED,
        ial=IAL.IAL2,
        professional_ids=ProfessionalIds(gmc_id="7654321"),
    )
    row = parse(Kind.PEOPLE, PERSON | {"title": "", "nmc_id": "12A3456B", "status": "", "ial": ""})
    changed = row.onto(known)
    assert (changed.family_name, changed.given_name, changed.email) == ("O'Neill", "Ann", "ann@trust.example")
    assert changed.title is None, "an empty cell takes the value away"
    assert (changed.status, changed.ial) == (PersonStatus.SUSPENDED, IAL.IAL2), "an empty cell reactivates nobody"
    assert changed.professional_ids == ProfessionalIds(gmc_id="7654321", nmc_id="12A3456B")


def test_a_new_person_has_the_defaults_of_the_model():
    made = parse(Kind.PEOPLE, PERSON).onto(None)
    assert made == Person(id=PERSON["id"], given_name="", family_name="O'Neill")


def test_csv_and_json_spell_a_role_differently_and_mean_the_same():
    in_csv = parse(
        Kind.POSITIONS,
        POSITION
        | {
            "role_name": "Clinical:Clinical Provision:Nurse Access Role",
            "activities": "B0420; B9999 Something Local",
            "workgroups": "555045678901 ward seven",
            "areas_of_work": "P0020:Q0300:T0640",
        },
    )
    in_json = parse(
        Kind.POSITIONS,
        {
            "id": "ward-7",
            "organisation": "rzz01",
            "name": "Ward 7",
            "roles": [
                {
                    "role_code": "S8000:G8000:R8001",
                    "activities": ["B0420", {"code": "B9999", "name": "Something Local"}],
                    "workgroups": [{"code": "555045678901", "name": "ward seven"}],
                    "areas_of_work": ["P0020:Q0300:T0640"],
                }
            ],
        },
    )
    assert in_csv == in_json
    (role,) = in_csv.roles
    assert role.activities[0] == Coded(code="B0420", name="Independent Prescribing")
    assert role.areas_of_work[0].name == '"Pathology":"Pathology":"Phlebotomy"'


@pytest.mark.parametrize(
    ("text", "starts", "ends"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-23T09:00:00+01:00", datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 23, 8, tzinfo=UTC)),
    ],
)
def test_a_last_day_counts_whole_and_an_exact_time_is_exact(text, starts, ends):
    assert parse(Kind.HOLDERS, HOLDER | {"from": text}).starts == starts
    assert parse(Kind.HOLDERS, HOLDER | {"to": text}).ends == ends


WRONG = [
    (Kind.PEOPLE, {}, "id is missing; family_name is missing"),
    (Kind.PEOPLE, PERSON | {"id": "1"}, "id must be 12 digits"),
    (Kind.PEOPLE, PERSON | {"id": 555012345678.0}, "id must be text"),
    (Kind.PEOPLE, PERSON | {"id": True}, "id must be text"),
    (Kind.PEOPLE, PERSON | {"email": "nobody", "ial": "4"}, "email must be an e-mail address such as name@example.org; ial must be 0, 1, 2 or 3"),
    (Kind.PEOPLE, PERSON | {"status": "asleep"}, "status must be active, suspended or closed"),
    (Kind.PEOPLE, PERSON | {"nmc_id": "7"}, "nmc_id must be an NMC PIN such as 12A3456B"),
    (Kind.PEOPLE, PERSON | {"given_name": "A\x07"}, "given_name must not contain control characters"),
    (Kind.ORGANISATIONS, {"code": "!", "name": "X"}, "code must be an ODS code: 3 or more letters and digits"),
    (Kind.POSITIONS, POSITION | {"role_code": "R8001"}, "role_code must be a role code such as S8000:G8000:R8001"),
    (Kind.POSITIONS, POSITION | {"role_code": "S9999:G9999:R9999"},
     "role_name is missing, and the code is not one whose name is known"),
    (Kind.POSITIONS, POSITION | {"activities": "B0420;X"}, "activities[1].code must be an activity code such as B0420"),
    (Kind.POSITIONS, POSITION | {"activities": "B0420;B0420"}, "activities[1].code stands twice"),
    (Kind.POSITIONS, POSITION | {"workgroups": "12"},
     "workgroups[0].name is missing, and the code is not one whose name is known"),
    (Kind.POSITIONS, POSITION | {"activities": ["B0420"] * 201}, "activities has more than 200 items"),
    (Kind.POSITIONS, POSITION | {"activities": {"code": "B0420"}}, "activities must be a list"),
    (Kind.POSITIONS, POSITION | {"activities": [7]}, "activities[0] must be a code, or a code and a name"),
    (Kind.POSITIONS, POSITION | {"roles": [{}]},
     "roles cannot stand beside fields of a single role; roles[0].role_code is missing"),
    (Kind.POSITIONS, {key: POSITION[key] for key in ("id", "organisation", "name")} | {"roles": ["R8001"]},
     "roles[0] must be an object"),
    (Kind.HOLDERS, HOLDER | {"from": "23/11/2026"},
     "from must be a date such as 2026-11-23, or a date and time with its offset"),
    (Kind.HOLDERS, HOLDER | {"from": "2026-11-23T09:00:00"},
     "from must be a date such as 2026-11-23, or a date and time with its offset"),
    (Kind.HOLDERS, HOLDER | {"from": "2026-11-23", "to": "2026-11-22"}, "to must be after from"),
    (Kind.HOLDERS, HOLDER | {"to": "9999-12-31"},
     "to must be a date such as 2026-11-23, or a date and time with its offset"),
    (Kind.ROLES, ROLE | {"membership": "x"}, "membership must be 12 digits"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "message"), WRONG)
def test_a_wrong_row_names_every_field_and_its_rule(kind, values, message):
    with pytest.raises(RowError) as caught:
        parse(kind, values)
    assert sorted(str(caught.value).split("; ")) == sorted(message.split("; "))


def test_an_unknown_field_is_refused_rather_than_lost():
    with pytest.raises(RowError, match="has a field that is not one of id, family_name, given_name"):
        parse(Kind.PEOPLE, PERSON | {"gender": "x"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("code"), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def rows(draw):
    kind = draw(st.sampled_from(Kind))
    base = {Kind.PEOPLE: PERSON, Kind.POSITIONS: POSITION, Kind.HOLDERS: HOLDER, Kind.ROLES: ROLE}.get(kind, {})
    fields = st.sampled_from((*REQUIRED[kind], *OPTIONAL[kind], "other"))
    return kind, base | draw(st.dictionaries(fields, json_values, max_size=4))


@given(rows())
def test_any_row_is_a_record_or_a_row_error(row):
    kind, values = row
    try:
        record = parse(kind, values)
    except RowError as error:
        assert error.problems  # noqa: PT017 (either outcome is right)
    else:
        assert record == parse(kind, values)


@given(st.text(alphabet="⁂☃", min_size=1))
def test_an_error_does_not_repeat_the_value(text):
    for kind in Kind:
        values = dict.fromkeys((*REQUIRED[kind], *OPTIONAL[kind]), text)
        with pytest.raises(RowError) as caught:
            parse(kind, values)
        assert not set(text) & set(str(caught.value))
