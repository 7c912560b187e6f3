"""A redirect address that no page could name in its content security policy is refused when it is registered, rather
than failing every log-in that uses it."""

import pytest

from carekey.oidc.clients.metadata import InvalidMetadata
from support.installation import Whole

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("field", ["redirect_uris", "post_logout_redirect_uris"])
@pytest.mark.parametrize(
    "address",
    [
        "https://ward.example;script-src/callback",
        "https://ward.example,b/callback",
        "https://ward'example/callback",
        "https://ward.example:/callback",
        "https://ward.example%3b/callback",
        "https://[v1.a]/callback",
        "https://*/callback",
        "https://(ward)/callback",
    ],
)
async def test_an_address_that_no_policy_can_name_is_not_registered(site: Whole, address: str, field: str) -> None:
    before = site.tables()
    addresses = {"redirect_uris": ["https://ward.example/"], field: [address]}
    with pytest.raises(InvalidMetadata) as refusal:
        await site.register("odd", token_endpoint_auth_method="none", **addresses)
    assert [problem.field for problem in refusal.value.problems] == [field]
    assert site.tables() == before
