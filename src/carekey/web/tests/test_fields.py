from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.web.fields import Fields, MalformedFields, RepeatedField

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.dictionaries(text, text, max_size=20))
def test_what_a_browser_encodes_comes_back(pairs):
    assert Fields.parse(urlencode(pairs).encode()).as_dict() == pairs


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(encoded):
    try:
        fields = Fields.parse(encoded)
    except MalformedFields:
        return
    assert not fields.repeated() - set(fields)
    for name in fields:
        if name in fields.repeated():
            with pytest.raises(RepeatedField, match=""):
                fields.get(name)
        else:
            assert fields.get(name) != ""


@given(text, text, text)
def test_rfc6749_3_1_a_parameter_that_came_twice_is_never_read(name, first, second):
    encoded = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for value in (first, second))
    if name == "" and first == second == "":
        encoded = "=&="
    fields = Fields.parse(encoded.encode())
    assert fields.repeated() == {name}
    with pytest.raises(RepeatedField) as caught:
        fields.get(name)
    assert str(caught.value) == name


def test_rfc6749_3_1_an_empty_parameter_is_as_if_left_out():
    fields = Fields.parse(b"state=&scope=openid")
    assert fields.get("state") is None
    assert fields.get("scope") == "openid"
    assert fields.get("nonce") is None
    assert "state" in fields


@pytest.mark.parametrize(
    "encoded",
    [b"a=%FF", b"\xff=1", b"a=%ED%A0%80", b"a=%C3", b"a=%00", b"%00=a", b"&".join(b"a%d=1" % n for n in range(201))],
    ids=["percent", "raw", "surrogate", "half", "nul in value", "nul in name", "too many"],
)
def test_what_is_no_form_in_utf8_is_malformed(encoded):
    with pytest.raises(MalformedFields):
        Fields.parse(encoded)


def test_a_semicolon_separates_nothing():
    assert Fields.parse(b"a=1;b=2").as_dict() == {"a": "1;b=2"}
