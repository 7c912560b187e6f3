"""A database that is down is a clear message, never a stack trace and never an open door (architecture.md section 6)."""

from pathlib import Path

import pytest

from support.installation import Whole, whole

pytestmark = pytest.mark.anyio


async def _all_answers(site: Whole) -> None:
    async with site.browser() as browser:
        page = await browser.get(f"/sandbox/authorize?{site.asks()}")
        assert (page.status_code, "the service is unavailable" in page.text) == (503, True)
        token = await browser.post("/sandbox/access_token", data=site.token_request("code"))
        assert (token.status_code, token.json()["error"]) == (503, "temporarily_unavailable")
        userinfo = await browser.get("/sandbox/userinfo", headers={"authorization": "Bearer x"})
        assert (userinfo.status_code, userinfo.json()["error"]) == (503, "temporarily_unavailable")
        ready = await browser.get("/readyz")
        assert ready.status_code == 503
        assert all("Traceback" not in answer.text for answer in (page, token, userinfo, ready))


async def test_every_endpoint_says_that_the_service_is_unavailable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with whole(tmp_path) as site:
        site.installation.store.close()
        await _all_answers(site)
    said = capsys.readouterr()
    assert "store:unavailable" in said.out + said.err
    assert "Traceback" not in said.out + said.err
