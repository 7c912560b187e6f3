"""An issuer keeps a profile that there is, or nothing starts."""

from typing import Any

import pytest

from carekey.app import provider, wiring
from carekey.app.settings import Settings, SettingsError, load


def found(profile: str) -> Settings:
    variables: dict[str, Any] = {
        "CAREKEY_ISSUERS__HEALTHCARE__URL": "https://care.example",
        "CAREKEY_ISSUERS__HEALTHCARE__PROFILE": profile,
    }
    return load(None, variables)


@pytest.mark.parametrize("profile", ["cis2", "oidc-basic", "fapi2", "fapi2-message-signing"])
def test_a_profile_that_there_is_reaches_the_issuer(profile: str) -> None:
    settings = found(profile)
    wiring.check_ways(settings)
    (issuer,) = provider.issuers_of(settings)
    assert issuer.profile == profile


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ("fapi1", "there are cis2, oidc-basic, fapi2, fapi2-message-signing"),
        ("fapi-ciba", "needs client-initiated backchannel authentication"),
    ],
)
def test_one_that_there_is_not_stops_the_start(profile: str, why: str) -> None:
    with pytest.raises(SettingsError, match=r"^issuers\.healthcare\.profile is ") as refused:
        wiring.check_ways(found(profile))
    assert why in str(refused.value)


@pytest.mark.parametrize(("value", "wanted"), [("off", False), ("required", True)])
def test_rfc9449_8_whether_proofs_need_a_nonce_is_the_issuers(value: str, wanted: bool) -> None:
    variables = {
        "CAREKEY_ISSUERS__HEALTHCARE__URL": "https://care.example",
        "CAREKEY_ISSUERS__HEALTHCARE__DPOP_NONCE": value,
    }
    (issuer,) = provider.issuers_of(load(None, variables))
    assert issuer.dpop_nonce is wanted
    with pytest.raises(SettingsError, match=r"issuers\.healthcare\.dpop_nonce is 'maybe'; there are off, required"):
        load(None, {**variables, "CAREKEY_ISSUERS__HEALTHCARE__DPOP_NONCE": "maybe"})
