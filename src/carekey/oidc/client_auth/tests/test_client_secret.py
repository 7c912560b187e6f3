import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.oidc.client_auth.client_secret import read_basic
from carekey.oidc.errors import InvalidClient
from carekey.oidc.tests.world import basic


def header(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("value", "id", "secret"),
    [
        (header("s6BhdRkqt3:7Fjfp0ZBr1KtDRbnfVdmIw"), "s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"),
        (header("a%3Ab:c%25d+e"), "a:b", "c%d e"),
        (header("a:b:c"), "a", "b:c"),
        (header(":"), "", ""),
        ("basic " + base64.b64encode(b"a:b").decode(), "a", "b"),
    ],
)
def test_rfc6749_2_3_1_basic(value: str, id: str, secret: str) -> None:
    found_id, found_secret = read_basic(value)
    assert (found_id, found_secret.reveal()) == (id, secret)


@given(st.text(), st.text())
def test_rfc6749_2_3_1_every_secret_survives(id: str, secret: str) -> None:
    try:
        value = basic(id, secret)["authorization"]
    except UnicodeEncodeError:
        return
    found_id, found_secret = read_basic(value)
    assert (found_id, found_secret.reveal()) == (id, secret)


@given(st.text())
def test_any_header_is_read_or_refused(text: str) -> None:
    for value in (text, f"Basic {text}"):
        with suppress(InvalidClient):
            assert read_basic(value)
