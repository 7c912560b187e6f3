"""HEAD changes nothing (RFC 9110 section 9.2.1): what looks ahead at a link takes no step of anybody's log-in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.installation import Whole
from support.provider import NURSE
from support.virtual_cards import Browser, with_cards

pytestmark = pytest.mark.anyio

STEPS = (
    "/sandbox/authorize",
    "/sandbox/connect/endSession",
    "/logout",
    "/login/x",
    "/login/x/ways",
    "/login/x/role",
    "/login/x/password",
    "/login/x/passkey",
    "/login/x/smartcard/done",
    "/login/x/smartcard/virtual",
    "/requests",
    "/requests/log-in",
    "/register/x",
    "/register/x/done",
)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Whole]:
    async with with_cards(tmp_path) as whole:
        yield whole


@pytest.mark.parametrize("path", STEPS)
async def test_rfc9110_9_2_1_no_step_is_taken_by_head(made: Whole, path: str) -> None:
    http = Browser(made).cookies
    assert (await http.get(path)).status_code != 405, "there is such a step"
    answer = await http.head(path)
    assert answer.status_code == 405
    assert "HEAD" not in answer.headers["allow"]


async def test_rfc9110_9_2_1_head_for_a_code_gives_none_in_a_session(made: Whole) -> None:
    browser = Browser(made)
    asked = {"scope": "openid", "acr_values": "AAL3_SMARTCARD"}
    assert (await browser.use_card(await browser.ask(**asked), NURSE)).arrived()["code"]
    address = f"/sandbox/authorize?{made.asks(**asked)}"
    answer = await browser.cookies.head(address)
    assert (answer.status_code, "location" in answer.headers) == (405, False)
    assert (await browser.open(address)).arrived()["code"], "whoever looks by GET gets one"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/help", "/sandbox/.well-known/openid-configuration"])
async def test_rfc9110_9_1_what_only_reads_answers_head(made: Whole, path: str) -> None:
    http = Browser(made).cookies
    assert (await http.head(path)).status_code == (await http.get(path)).status_code
