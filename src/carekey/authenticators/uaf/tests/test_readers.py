"""The readers of what strangers send: no crash, one reading, and the same text out as in."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carekey.authenticators.uaf import assertion, base64url, der, messages, strict_json, tlv
from carekey.authenticators.uaf.status import Reason, UafError
from carekey.authenticators.uaf.tests import phone

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reason_of(call: Any, *arguments: Any) -> Reason | None:
    try:
        call(*arguments)
    except UafError as error:
        return error.reason
    return None


@unhurried
@given(st.binary(max_size=300))
def test_tlv_of_any_bytes_is_read_exactly_or_refused(data):
    try:
        element = tlv.read(data)
    except UafError as error:
        assert error.reason in {Reason.TLV, Reason.TLV_TOO_DEEP}  # noqa: PT017
    else:
        assert element.raw == data
        assert b"".join(child.raw for child in element.children) in {element.value, b""}


elements = st.recursive(
    st.tuples(st.integers(0, 0x3FFF).filter(lambda tag: not tag & 0x1000), st.binary(max_size=40)),
    lambda children: st.tuples(st.integers(0, 0x3FFF).map(lambda tag: tag | 0x1000), st.lists(children, max_size=4)),
    max_leaves=12,
)


def written(tree: Any) -> bytes:
    tag, content = tree
    return tlv.write(tag, *([content] if isinstance(content, bytes) else map(written, content)))


def read_back(element: tlv.Element) -> Any:
    return element.tag, list(map(read_back, element.children)) if element.tag & 0x1000 else element.value


def depth(tree: Any) -> int:
    return 1 + max(map(depth, tree[1]), default=0) if isinstance(tree[1], list) else 1


@unhurried
@given(elements.filter(lambda tree: depth(tree) <= tlv.MAX_DEPTH - 1))
def test_tlv_that_was_written_is_read_back(tree):
    data = written(tree)
    assert read_back(tlv.read(data)) == tree
    assert phone.tlv(*((tree[0], tlv.read(data).value))) == data


@unhurried
@given(elements, st.binary(min_size=1, max_size=3))
def test_tlv_followed_by_anything_is_refused(tree, rest):
    assert reason_of(tlv.read, written(tree) + rest) in {Reason.TLV, Reason.TLV_TOO_DEEP}


@pytest.mark.parametrize(("tag", "size"), [(0x4000, 0), (-1, 0), (0x0001, 0x10000)])
def test_tlv_that_cannot_be_written_is_a_bug_of_ours(tag, size):
    with pytest.raises(ValueError):
        tlv.write(tag, bytes(size))


def test_tlv_is_bounded():
    deep = b""
    for _ in range(900):
        deep = tlv.write(0x1001, deep)
    assert reason_of(tlv.read, deep) is Reason.TLV_TOO_DEEP
    assert reason_of(tlv.read, bytes(4097)) is Reason.TLV_TOO_LARGE
    assert tlv.read(tlv.write(1, bytes(4092))).value == bytes(4092)


@unhurried
@given(st.binary(max_size=200))
def test_assertions_of_any_bytes_are_refused_not_crashed_upon(data):
    text = base64url.encode(data)
    assert reason_of(assertion.parse_registration, text)
    assert reason_of(assertion.parse_authentication, text)


@unhurried
@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=80)), max_size=12), st.booleans())
def test_assertions_of_any_elements_are_refused_not_crashed_upon(children, signs_up):
    inner = phone.tlv(0x3E03 if signs_up else 0x3E04, *(phone.tlv(tag, value) for tag, value in children))
    data = base64url.encode(phone.tlv(0x3E01 if signs_up else 0x3E02, inner, phone.tlv(0x2E06, b"x")))
    assert reason_of(assertion.parse_registration if signs_up else assertion.parse_authentication, data)


json_values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@unhurried
@given(json_values)
def test_json_has_one_reading(value):
    text = json.dumps(value)
    assert strict_json.read(text) == strict_json.read(text.encode()) == value


@unhurried
@given(st.text(alphabet='{}[]",:0123456789eE+-.\\untrfalse \ud800', max_size=60))
def test_json_of_any_text_is_read_or_refused(text):
    assert reason_of(strict_json.read, text) in {
        None,
        Reason.NOT_JSON,
        Reason.DUPLICATE_MEMBER,
        Reason.NULL_VALUE,
        Reason.LONE_SURROGATE,
        Reason.NON_FINITE_NUMBER,
        Reason.TOO_DEEP,
    }


@unhurried
@given(st.binary(max_size=60))
def test_json_of_any_bytes_is_read_or_refused(data):
    assert reason_of(strict_json.read, data) in {None, Reason.NOT_JSON, Reason.NULL_VALUE, Reason.NON_FINITE_NUMBER}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":1,"a":1}', Reason.DUPLICATE_MEMBER),
        ('[{"a":{"b":1,"b":2}}]', Reason.DUPLICATE_MEMBER),
        ('{"a":1,"\\u0061":2}', Reason.DUPLICATE_MEMBER),
        ('{"a":null}', Reason.NULL_VALUE),
        ("[NaN]", Reason.NON_FINITE_NUMBER),
        ("[-Infinity]", Reason.NON_FINITE_NUMBER),
        ("[1e999]", Reason.NON_FINITE_NUMBER),
        ('["\\ud800"]', Reason.LONE_SURROGATE),
        ('{"\\udfff":1}', Reason.LONE_SURROGATE),
        ('["\ud800"]', Reason.LONE_SURROGATE),
        (b'["\xed\xa0\x80"]', Reason.NOT_JSON),
        ("\ufeff[]", Reason.NOT_JSON),
        ("[] []", Reason.NOT_JSON),
        ("", Reason.NOT_JSON),
        ("[" + "9" * 5000 + "]", Reason.NOT_JSON),
        ("[" * 17 + "]" * 17, Reason.TOO_DEEP),
        ("[" * 30_000, Reason.TOO_DEEP),
        ('{"a":' * 10_000, Reason.TOO_DEEP),
        ('"' + "a" * 65536 + '"', Reason.TOO_LARGE),
        ('"' + "é" * 40_000 + '"', Reason.TOO_LARGE),
        ("[" * 16 + "]" * 16, None),
        ('["\\ud83d\\ude00"]', None),
    ],
)  # fmt: skip
def test_3_json_that_two_parsers_could_read_differently_is_refused(text, reason):
    assert reason_of(strict_json.read, text) is reason


@unhurried
@given(st.binary(max_size=100))
def test_base64url_is_read_with_or_without_padding(data):
    text = base64url.encode(data)
    assert text == phone.b64(data)
    assert base64url.decode(text) == base64url.decode(text + "=" * (-len(text) % 4)) == data


@unhurried
@given(st.text(alphabet="AQgw_-=+/ \n", max_size=12))
def test_base64url_has_one_text_for_one_value(text):
    try:
        data = base64url.decode(text)
    except UafError:
        return
    assert phone.b64(data) == text.rstrip("=")


@pytest.mark.parametrize("text", ["A", "AB", "A+", "AA =", "AA=", "AAA==", "AAAA=", "=", "ÄÄ", "AA\n", "A=A="])
def test_3_base64url_with_anything_else_in_it_is_refused(text):
    assert reason_of(base64url.decode, text) is Reason.NOT_BASE64URL


@unhurried
@given(st.binary(max_size=80))
def test_der_of_any_bytes_is_read_or_refused(data):
    try:
        found = der.items(data)
    except ValueError:
        return
    assert sum(len(content) for _, content in found) < len(data) or not data


@pytest.mark.parametrize(
    "data",
    ["02", "0281", "028000", "02810100", "0282000100", "0203ff", "1f", "1fffffff0100", "0283010000"],
)
def test_der_lengths_have_their_shortest_form_and_fit(data):
    with pytest.raises(ValueError):
        der.items(bytes.fromhex(data))


@pytest.mark.parametrize(("number", "tag"), [(1, 0xA1), (30, 0xBE), (31, 0xBF1F), (503, 0xBF8377), (702, 0xBF853E)])
def test_der_context_tags(number, tag):
    assert der.explicit(number) == tag
    length = (tag.bit_length() + 7) // 8
    assert der.items(tag.to_bytes(length, "big") + b"\x00") == [(tag, b"")]


@unhurried
@given(st.text(max_size=200))
def test_responses_of_any_text_are_refused_not_crashed_upon(text):
    assert reason_of(messages.read_response, text)


@unhurried
@given(json_values)
def test_responses_of_any_json_are_refused_not_crashed_upon(value):
    assert reason_of(messages.read_response, json.dumps([value])) is Reason.FIELD
    assert reason_of(messages.read_final_challenge, base64url.encode(json.dumps(value).encode())) is Reason.FIELD


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"uafResponse":"[]","more":1}', None),
        (b"[]", Reason.BAD_ENVELOPE),
        (b"{}", Reason.BAD_ENVELOPE),
        (b'{"uafResponse":[]}', Reason.BAD_ENVELOPE),
        (b'{"uafResponse":"","context":""}', Reason.BAD_ENVELOPE),
        (b'{"uafResponse":"' + b"x" * 65536 + b'"}', Reason.TOO_LARGE),
    ],
)
def test_8_2_the_envelope_is_one_object(body, reason):
    assert reason_of(messages.read_send_response, body) is reason


def test_8_2_a_request_may_say_nothing_but_must_not_say_nonsense():
    assert messages.read_get_request(b"{}") == messages.GetUAFRequest()
    assert reason_of(messages.read_get_request, b'{"op":"Sign"}') is Reason.BAD_ENVELOPE
