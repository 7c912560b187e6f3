"""CareKey Phone is told that something waits, in real Chromium.

No push service of a browser maker is asked: the page's subscription is to one on loopback, which reads what CareKey
sends it as a browser would, and the browser's own service worker gets what it says by the DevTools protocol.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Worker, expect

from carekey.authenticators.phone.push.tests.push_service import Browser as Reader
from journeys.test_phone import PHONE_WIDTH, add
from support import provider as carekey
from support.browser import axe, shoot
from support.provider import GP, LOCUM, NURSE, Provider

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


def worker_of(page: Page) -> Worker:
    """The service worker of CareKey Phone, which is ready."""
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    (worker,) = page.context.service_workers
    return worker


SHOWING = """() => {
  const show = registration.showNotification.bind(registration);
  self.showing = new Promise((resolve, reject) => {
    registration.showNotification = (...what) => show(...what).then(resolve, reject);
  });
}"""
SHOWN = """async () => {
  await self.showing;
  return (await registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }));
}"""


def shown_by_the_worker(page: Page, worker: Worker, provider: Provider, text: str) -> list[dict[str, str]]:
    """The notifications after this text came for the service worker.

    They are asked for when it has shown its own and not before: Chromium forgets a notification if somebody asks for the
    list of all between its being noted and its being displayed."""
    worker.evaluate(SHOWING)
    devtools = page.context.new_cdp_session(page)
    found: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(one["registrationId"] for one in told["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    deadline = time.monotonic() + 20
    while not found:
        assert time.monotonic() < deadline, "no registration"
        page.wait_for_timeout(20)
    message = {"origin": provider.issuer, "registrationId": found[0], "data": text}
    devtools.send("ServiceWorker.deliverPushMessage", message)
    shown: list[dict[str, str]] = worker.evaluate(SHOWN)
    return shown


# Events that a script makes cannot be waited for, nor open or focus a page: a browser lets only the person's own do that.
DISPATCH = """async (of) => {
  const event = await of();
  const waited = [];
  event.waitUntil = (work) => waited.push(work.then(() => "done", ({ name }) => name));
  dispatchEvent(event);
  return Promise.all(waited);
}"""
OPENS = """() => {
  WindowClient.prototype.focus = async function () { self.brought = `to the front: ${this.url}`; };
  clients.openWindow = async (address) => { self.brought = `opened: ${address}`; };
}"""
CLICKED = f"""() => ({DISPATCH})(async () => {{
  const [notification] = await registration.getNotifications();
  return new NotificationEvent("notificationclick", {{ notification }});
}})"""
RENEWED = f"""(given) => ({DISPATCH})(async () => {{
  const subscription = given && {{ toJSON: () => given }};
  registration.pushManager.subscribe = async (how) => {{
    if (!how.userVisibleOnly || !how.applicationServerKey) throw new TypeError("no key");
    return {{ toJSON: () => ({{ ...self.otherwise, expirationTime: null }}) }};
  }};
  return Object.assign(new Event("pushsubscriptionchange"), {{ newSubscription: subscription ?? null }});
}})"""


def told_by(page: Page) -> None:
    page.get_by_role("link", name="Accounts on this device").click()
    page.get_by_role("button", name="Tell me when something waits").click()
    expect(page.get_by_text("This device will tell you when something waits.")).to_be_visible()


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
            text = reader.read(taken.get(timeout=20)).decode()
            assert text == "Something waits for you"
            [shown] = shown_by_the_worker(page, worker_of(page), telling, text)
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


def test_selecting_the_notification_shows_what_waits_by_now(tab: Page, browser: Browser, telling: Provider) -> None:
    with push_service() as (endpoint, taken):
        given = json.dumps({"endpoint": endpoint, "keys": Reader().keys()})
        with phone_of(browser, f"({SUBSCRIBES})({given})") as phone:
            page = add(tab, phone, telling.enrol_link(NURSE))
            told_by(page)
            expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
            telling.json("confirmation", "ask", NURSE, "Discharge bed 6", "--application", "Ward 8")
            taken.get(timeout=20)
            worker = worker_of(page)
            worker.evaluate(OPENS)
            assert len(shown_by_the_worker(page, worker, telling, "Something waits for you")) == 1
            expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
            assert worker.evaluate(CLICKED) == ["done"]
            assert worker.evaluate("() => self.brought").startswith(f"to the front: {telling.issuer}/phone")
            expect(page.get_by_role("button", name="Ward 8, asked at")).to_be_visible()
            assert worker.evaluate("async () => (await registration.getNotifications()).length") == 0
            page.goto(f"{telling.issuer}/help")
            assert len(shown_by_the_worker(page, worker, telling, "Something waits for you")) == 1
            assert worker.evaluate(CLICKED) == ["done"]
            assert worker.evaluate("() => self.brought") == "opened: /phone"


def test_w3c_push_api_a_subscription_that_the_browser_renews_is_told_to_the_server(
    tab: Page, browser: Browser, telling: Provider
) -> None:
    with (
        push_service() as (first, at_first),
        push_service() as (second, at_second),
        push_service() as (third, at_third),
    ):
        keys = Reader().keys()
        given = json.dumps({"endpoint": first, "keys": keys})
        with phone_of(browser, f"({SUBSCRIBES})({given})") as phone:
            page = add(tab, phone, telling.enrol_link(LOCUM))
            told_by(page)
            worker = worker_of(page)
            page.goto(f"{telling.issuer}/help")  # no page of CareKey Phone is open
            assert worker.evaluate(RENEWED, {"endpoint": second, "keys": keys}) == ["done"]
            telling.json("confirmation", "ask", LOCUM, "Discharge bed 7", "--application", "Ward 9")
            at_second.get(timeout=20)
            # Where the browser has only ended the old one, the worker makes the new.
            worker.evaluate("(given) => { self.otherwise = given; }", {"endpoint": third, "keys": keys})
            assert worker.evaluate(RENEWED, None) == ["done"]
            telling.json("confirmation", "ask", LOCUM, "Discharge bed 8", "--application", "Ward 9")
            at_third.get(timeout=20)
            assert at_first.empty()
            assert at_second.empty()


def test_a_renewal_where_there_is_no_account_changes_nothing(tab: Page, browser: Browser, telling: Provider) -> None:
    with phone_of(browser, f"({SUBSCRIBES})({{}})") as phone:
        page = phone.new_page()
        page.goto(f"{telling.issuer}/phone")
        worker = worker_of(page)
        requests: list[str] = []
        phone.on("request", lambda request: requests.append(request.url))
        page.evaluate("indexedDB.deleteDatabase('carekey-phone')")
        assert worker.evaluate(RENEWED, {"endpoint": "https://push.example/1", "keys": Reader().keys()}) == ["done"]
        assert not [url for url in requests if url.endswith("/phone/push")]


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
