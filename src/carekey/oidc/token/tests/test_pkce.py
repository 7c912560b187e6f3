import pytest

from carekey.oidc.errors import InvalidGrant, Reason
from carekey.oidc.token import pkce

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_rfc7636_appendix_b() -> None:
    assert pkce.challenge_of(VERIFIER) == CHALLENGE
    pkce.check(VERIFIER, CHALLENGE)


def test_without_a_challenge_there_is_nothing_to_verify() -> None:
    pkce.check(None, None)


@pytest.mark.parametrize(
    ("verifier", "challenge", "reason"),
    [
        (None, CHALLENGE, Reason.PKCE_MISSING),
        (VERIFIER, None, Reason.PKCE_UNEXPECTED),
        (VERIFIER + "k", CHALLENGE, Reason.PKCE_MISMATCH),
        (CHALLENGE, CHALLENGE, Reason.PKCE_MISMATCH),
        ("short", CHALLENGE, Reason.PKCE_MISMATCH),
        ("v" * 129, CHALLENGE, Reason.PKCE_MISMATCH),
        ("ü" * 43, CHALLENGE, Reason.PKCE_MISMATCH),
        (VERIFIER + "\n", CHALLENGE, Reason.PKCE_MISMATCH),
        (VERIFIER, VERIFIER, Reason.PKCE_MISMATCH),
        (VERIFIER, "ünknown", Reason.PKCE_MISMATCH),
    ],
)
def test_rfc7636_4_6_refusals(verifier: str | None, challenge: str | None, reason: Reason) -> None:
    with pytest.raises(InvalidGrant) as refused:
        pkce.check(verifier, challenge)
    assert refused.value.reason is reason
