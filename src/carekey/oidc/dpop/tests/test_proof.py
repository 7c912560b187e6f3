"""The example of RFC 9449, and that nothing which is sent as a proof is more than a refusal."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc.jws import JWSRegistry

from carekey.jose import base64url, thumbprint
from carekey.oidc.dpop import proof
from carekey.oidc.dpop.tests.proofs import key
from carekey.oidc.errors import InvalidDpopProof, UseDpopNonce
from carekey.oidc.tests.world import NOW

ADDRESS = "https://server.example.com/token"
EXAMPLE = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0"
    "IjoxNTYyMjYyNjE2fQ"
    ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
"""RFC 9449 figure 2; its key's thumbprint is in figure 10."""


def check(*values: str, **changes: Any) -> proof.Proof:
    usual: dict[str, Any] = {"method": "POST", "address": ADDRESS, "algs": {"ES256", "EdDSA", "RS256"}, "now": NOW}
    return proof.check(values, **{**usual, **changes})


def test_rfc9449_4_1_the_example_of_the_specification():
    good = check(EXAMPLE, now=datetime.fromtimestamp(1562262616, UTC))
    assert (good.jkt, good.alg) == ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "ES256")


def test_rfc7638_3_1_the_example_of_the_specification():
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjh"
        "Mstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
        "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint.of(thumbprint.required_members(jwk)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
REFUSALS = (InvalidDpopProof, UseDpopNonce)


@given(st.text())
@example("\ud800..")
@example("a" * 10_000)
def test_any_text_is_refused(text: str):
    with pytest.raises(REFUSALS):
        check(text)


def _written(header: Any, claims: Any, signature: bytes) -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64url.encode(part).decode() for part in parts)


@given(ANYTHING, ANYTHING, st.binary(max_size=80))
def test_any_json_is_refused(header: Any, claims: Any, signature: bytes):
    with pytest.raises(REFUSALS):
        check(_written(header, claims, signature))


def _members() -> st.SearchStrategy[dict[str, Any]]:
    good = key().as_dict(private=False)
    names = ("kty", "crv", "x", "y", "n", "e", "alg", "use", "key_ops", "kid", "d")
    values = ANYTHING | st.sampled_from(
        [*good.values(), "RSA", "OKP", "Ed25519", "X25519", "P-521", "secp256k1", "AQAB", "A" * 342]
    )
    return st.dictionaries(st.sampled_from(names), values).map(lambda changed: {**good, **changed})


@settings(max_examples=300)
@given(_members(), st.sampled_from(["ES256", "EdDSA", "RS256"]), st.binary(min_size=64, max_size=64))
def test_any_key_is_refused_without_its_signature(jwk: dict[str, Any], alg: str, signature: bytes):
    claims = {"jti": "1", "htm": "POST", "htu": ADDRESS, "iat": int(NOW.timestamp())}
    with pytest.raises(REFUSALS):
        check(_written({"typ": "dpop+jwt", "alg": alg, "jwk": jwk}, claims, signature))


@given(st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"]), ANYTHING))
def test_whatever_is_claimed_and_signed_it_is_no_fault(claims: dict[str, Any]):
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key().as_dict(private=False)}
    usual = {"jti": "1", "htm": "POST", "htu": ADDRESS, "iat": int(NOW.timestamp())}
    signing_input = ".".join(
        base64url.encode(json.dumps(part).encode()).decode() for part in (header, {**usual, **claims})
    )
    signature = JWSRegistry.algorithms["ES256"].sign(signing_input.encode(), key())
    text = f"{signing_input}.{base64url.encode(signature).decode()}"
    try:
        good = check(text, access_token="token", nonce=lambda nonce: nonce == "good")
    except REFUSALS:
        return
    assert good.jkt == key().thumbprint()


@given(st.text())
@example("https://[::1")
@example("https://a:99999/")
@example("https://a/%")
@example("https://a/../../b/.")
def test_any_address_has_a_normal_form_or_none(address: str):
    found = proof.normal(address)
    assert found is None or proof.normal(found) == found
