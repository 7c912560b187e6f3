import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.jose import base64url


@given(st.binary())
def test_what_is_encoded_decodes(data: bytes) -> None:
    assert base64url.encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.decode(base64url.encode(data)) == data


@given(st.binary(max_size=40))
def test_no_two_texts_decode_to_the_same_bytes(text: bytes) -> None:
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text


@pytest.mark.parametrize("text", [b"YQ==", b"YR", b"Y", b"Y+8", b"Y/8", b" YQ", b"YQ\n", b"Y\xc3"])
def test_rfc7515_2_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        base64url.decode(text)
