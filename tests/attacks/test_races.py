"""Two at once: one wins, and the record says who."""

import asyncio
from urllib.parse import urljoin

import pytest
from requests_oauth2client import DPoPKey

from support.installation import CALLBACK, ORIGIN, PASSWORD, PERSON, Whole, answered
from support.person import Forms

pytestmark = pytest.mark.anyio

AT_ONCE = 8


async def test_rfc6749_4_1_2_of_many_who_bring_a_code_at_once_nobody_keeps_anything(site: Whole) -> None:
    code, last = await site.code(), site.last_event()
    async with site.browser() as browser:
        answers = await asyncio.gather(
            *(browser.post("/sandbox/access_token", data=site.token_request(code)) for _ in range(AT_ONCE))
        )
        bought = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
        assert len(bought) == 1
        assert {answer.json()["error"] for answer in answers if answer.status_code != 200} == {"invalid_grant"}
        userinfo = await browser.get("/sandbox/userinfo", headers={"authorization": f"Bearer {bought[0]}"})
        assert userinfo.status_code == 401
    tags = [event["tag"] for event in site.events(after=last)]
    assert tags.count("token:grant:issued") == 1
    assert tags.count("token:code:replayed") == AT_ONCE - 1


async def test_rfc7523_3_of_many_who_bring_an_assertion_at_once_one_is_the_client(site: Whole) -> None:
    asked = [site.token_request(await site.code()) for _ in range(AT_ONCE)]
    one = asked[0]["client_assertion"]
    last = site.last_event()
    async with site.browser() as browser:
        answers = await asyncio.gather(
            *(browser.post("/sandbox/access_token", data={**each, "client_assertion": one}) for each in asked)
        )
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * (AT_ONCE - 1)]
    refusals = [event for event in site.events(after=last) if event["refusal"]]
    assert [event["reason"] for event in refusals] == ["assertion_replayed"] * (AT_ONCE - 1)


async def test_rfc9449_11_1_of_many_who_bring_a_proof_at_once_one_gets_a_token(site: Whole) -> None:
    asked = [site.token_request(await site.code()) for _ in range(AT_ONCE)]
    key = DPoPKey.generate(iat_generator=lambda: int(site.clock.now().timestamp()))
    one, last = str(key.proof("POST", f"{ORIGIN}/sandbox/access_token")), site.last_event()
    async with site.browser(dpop=one) as browser:
        answers = await asyncio.gather(*(browser.post("/sandbox/access_token", data=each) for each in asked))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * (AT_ONCE - 1)]
    refusals = [event for event in site.events(after=last) if event["refusal"]]
    assert [event["reason"] for event in refusals] == ["dpop_replayed"] * (AT_ONCE - 1)


async def test_of_many_tabs_that_end_a_log_in_at_once_one_answers_the_application(site: Whole) -> None:
    last = site.last_event()
    async with site.browser() as browser:
        page = await browser.get(f"/sandbox/authorize?{site.asks(prompt='login')}", follow_redirects=True)
        form = next(form for form in Forms(page.text).forms if "password" in form.fields)
        address = urljoin(str(page.url), form.action)
        proven = await browser.post(address, data={**form.fields, "username": PERSON, "password": PASSWORD})
        answers = await asyncio.gather(*(browser.get(proven.headers["location"]) for _ in range(AT_ONCE)))
        sent = [answer.headers["location"] for answer in answers if answer.has_redirect_location]
        assert len(sent) == 1
        assert sent[0].startswith(CALLBACK)
        assert "code" in answered(sent[0])
        assert {answer.status_code for answer in answers if not answer.has_redirect_location} == {410}
    tags = [event["tag"] for event in site.events(after=last)]
    assert (tags.count("login:login:finished"), tags.count("session:session:started")) == (1, 1)


async def test_a_guess_at_a_password_is_counted_before_it_is_checked(site: Whole) -> None:
    """However many come at once, no more are checked than are allowed."""
    last = site.last_event()
    async with site.browser() as browser:
        page = await browser.get(f"/sandbox/authorize?{site.asks(prompt='login')}", follow_redirects=True)
        form = next(form for form in Forms(page.text).forms if "password" in form.fields)
        address = urljoin(str(page.url), form.action)
        guesses = [{**form.fields, "username": "555000000102", "password": f"guess-{each}"} for each in range(AT_ONCE)]
        answers = await asyncio.gather(*(browser.post(address, data=guess) for guess in guesses))
    assert sorted(answer.status_code for answer in answers) == [*[422] * 5, *[429] * (AT_ONCE - 5)]
    reasons = [event["reason"] for event in site.events(after=last) if event["refusal"]]
    assert sorted(reasons) == ["paused"] * (AT_ONCE - 5) + ["wrong"] * 5
