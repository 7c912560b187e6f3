import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from carekey.kernel.ids import IssuerName, LoginId
from carekey.public.http import TEMPLATES, Public
from carekey.public.ports import PublishedIssuer
from carekey.public.tests.page_states import ISSUERS, WAYS
from carekey.web.tests.site import NOW, Browser, site

pytestmark = pytest.mark.anyio


@dataclass
class Client:
    issuer: str
    name: str
    client_uri: str | None = None
    listed: bool = True
    disabled_at: datetime | None = None


@dataclass
class Clients:
    """The store of a test: it holds clients and nothing else."""

    rows: list[Client]

    @property
    def clients(self) -> "Clients":
        return self

    def list(self) -> list[Client]:
        return self.rows

    async def read(self, work: Callable[["Clients"], Any]) -> Any:
        return work(self)

    write = read


def public(*clients: Client, ready: bool = True, **more: Any) -> Browser:
    async def is_ready() -> bool:
        return ready

    slice = Public(Clients(list(clients)), version="1.2.3", issuers=ISSUERS, ways=WAYS, ready=is_ready, **more)
    return Browser.of(*slice.routes(), at=site({"public": TEMPLATES}))


@pytest.mark.parametrize("path", ["/", "/applications", "/releases", "/help", "/accessibility", "/privacy"])
async def test_each_page_is_there_with_one_heading_that_begins_its_title(path):
    answer = await public().get(path)
    assert answer.status == 200
    (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text)
    assert f"<title>{heading} – CareKey</title>" in answer.text


async def test_the_first_page_gives_every_discovery_address():
    text = (await public().get("/")).text
    assert "https://id.example/.well-known/openid-configuration" in text
    assert "https://id.example/sandbox/.well-known/openid-configuration" in text
    assert "Try the demo" not in text
    assert 'href="/demo"' in (await public(demo="/demo").get("/")).text


@pytest.mark.parametrize(
    ("url", "discovery"),
    [
        ("https://id.example", "https://id.example/.well-known/openid-configuration"),
        ("https://id.example/", "https://id.example/.well-known/openid-configuration"),
        ("https://id.example:443/a/b", "https://id.example:443/a/b/.well-known/openid-configuration"),
    ],
)
def test_openid_discovery_4_the_address_is_made_of_the_issuer_as_it_is_written(url, discovery):
    assert PublishedIssuer(name="x", url=url).discovery == discovery


async def test_only_applications_that_agreed_are_listed():
    browser = public(
        Client("healthcare", "Ward", "https://ward.example/"),
        Client("healthcare", "Silent", listed=False),
        Client("healthcare", "Gone", disabled_at=NOW),
        Client("elsewhere", "Foreign"),
        Client("sandbox", "<b>Trial</b>", "javascript:alert(1)"),
    )
    text = (await browser.get("/applications")).text
    assert '<a href="https://ward.example/" rel="noreferrer">Ward</a>' in text
    assert "&lt;b&gt;Trial&lt;/b&gt;" in text
    for absent in ("Silent", "Gone", "Foreign", "javascript:", "<b>"):
        assert absent not in text


async def test_every_cookie_that_we_set_is_in_the_privacy_notice_and_no_other():
    cookies = site().cookies
    always = {
        cookies.session(IssuerName("healthcare")),
        cookies.session(IssuerName("sandbox")),
        cookies.login(LoginId("")) + "…",
        cookies.logged_out(),
        cookies.device(),
        cookies.turn(),
    }
    assert _cookies_of((await public().get("/privacy")).text) == {*always, cookies.last_way()}
    assert _cookies_of((await public(remembers_way=False).get("/privacy")).text) == always
    shown = _cookies_of((await public(remembers_way=False, demo="/demo").get("/privacy")).text)
    assert shown == {*always, cookies.named("demo")}


def _cookies_of(text: str) -> set[str]:
    return set(re.findall(r"__Host-[\w-]+…?", text))


async def test_the_releases_are_those_of_the_changelog():
    text = (await public().get("/releases")).text
    assert "This is CareKey version 1.2.3." in text
    assert "Added" in text


async def test_rfc9116_2_5_weaknesses_can_be_reported():
    answer = await public(security_contact="mailto:security@id.example").get("/.well-known/security.txt")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.text.splitlines()[:2] == ["Contact: mailto:security@id.example", "Expires: 2027-08-28T09:30:00Z"]
    assert (await public().get("/.well-known/security.txt")).status == 404


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_a_load_balancer_learns_whether_to_send_requests(ready, status):
    browser = public(ready=ready)
    assert (await browser.get("/readyz")).status == status
    alive = await browser.get("/healthz")
    assert (alive.status, alive.header("cache-control")) == (200, "no-store")


async def test_robots_stay_out_of_log_ins():
    assert "Disallow: /login/" in (await public().get("/robots.txt")).text


async def test_the_icon_is_ours():
    answer = await public().get("/favicon.ico")
    assert (answer.status, answer.header("content-type")) == (200, "image/svg+xml")
