import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.directory import codes
from carekey.directory.codes import Malformed

GOOD = [
    (codes.person_id, " 555012345678 ", "555012345678"),
    (codes.organisation_code, "rzz01", "RZZ01"),
    (codes.organisation_code, "Z99999123456", "Z99999123456"),
    (codes.role_code, "s8000:g8000:r8001", "S8000:G8000:R8001"),
    (codes.role_code, "S8003:G8003:R8003", "S8003:G8003:R8003"),
    (codes.activity_code, "B0420", "B0420"),
    (codes.area_of_work_code, "P0020:Q0300:T0640", "P0020:Q0300:T0640"),
    (codes.workgroup_code, "555045678901", "555045678901"),
    (codes.email, "o'neill+ward@trust.example", "o'neill+ward@trust.example"),
    (codes.nmc_id, "12a3456b", "12A3456B"),
    (codes.seven_digits, "7654321", "7654321"),
    (codes.register_number, "gmp1234", "GMP1234"),
    (codes.words, " Zoe\u0308 ", "Zoë"),
    (codes.three_part_name, "Clinical:Clinical Provision:Nurse Access Role",
     '"Clinical":"Clinical Provision":"Nurse Access Role"'),
    (codes.three_part_name, '"Support":"Support":"Admin/Clinical Support Access Role"',
     '"Support":"Support":"Admin/Clinical Support Access Role"'),
]  # fmt: skip

BAD = [
    (codes.person_id, ["", "55501234567", "5550123456789", "55501234567x", "٥٥٥٠١٢٣٤٥٦٧٨", "555 12345678"]),
    (codes.organisation_code, ["", "RZ", "RZ-01", "RZ 01", "R" * 33]),
    (codes.role_code, ["R8001", "S8000:G8000", "S8000:G8000:R800", "S8000-G8000-R8001", "S8000:G8000:R8001\n:"]),
    (codes.activity_code, ["", "0420", "B042", "B04200"]),
    (codes.area_of_work_code, ["P0020", "P0020:Q0300:R0640"]),
    (codes.workgroup_code, ["", "ward", "5550456789012"]),
    (codes.email, ["", "a", "a@", "@b.example", "a b@c.example", "a@b", "a@b..c", "x" * 65 + "@b.example", "a@b@c.uk"]),
    (codes.nmc_id, ["123456", "AB3456B1"]),
    (codes.seven_digits, ["123456", "12345678", "123456a"]),
    (codes.words, ["", "   ", "a\x00b", "tab\there", "\ud800", "x" * 201]),
    (codes.three_part_name, ["Nurse", "a:b", "a:b:c:d", "a::c", 'a:"b"x"y":c']),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_well_formed_text_becomes_its_value(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text"), [(parse, text) for parse, texts in BAD for text in texts])
def test_malformed_text_is_refused_with_the_rule(parse, text):
    with pytest.raises(Malformed, match=r"^must "):
        parse(text)


@given(st.sampled_from([parse for parse, _ in BAD]), st.text())
def test_any_text_is_a_value_or_malformed_and_a_value_stands_for_itself(parse, text):
    try:
        value = parse(text)
    except Malformed:
        return
    assert parse(value) == value
