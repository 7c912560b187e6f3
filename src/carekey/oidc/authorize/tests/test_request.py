"""Properties of reading a request: whatever comes, the answer is one of the three that there are."""

import json
from urllib.parse import parse_qsl, urlencode, urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from carekey.login import acr
from carekey.oidc.authorize.errors import Unreturnable
from carekey.oidc.authorize.modes.query import location
from carekey.oidc.authorize.parameters import LIMITS, Arrival
from carekey.oidc.authorize.request import origin, read, sender
from carekey.oidc.authorize.response import Answer
from carekey.oidc.authorize.tests.world import CALLBACK, ISSUER, SCOPES, WARD, wanted
from carekey.oidc.errors import OAuthError
from carekey.oidc.model import ResponseMode
from carekey.web.fields import Fields, MalformedFields

NAMES = st.sampled_from(sorted(LIMITS)) | st.text(max_size=8)
VALUES = (
    st.text(max_size=40)
    | st.sampled_from(["code", "query", "openid", "none", "login", "S256", "0", CALLBACK, WARD.id, "AAL3_ANY", "{}"])
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id_token", "userinfo", "acr", "sub", "value", "values"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    ).map(json.dumps)
)


def outcome(query: str):
    try:
        fields = Fields.parse(query.encode())
    except MalformedFields:
        return "page"
    try:
        to = sender(fields, ISSUER, lambda _, client: WARD if client == WARD.id else None)
    except Unreturnable:
        return "page"
    assert to.redirect_uri == CALLBACK
    try:
        return read(Arrival(fields=fields), to, ISSUER, supported=SCOPES, details={}, hinted=lambda hint: None)
    except OAuthError:
        return "error"


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
@example([("client_id", "\x00")])
@example([("claims", '{"id_token":{"acr":{"values":null}}}')])
@example([("claims", '{"id_token":{"acr":{"essential":true,"value":"AAL3_ANY"}}}')])
def test_any_parameters_at_all(changes):
    found = outcome(urlencode([*wanted().items(), *changes]))
    if isinstance(found, str):
        return
    request, asked = found
    assert (request.client, request.redirect_uri) == (WARD.id, CALLBACK)
    assert "openid" in request.scopes
    assert set(request.scopes) <= set(SCOPES)
    assert asked.acr
    assert set(asked.acr) <= set(acr.CLASSES)
    assert asked.max_age is None or asked.max_age >= 0
    assert not (asked.silent and (asked.fresh or asked.choose_account))


@given(st.binary(max_size=300))
def test_any_bytes_at_all(query):
    try:
        fields = Fields.parse(query)
    except MalformedFields:
        return
    try:
        sender(fields, ISSUER, lambda *_: None)
    except Unreturnable:
        return
    raise AssertionError("nobody is registered")


@given(st.text() | st.text().map(lambda text: CALLBACK + text) | st.text().map(lambda text: text + CALLBACK))
def test_rfc9700_2_1_only_the_registered_address_is_answered(uri):
    found = outcome(urlencode(wanted(redirect_uri=uri)))
    assert found == "page" or uri == CALLBACK


@given(
    st.sampled_from([CALLBACK, CALLBACK + "?a=1", CALLBACK + "?", "com.example.ward:/x", "https://h/?a=b&"]),
    st.dictionaries(
        st.sampled_from(["code", "state", "iss"]), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    ),
)
def test_what_goes_into_the_query_comes_out_of_it(uri, parameters):
    address = location(Answer(mode=ResponseMode.QUERY, redirect_uri=uri, parameters=tuple(parameters.items())))
    assert address.startswith(uri)
    assert address.isascii()
    came = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
    assert {name: came[name] for name in parameters} == parameters


def test_the_origin_is_what_a_policy_can_name():
    assert origin("https://ward.example.test:8443/a?b") == "https://ward.example.test:8443"
    assert origin("http://[::1]:9000/cb") == "http://[::1]:9000"
    assert origin("com.example.ward:/cb") == "com.example.ward:"
