"""CareKey Phone is told that something waits, in real Chromium.

No push service of a browser maker is asked: the page's subscription is to one on loopback, which reads what CareKey
sends it as a browser would, and the browser's own service worker gets what it says by the DevTools protocol.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from carekey.authenticators.phone.push.tests.push_service import Browser as Reader
from journeys.test_phone import PHONE_WIDTH, add
from support import provider as carekey
from support.browser import axe, shoot
from support.provider import GP, Provider

pytestmark = pytest.mark.browser

SUBSCRIBES = """(given) => {
  let kept = null;
  PushManager.prototype.subscribe = async (how) => {
    if (!how.userVisibleOnly || !how.applicationServerKey) throw new TypeError("no key");
    kept = { toJSON: () => ({ ...given, expirationTime: null }), unsubscribe: async () => { kept = null; } };
    return kept;
  };
  PushManager.prototype.getSubscription = async () => kept;
}"""


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    contact = {"UAF__PUSH_CONTACT": "mailto:desk@id.example"}
    with carekey.carekey(tmp_path_factory.mktemp("push"), **contact) as running:
        yield running


@contextmanager
def push_service() -> Iterator[tuple[str, "Queue[bytes]"]]:
    """Its endpoint, and what it is sent."""
    taken: Queue[bytes] = Queue()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(201)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/p/1", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def phone_of(browser: Browser, script: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE_WIDTH, has_touch=True, permissions=["notifications"])
    context.set_default_timeout(10_000)
    context.add_init_script(script)
    yield context
    context.close()


def shown_by_the_worker(page: Page, provider: Provider, text: str) -> list[dict[str, str]]:
    """The notifications after this text came for the service worker."""
    devtools = page.context.new_cdp_session(page)
    found: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(one["registrationId"] for one in told["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    page.wait_for_timeout(200)
    message = {"origin": provider.issuer, "registrationId": found[0], "data": text}
    devtools.send("ServiceWorker.deliverPushMessage", message)
    shown: list[dict[str, str]] = page.evaluate(
        """async () => {
          const worker = await navigator.serviceWorker.ready;
          for (let tries = 0; tries < 50; tries += 1) {
            const shown = await worker.getNotifications();
            if (shown.length > 0) return shown.map(({ title, body, tag }) => ({ title, body, tag }));
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          return [];
        }"""
    )
    return shown


def test_a_phone_is_told_that_something_waits(tab: Page, browser: Browser, telling: Provider) -> None:
    reader = Reader()
    with push_service() as (endpoint, taken):
        given = json.dumps({"endpoint": endpoint, "keys": reader.keys()})
        with phone_of(browser, f"({SUBSCRIBES})({given})") as phone:
            page = add(tab, phone, telling.enrol_link(GP))
            page.get_by_role("link", name="Accounts on this device").click()
            button = page.locator("[data-tell] button")
            expect(button).to_have_text("Tell me when something waits")
            assert axe(page) == []
            shoot(page, "phone-tell-me", widths=(320, 768, 1280))
            button.click()
            expect(page.get_by_text("This device will tell you when something waits.")).to_be_visible()
            expect(button).to_have_text("Stop telling me")
            telling.json("confirmation", "ask", GP, "Discharge bed 4", "--application", "Ward 7")
            text = reader.read(taken.get(timeout=10)).decode()
            assert text == "Something waits for you"
            [shown] = shown_by_the_worker(page, telling, text)
            assert shown["body"] == text
            assert shown["title"].endswith("Phone")
            button.click()
            expect(page.get_by_text("This device will not tell you any more.")).to_be_visible()
            expect(button).to_have_text("Tell me when something waits")
            assert axe(page) == []
            shoot(page, "phone-told-no-more", widths=(320, 768, 1280))
            telling.json("confirmation", "ask", GP, "Discharge bed 5", "--application", "Ward 7")
            page.wait_for_timeout(2500)
            assert taken.empty()


def test_it_is_not_offered_where_the_browser_cannot(tab: Page, browser: Browser, telling: Provider) -> None:
    with phone_of(browser, "delete window.PushManager") as phone:
        page = add(tab, phone, telling.enrol_link(GP))
        page.get_by_role("link", name="Accounts on this device").click()
        expect(page.get_by_role("button", name="Check again")).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        expect(page.locator("[data-tell]")).to_be_hidden()


def test_a_browser_that_refuses_says_what_to_do(tab: Page, browser: Browser, telling: Provider) -> None:
    refuses = """PushManager.prototype.subscribe = async () => {
      throw new DOMException("denied", "NotAllowedError");
    };"""
    with phone_of(browser, refuses) as phone:
        page = add(tab, phone, telling.enrol_link(GP))
        page.get_by_role("link", name="Accounts on this device").click()
        page.get_by_role("button", name="Tell me when something waits").click()
        expect(page.get_by_text("Notifications are turned off for this page.")).to_be_visible()
        expect(page.get_by_role("button", name="Tell me when something waits")).to_be_enabled()


def test_it_is_not_offered_unless_the_operator_wants_it(tab: Page, browser: Browser, provider: Provider) -> None:
    with phone_of(browser, f"({SUBSCRIBES})({{}})") as phone:
        page = add(tab, phone, provider.enrol_link(GP))
        page.get_by_role("link", name="Accounts on this device").click()
        expect(page.get_by_role("button", name="Check again")).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        expect(page.locator("[data-tell]")).to_be_hidden()
    for way in provider.json("person", "show", GP)["ways_to_log_in"]:
        if way["kind"] == "uaf":
            assert provider.run("person", "remove-way", "--", GP, way["id"]).returncode == 0
