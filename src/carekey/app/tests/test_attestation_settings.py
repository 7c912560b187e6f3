"""Whose word is taken for the keys of clients."""

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from carekey.app import attestation, settings
from carekey.app.provider import issuers_of
from carekey.app.settings import SettingsError
from carekey.oidc.dpop.nonces import Nonces
from support.installation import SANDBOX, whole

KEY = ECKey.generate_key("P-256", {"kid": "attester-1"})


def variables(file: Path) -> dict[str, str]:
    return {
        "ISSUERS__SANDBOX__URL": SANDBOX,
        "ISSUERS__SANDBOX__SANDBOX": "true",
        "ISSUERS__SANDBOX__WAYS": '["password"]',
        "ISSUERS__SANDBOX__CLIENT_ATTESTERS": str(file),
    }


async def test_whose_word_is_taken_is_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "attesters.json"
    file.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    async with whole(tmp_path, **variables(file)) as site, site.browser() as browser:
        told = (await browser.get("/sandbox/.well-known/openid-configuration")).json()
        assert "attest_jwt_client_auth" in told["token_endpoint_auth_methods_supported"]
        answer = await browser.post("/sandbox/attestation_challenge")
        assert answer.json()["attestation_challenge"]
        # Whoever sends a proof learns the next challenge, at every endpoint that asks who a client is.
        for path in ("access_token", "par", "introspect", "token/revoke"):
            refused = await browser.post(
                f"/sandbox/{path}", data={"client_id": "x"}, headers={"oauth-client-attestation-pop": "x"}
            )
            assert refused.headers["oauth-client-attestation-challenge"] == answer.json()["attestation_challenge"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("none", "no JWK Set"),
        ("[]", "no JWK Set"),
        ('{"keys": 7}', "no JWK Set"),
        ('{"keys": []}', "no public key"),
        ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "no public key"),
    ],
)
def test_attesters_that_are_none_are_named(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "attesters.json"
    if content is not None:
        file.write_text(content)
    found = settings.load(None, {f"CAREKEY_{name}": value for name, value in variables(file).items()})
    with pytest.raises(SettingsError, match=rf"issuers\.sandbox\.client_attesters: .*{said}"):
        attestation.attesters(found, issuers_of(found)[0], Nonces(b"m" * 32))
