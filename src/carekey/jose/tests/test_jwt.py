import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwk, jws

from carekey.jose.algorithms import ASYMMETRIC, SYMMETRIC
from carekey.jose.jwt import SIZE_LIMIT, Flaw, InvalidJwt, InvalidKeySet, KeySet, parse, verify

ALL = ASYMMETRIC | SYMMETRIC


def rsa_key() -> jwk.RSAKey:
    return rsa_key_named("one")


@cache
def rsa_key_named(kid: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def public(*keys: Any) -> KeySet:
    return KeySet.of_jwks({"keys": [key.as_dict(private=False) for key in keys]})


def signed(claims: Mapping[str, Any], key: Any = None, **header: Any) -> str:
    header = {"alg": "RS256", **header}
    return jws.serialize_compact(
        header,
        json.dumps(claims),
        key or rsa_key(),
        registry=jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False),
    )


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def flaw_of(token: str, keys: KeySet, allowed: frozenset[str] = ASYMMETRIC) -> Flaw | None:
    try:
        verify(parse(token), keys, allowed=allowed)
    except InvalidJwt as error:
        return error.flaw
    return None


def test_rfc7515_a_2_the_rs256_example_verifies() -> None:
    key = {
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
        "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
        "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethF"
        "kMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    }
    token = (
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cn"
        "VlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
        "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi1"
        "2jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUP"
        "QGe77Rw"
    )
    assert verify(parse(token), KeySet.of_jwks({"keys": [key]}), allowed=ASYMMETRIC)["iss"] == "joe"


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_each_rsa_algorithm_of_an_independent_signer_verifies(alg: str) -> None:
    assert flaw_of(signed({"n": 1}, alg=alg), public(rsa_key())) is None


@pytest.mark.parametrize(("alg", "curve"), [("ES256", "P-256"), ("ES384", "P-384"), ("ES512", "P-521")])
def test_each_curve_goes_with_its_own_algorithm_alone(alg: str, curve: str) -> None:
    key = jwk.ECKey.generate_key(curve)
    assert flaw_of(signed({"n": 1}, key, alg=alg), public(key)) is None
    others = [jwk.ECKey.generate_key(other) for other in ("P-256", "P-384", "P-521") if other != curve]
    assert flaw_of(signed({"n": 1}, key, alg=alg), public(*others)) is Flaw.UNKNOWN_KEY


def test_ed25519_verifies_under_both_of_its_names() -> None:
    key = jwk.OKPKey.generate_key("Ed25519")
    assert flaw_of(signed({"n": 1}, key, alg="Ed25519"), public(key)) is None
    with pytest.warns():
        token = signed({"n": 1}, key, alg="EdDSA")
    assert flaw_of(token, public(key)) is None


def test_a_token_without_kid_is_tried_with_every_key() -> None:
    keys = public(rsa_key_named("two"), rsa_key())
    assert flaw_of(signed({"n": 1}), keys) is None
    assert flaw_of(signed({"n": 1}, kid="one"), keys) is None
    assert flaw_of(signed({"n": 1}, kid="two"), keys) is Flaw.BAD_SIGNATURE
    assert flaw_of(signed({"n": 1}, kid="three"), keys) is Flaw.UNKNOWN_KEY


def attacks() -> Mapping[str, tuple[str, Flaw]]:
    """The well-known ways to make a verifier believe a forged token (RFC 8725 section 2)."""
    good = signed({"sub": "555012345678"}, kid="one")
    header, payload, signature = good.split(".")
    pem = rsa_key().as_pem(private=False)
    as_secret = jwk.OctKey.import_key(base64.urlsafe_b64encode(pem).decode())
    own = jwk.RSAKey.generate_key(2048, {"kid": "own"})
    own_jwk = own.as_dict(private=False)

    def with_header(text: str, payload: str = payload, signature: str = signature) -> str:
        return f"{b64(text)}.{payload}.{signature}"

    def with_claims(text: bytes | str) -> str:
        return f"{header}.{b64(text)}.{signature}"

    return {
        "alg none": (with_header('{"alg":"none"}', signature=""), Flaw.ALG_NOT_ALLOWED),
        "alg None": (with_header('{"alg":"None"}', signature=""), Flaw.ALG_NOT_ALLOWED),
        "alg empty": (with_header('{"alg":""}'), Flaw.ALG_NOT_ALLOWED),
        "alg none with the signature kept": (
            with_header('{"alg":"none","kid":"one"}'),
            Flaw.ALG_NOT_ALLOWED,
        ),
        "HS256 with the public key": (signed({}, as_secret, alg="HS256", kid="one"), Flaw.ALG_NOT_ALLOWED),
        "a foreign kid": (signed({}, own, kid="own"), Flaw.UNKNOWN_KEY),
        "a foreign key under our kid": (signed({}, own, kid="one"), Flaw.BAD_SIGNATURE),
        "an embedded jwk": (signed({}, own, kid="one", jwk=own_jwk), Flaw.BAD_SIGNATURE),
        "an embedded jwk without kid": (signed({}, own, jwk=own_jwk), Flaw.BAD_SIGNATURE),
        "a jku": (signed({}, own, kid="one", jku="https://evil.example/jwks"), Flaw.BAD_SIGNATURE),
        "an x5u": (signed({}, own, kid="one", x5u="https://evil.example/x5u"), Flaw.BAD_SIGNATURE),
        "a critical header": (
            with_header('{"alg":"RS256","crit":["exp"],"exp":1}'),
            Flaw.CRITICAL_HEADER,
        ),
        "an empty critical header": (with_header('{"alg":"RS256","crit":[]}'), Flaw.CRITICAL_HEADER),
        "unencoded payload": (with_header('{"alg":"RS256","b64":false,"crit":["b64"]}', payload="{}"), Flaw.MALFORMED),
        "another algorithm's name": (with_header('{"alg":"PS256","kid":"one"}'), Flaw.BAD_SIGNATURE),
        "another payload": (with_claims('{"sub":"555000000000"}'), Flaw.BAD_SIGNATURE),
        "no signature": (f"{header}.{payload}.", Flaw.BAD_SIGNATURE),
        "no last part": (f"{header}.{payload}", Flaw.MALFORMED),
        "four parts": (f"{good}.{signature}", Flaw.MALFORMED),
        "a JWE": ("a.b.c.d.e", Flaw.MALFORMED),
        "padding": (f"{header}.{payload}.{signature}==", Flaw.MALFORMED),
        "a line end": (f"{good}\n", Flaw.MALFORMED),
        "standard base64": (f"{header}.{payload}.{signature[:-4]}+/+/", Flaw.MALFORMED),
        "no header": (f".{payload}.{signature}", Flaw.MALFORMED),
        "a header that is a list": (with_header("[]"), Flaw.MALFORMED),
        "no alg": (with_header("{}"), Flaw.MALFORMED),
        "alg is a list": (with_header('{"alg":["RS256"]}'), Flaw.MALFORMED),
        "kid is a number": (with_header('{"alg":"RS256","kid":1}'), Flaw.MALFORMED),
        "claims that are a list": (with_claims("[1]"), Flaw.MALFORMED),
        "claims that are not JSON": (with_claims("{"), Flaw.MALFORMED),
        "claims that are not UTF-8": (with_claims(bytes([0x7B, 0xFF])), Flaw.MALFORMED),
        "deep nesting": (with_claims('{"a":' + "[" * 5000 + "]" * 5000 + "}"), Flaw.MALFORMED),
        "not ASCII": (f"{good}é", Flaw.MALFORMED),
        "nothing": ("", Flaw.MALFORMED),
        "too much": ("a" * (SIZE_LIMIT + 1), Flaw.TOO_LARGE),
    }


@pytest.mark.parametrize("name", list(attacks()))
def test_rfc8725_forged_and_broken_tokens_are_refused(name: str) -> None:
    token, flaw = attacks()[name]
    assert flaw_of(token, public(rsa_key())) is flaw


def test_the_public_key_is_no_secret_even_where_both_kinds_are_allowed() -> None:
    token, _ = attacks()["HS256 with the public key"]
    assert flaw_of(token, public(rsa_key()), ALL) is Flaw.UNKNOWN_KEY


def test_a_token_is_refused_at_whatever_character_it_is_cut() -> None:
    token = signed({"sub": "1"}, kid="one")
    keys = public(rsa_key())
    assert all(flaw_of(token[:length], keys) is not None for length in range(len(token)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    token = signed({"sub": "1"}, kid="one")
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFghijkl0189-_.=+/ "))
    if token[position] != other:
        assert flaw_of(token[:position] + other + token[position + 1 :], public(rsa_key())) is not None


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_reading_anything_ends_in_a_token_or_a_refusal(text: str) -> None:
    assert flaw_of(text, public(rsa_key())) in set(Flaw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "key_ops"]), JSON)
    | st.fixed_dictionaries(
        {"kty": st.sampled_from(["RSA", "EC", "OKP", "oct"]), "n": JSON, "e": JSON, "crv": JSON, "x": JSON, "y": JSON}
    )
)
def test_rfc7517_5_odd_keys_are_passed_over(entry: dict[str, Any]) -> None:
    keys = KeySet.of_jwks({"keys": [entry, "not a key", rsa_key().as_dict(private=False)]})
    assert len(keys) >= 1


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": {}}, {"keys": "RSA"}])
def test_rfc7517_5_a_set_has_a_list_of_keys(jwks: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeySet):
        KeySet.of_jwks(jwks)


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "RSA-OAEP"},
        {"alg": 7},
        {"n": "AQAB"},
        {"e": "AQ"},
        {"kty": "oct"},
    ],
    ids=str,
)
def test_keys_for_something_else_and_weak_keys_are_passed_over(change: dict[str, Any]) -> None:
    entry = {**rsa_key().as_dict(private=False), **change}
    assert len(KeySet.of_jwks({"keys": [entry]})) == 0


def test_rfc7517_4_4_a_key_is_used_with_its_own_algorithm_alone() -> None:
    keys = KeySet.of_jwks({"keys": [{**rsa_key().as_dict(private=False), "alg": "RS512"}]})
    assert flaw_of(signed({}, alg="RS512"), keys) is None
    assert flaw_of(signed({}, alg="RS256"), keys) is Flaw.UNKNOWN_KEY


def test_of_a_private_key_published_by_mistake_the_public_half_is_used() -> None:
    keys = KeySet.of_jwks({"keys": [rsa_key().as_dict(private=True)]})
    assert flaw_of(signed({"n": 1}), keys) is None


def test_a_shared_secret_verifies_macs_alone() -> None:
    keys = KeySet.of_secret("s" * 64)
    secret = jwk.OctKey.import_key("s" * 64)
    assert flaw_of(signed({}, secret, alg="HS256"), keys, SYMMETRIC) is None
    assert flaw_of(signed({}, secret, alg="HS256"), keys, ASYMMETRIC) is Flaw.ALG_NOT_ALLOWED
    assert flaw_of(signed({}, jwk.OctKey.import_key("t" * 64), alg="HS256"), keys, SYMMETRIC) is Flaw.BAD_SIGNATURE
