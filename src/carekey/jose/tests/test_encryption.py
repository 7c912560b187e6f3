import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey, RSAKey

from carekey.jose import base64url
from carekey.jose.encryption import ALGS, ECDH, ENCS, RSA, SIZE_LIMIT, Recipients, decrypt, encrypt, is_encrypted
from carekey.jose.jwt import Flaw, InvalidJwt

OUR_RSA = RSAKey.generate_key(2048)
OUR_EC = ECKey.generate_key("P-256")
KEYS = [("rsa", OUR_RSA), ("ec", OUR_EC)]
PUBLIC = {"keys": [{**key.as_dict(private=False), "use": "enc", "kid": kid} for kid, key in KEYS]}


def token(header: dict[str, Any], plain: bytes = b"a.b.c", key: Any = OUR_EC) -> str:
    registry = jwe.JWERegistry(algorithms=[*ALGS, *ENCS, "DEF"], strict_check_header=False)
    return jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A128GCM", **header}, plain, key, registry=registry)


WITH_RSA1_5 = base64url.encode(b'{"alg":"RSA1_5","enc":"A128GCM"}').decode() + ".QQ.QQ.QQ.QQ"


@pytest.mark.parametrize("enc", ENCS)
@pytest.mark.parametrize("alg", ALGS)
def test_rfc7516_what_is_encrypted_with_any_allowed_algorithm_opens(alg: str, enc: str) -> None:
    to = Recipients(PUBLIC).find(alg)
    assert to is not None
    sealed = encrypt("a.b.c", to, enc=enc)
    assert is_encrypted(sealed)
    assert decrypt(sealed, KEYS) == "a.b.c"


def test_rfc8037_an_x25519_key_is_encrypted_to() -> None:
    key = OKPKey.generate_key("X25519")
    to = Recipients({"keys": [key.as_dict(private=False)]}).find("ECDH-ES+A128KW")
    assert to is not None
    assert jwe.decrypt_compact(encrypt("x", to, enc="A128GCM"), key, algorithms=[*ECDH, *ENCS]).plaintext == b"x"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        (token({"zip": "DEF"}, b"0" * 100_000), Flaw.CRITICAL_HEADER),
        (WITH_RSA1_5, Flaw.ALG_NOT_ALLOWED),
        (token({"kid": "other"}), Flaw.UNKNOWN_KEY),
        (token({}, key=ECKey.generate_key("P-256")), Flaw.BAD_SIGNATURE),
        (token({}) + "AAAA", Flaw.BAD_SIGNATURE),
        (token({"alg": "RSA-OAEP"}, key=RSAKey.generate_key(2048)), Flaw.BAD_SIGNATURE),
        ("a" * (SIZE_LIMIT + 1), Flaw.TOO_LARGE),
        ("....", Flaw.MALFORMED),
        ("é....", Flaw.MALFORMED),
    ],
)
def test_rfc8725_what_does_not_open_is_refused(text: str, flaw: Flaw) -> None:
    with pytest.raises(InvalidJwt) as refused:
        decrypt(text, KEYS)
    assert refused.value.flaw is flaw


def test_signature_weak_and_odd_keys_are_not_encrypted_to() -> None:
    keys = [{**OUR_RSA.as_dict(private=False), "use": "sig"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, 7, {"kty": []}]
    assert len(Recipients({"keys": keys})) == 0
    assert len(Recipients({"keys": "none"})) == 0


def test_a_key_for_another_algorithm_is_passed_over() -> None:
    keys = {"keys": [{**OUR_RSA.as_dict(private=False), "use": "enc", "alg": "RSA-OAEP"}]}
    assert Recipients(keys).find(RSA[0]) is None
    assert Recipients(keys).find("RSA-OAEP") is not None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aé0.", max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=6), inner, max_size=3),
    max_leaves=8,
)
_headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from([*ALGS, "dir", "RSA1_5"]) | _json,
        "enc": st.sampled_from(ENCS) | _json,
        "kid": st.sampled_from(["rsa", "ec"]) | _json,
        "epk": st.just(OUR_EC.as_dict(private=False)) | _json,
        "apu": _json,
        "apv": _json,
        "cty": _json,
    },
)


@given(_headers, st.lists(st.binary(max_size=40), min_size=4, max_size=4))
def test_whatever_is_sent_is_opened_or_refused(header: dict[str, Any], parts: list[bytes]) -> None:
    text = b".".join(base64url.encode(part) for part in [json.dumps(header).encode(), *parts]).decode()
    with pytest.raises(InvalidJwt):
        decrypt(text, KEYS)
