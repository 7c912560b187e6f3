"""An issuer keeps a profile that there is, or nothing starts."""

from typing import Any

import pytest

from carekey.app import checks, provider
from carekey.app.settings import Settings, SettingsError, load
from carekey.oidc import profiles
from carekey.oidc.profiles import Feature


def found(profile: str) -> Settings:
    variables: dict[str, Any] = {
        "CAREKEY_ISSUERS__HEALTHCARE__URL": "https://care.example",
        "CAREKEY_ISSUERS__HEALTHCARE__PROFILE": profile,
    }
    return load(None, variables)


@pytest.mark.parametrize("profile", ["cis2", "oidc-basic", "fapi2", "fapi2-message-signing", "fapi-ciba"])
def test_a_profile_that_there_is_reaches_the_issuer(profile: str) -> None:
    settings = found(profile)
    checks.check(settings)
    (issuer,) = provider.issuers_of(settings)
    assert issuer.profile == profile


def test_one_that_there_is_not_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"^issuers\.healthcare\.profile is ") as refused:
        checks.check(found("fapi1"))
    assert "there are cis2, oidc-basic, fapi2, fapi2-message-signing, fapi-ciba" in str(refused.value)


def test_one_that_cannot_be_kept_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "OFFERED", frozenset({Feature.SENDER_CONSTRAINED_TOKENS}))
    with pytest.raises(SettingsError, match="needs client-initiated backchannel authentication"):
        checks.check(found("fapi-ciba"))


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
