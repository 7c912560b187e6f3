"""An application that asked for encrypted answers is never sent a code that whoever reads addresses can read
(JARM section 2.2), by the whole installation as it is wired."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey
from jwskate import JweCompact, Jwk, SignedJwt

from support.installation import CALLBACK, ORIGIN, Whole

pytestmark = pytest.mark.anyio

KEY = ECKey.generate_key("P-256", {"use": "enc", "kid": "sealed-1"})
SEALED = {"authorization_encrypted_response_alg": "ECDH-ES", "authorization_encrypted_response_enc": "A256GCM"}


async def test_jarm_2_2_a_code_comes_encrypted(site: Whole) -> None:
    await site.register("sealed", jwks={"keys": [KEY.as_dict(private=False)]}, **SEALED)
    async with site.browser() as browser:
        end = await site.log_in(browser, site.asks(client_id="sealed", response_mode="jwt"))
    ((name, token),) = parse_qsl(urlsplit(end).query)
    assert end.startswith(CALLBACK)
    assert name == "response"
    claims = SignedJwt(JweCompact(token).decrypt(Jwk(KEY.as_dict(private=True)), alg="ECDH-ES")).claims
    assert claims["aud"] == "sealed"
    assert claims["code"]


async def test_jarm_2_2_without_a_key_no_code_leaves(site: Whole) -> None:
    # A port of loopback that nobody listens at.
    await site.register("keyless", jwks_uri="http://127.0.0.1:18499/jwks", **SEALED)
    async with site.browser() as browser:
        query = site.asks(client_id="keyless", response_mode="jwt", prompt="none")
        answer = await browser.get(f"{ORIGIN}/sandbox/authorize?{query}")
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "There is a problem with the application that sent you here" in answer.text
    (event,) = [event for event in site.events() if event.get("client") == "keyless" and event["refusal"]][-1:]
    assert event["reason"] == "keys_unavailable"
