"""Real Chromium with its virtual authenticators: enrolment (ux.md B4, B11) and logging in (A3)."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from starlette.responses import HTMLResponse

from carekey.authenticators.conformance.contract import ASHA, AnyWorld
from carekey.authenticators.conformance.world import FixedClock, OpenAttempts, World, secret_of
from carekey.authenticators.enrolment import invitation
from carekey.authenticators.enrolment.http import EnrolmentPages
from carekey.authenticators.webauthn.ceremony import RelyingParty
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.directory.model import Person
from carekey.kernel import actor
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.secret import Secret
from carekey.storage.memory.store import MemoryStore
from carekey.web import static
from carekey.web.kit import Request, Response, get

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

CHROMIUM = os.environ.get("CAREKEY_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
]
USB = {"transport": "usb"}
INTERNAL = {"transport": "internal"}
SYNCED = {"transport": "internal", "defaultBackupEligibility": True, "defaultBackupState": True}
WIDTHS = (320, 768, 1280)


async def landed(request: Request) -> Response:
    return HTMLResponse("<title>landed</title>")


@asynccontextmanager
async def served(policy: Policy) -> AsyncIterator[AnyWorld]:
    config = uvicorn.Config("", host="127.0.0.1", port=0, log_level="error", lifespan="off")
    listening = config.bind_socket()
    origin = f"http://localhost:{listening.getsockname()[1]}"
    store, attempts = MemoryStore(), OpenAttempts[Any]()
    rp = RelyingParty(id="localhost", name="CareKey", origins=frozenset({origin}))
    webauthn = WebAuthn(store=store, attempts=attempts, rp=rp, metadata=Metadata(), policy=policy)
    enrolment = EnrolmentPages(store=store, ways=webauthn.ways)
    routes = [*enrolment.routes(), *static.routes(), get("/login/{id}", landed), get("/login/{id}/ways", landed)]
    world = World(
        webauthn,
        store=store,
        attempts=attempts,
        clock=FixedClock(),
        templates=enrolment.templates,
        routes=routes,
        origin=origin,
    )
    person = Person(id=ASHA, given_name="Asha", family_name="Patel")
    await store.write(lambda tx: tx.people.put([person]))
    config.app = world.app
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield world
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def world() -> AsyncIterator[AnyWorld]:
    async with served(Policy(allow_test_models=True)) as world:
        yield world


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


async def authenticator(page: Page, how: dict[str, Any]) -> tuple[Any, str]:
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        **how,
    }
    if options["protocol"] == "u2f":
        options |= {"hasResidentKey": False, "hasUserVerification": False}
        del options["ctap2Version"]
    added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, added["authenticatorId"]


async def invite(world: AnyWorld, token: str = "one-time-link") -> str:
    by, now = actor.operator("Sam at the help desk"), world.clock.now()
    await world.store.write(lambda tx: invitation.invite(tx, ASHA, token=Secret(token), by=by, now=now))
    return f"{world.origin}/register/{token}"


async def begin(world: AnyWorld, context: BrowserContext, id: str = "login-1", **how: Any) -> str:
    login = world.begin(id, **how)
    name = world.site.cookies.login(login)
    await context.add_cookies([{"name": name, "value": secret_of(login), "url": world.origin}])
    return f"{world.origin}/login/{login}"


async def enrol(world: AnyWorld, page: Page, way: str) -> None:
    await page.goto(await invite(world))
    await page.get_by_label("Security key" if way == "security-key" else "Passkey on this device").check()
    await page.get_by_role("button", name="This is me, continue").click()
    await page.get_by_role("button", name=re.compile("^Add ")).click()
    await page.get_by_role("button", name="Save and finish").click()
    await expect(page.get_by_role("heading", name="You have added a way to log in")).to_be_visible()


@pytest.mark.parametrize(
    ("how", "way", "aal", "amr"),
    [
        (USB, "security-key", AAL.AAL3, Amr.FIDO2),
        (INTERNAL, "passkey", AAL.AAL3, Amr.FIDO2),
        (SYNCED, "passkey", AAL.AAL2, Amr.PASSKEY),
    ],
    ids=["security key", "platform", "synced passkey"],
)
async def test_a3_enrol_by_link_and_log_in_without_typing(
    world: AnyWorld, browser: Browser, how: dict[str, Any], way: str, aal: AAL, amr: Amr
) -> None:
    page = await browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    await authenticator(page, how)
    await enrol(world, page, way)
    for number in (1, 2):
        await page.goto(f"{await begin(world, page.context, f'login-{number}')}/{way}")
        await page.get_by_role("button", name="Continue", exact=True).click()
        await page.wait_for_url(re.compile(rf"/login/login-{number}$"))
    proofs = [proof for _, proof in world.attempts.concluded]
    assert [(proof.person, proof.aal, proof.amr) for proof in proofs] == [(ASHA, aal, amr)] * 2
    assert faults == []
    await page.close()


async def test_a_key_without_a_discoverable_credential_logs_in_with_the_user_id(
    world: AnyWorld, browser: Browser
) -> None:
    page = await browser.new_page()
    await authenticator(page, {**USB, "hasResidentKey": False})
    await enrol(world, page, "security-key")
    await page.goto(f"{await begin(world, page.context)}/security-key")
    await page.get_by_text("My key is not recognised").click()
    user = page.get_by_label("Your user ID")
    await user.fill("12")
    await user.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("User ID must be 12 numbers")
    await user.fill("5550 3663 2103")
    await page.get_by_role("button", name="Continue with your user ID").click()
    await page.wait_for_url(re.compile(r"/login/login-1$"))
    assert [proof.person for _, proof in world.attempts.concluded] == [ASHA]
    await page.close()


async def test_a3_without_verification_the_page_says_that_nothing_was_selected(
    world: AnyWorld, browser: Browser
) -> None:
    page = await browser.new_page()
    session, id = await authenticator(page, USB)
    await enrol(world, page, "security-key")
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": id, "isUserVerified": False})
    await page.goto(f"{await begin(world, page.context)}/security-key")
    await page.get_by_role("button", name="Continue", exact=True).click()
    status = page.get_by_role("status")
    await expect(status).to_have_text("Nothing was selected. Try again or use another way.")
    await expect(status).to_be_focused()
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": id, "isUserVerified": True})
    await page.get_by_role("button", name="Try again").click()
    await page.wait_for_url(re.compile(r"/login/login-1$"))
    await page.close()


async def test_a_u2f_key_cannot_be_added(world: AnyWorld, browser: Browser) -> None:
    page = await browser.new_page()
    await authenticator(page, {"protocol": "u2f", "transport": "usb"})
    await page.goto(f"{await invite(world)}/security-key")
    await page.get_by_role("button", name="Add security key").click()
    await expect(page.get_by_role("button", name="Try again")).to_be_enabled(timeout=15_000)
    assert await world.store.read(lambda tx: tx.credentials.held_by(ASHA)) == []
    await page.close()


async def test_a_device_that_is_added_is_not_added_twice(world: AnyWorld, browser: Browser) -> None:
    page = await browser.new_page()
    await authenticator(page, USB)
    await enrol(world, page, "security-key")
    await page.goto(f"{await invite(world, 'another-link')}/security-key")
    await page.get_by_role("button", name="Add security key").click()
    await expect(page.get_by_role("status")).to_have_text("This device is already added.")
    await page.close()


async def test_production_refuses_the_virtual_authenticator(browser: Browser) -> None:
    async with served(Policy()) as world:
        page = await browser.new_page()
        await authenticator(page, USB)
        await page.goto(f"{await invite(world)}/security-key")
        await page.get_by_role("button", name="Add security key").click()
        await expect(page.get_by_role("alert")).to_contain_text("This is a test device")
        await expect(page.get_by_role("alert")).to_be_focused()
        await page.close()


async def test_a_passkey_that_was_removed_is_said_to_be(world: AnyWorld, browser: Browser) -> None:
    page = await browser.new_page()
    await authenticator(page, INTERNAL)
    await enrol(world, page, "passkey")
    now = world.clock.now()

    def revoke(tx: Any) -> None:
        for credential in tx.credentials.held_by(ASHA):
            tx.credentials.revoke(credential.id, at=now)

    await world.store.write(revoke)
    await page.goto(f"{await begin(world, page.context)}/passkey")
    await page.get_by_role("button", name="Continue", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("This passkey has been removed from your account")
    await expect(page.get_by_role("button", name="Continue", exact=True)).to_be_enabled()
    await page.close()


async def test_with_script_off_the_page_says_so(world: AnyWorld, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(await invite(world))
    assert "turn on JavaScript" in await page.content()  # in a noscript, which this browser hides even now
    await page.goto(f"{await begin(world, context)}/passkey")
    await expect(page.get_by_text("turn on JavaScript")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_role("link", name="Use another way to log in")).to_be_visible()
    await context.close()


async def test_a_browser_that_cannot_is_told_so(world: AnyWorld, browser: Browser) -> None:
    context = await browser.new_context()
    await context.add_init_script("delete window.PublicKeyCredential")
    page = await context.new_page()
    await page.goto(f"{await begin(world, context)}/security-key")
    await expect(page.get_by_text("This browser cannot use passkeys or security keys")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)
    await context.close()


async def test_a_browser_from_before_the_json_methods_works(world: AnyWorld, browser: Browser) -> None:
    context = await browser.new_context()
    await context.add_init_script(
        """delete PublicKeyCredential.parseRequestOptionsFromJSON
        delete PublicKeyCredential.parseCreationOptionsFromJSON
        delete PublicKeyCredential.prototype.toJSON"""
    )
    page = await context.new_page()
    await authenticator(page, USB)
    await enrol(world, page, "security-key")
    await page.goto(f"{await begin(world, context)}/security-key")
    await page.get_by_role("button", name="Continue", exact=True).click()
    await page.wait_for_url(re.compile(r"/login/login-1$"))
    [credential] = await world.store.read(lambda tx: tx.credentials.held_by(ASHA))
    assert world.authenticator.describe(credential).aal is AAL.AAL3
    await context.close()


async def test_pages_fit_320_768_and_1280(world: AnyWorld, browser: Browser, tmp_path: Path) -> None:
    """Nothing is wider than the screen. Pictures go to CAREKEY_SCREENSHOTS, for somebody to look at."""
    folder = Path(os.environ.get("CAREKEY_SCREENSHOTS", tmp_path))
    context = await browser.new_context()
    page = await context.new_page()
    await authenticator(page, USB)
    register, login = await invite(world), await begin(world, context)

    async def look(name: str) -> None:
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            await page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)

    for name, address in {
        "a3-passkey": f"{login}/passkey",
        "a3-security-key": f"{login}/security-key",
        "b11-invitation": register,
        "b4-passkey": f"{register}/passkey",
        "b4-security-key": f"{register}/security-key",
        "b11-unknown": f"{world.origin}/register/unknown",
    }.items():
        await page.goto(address)
        await look(name)
    await page.goto(f"{login}/security-key")
    await page.get_by_text("My key is not recognised").click()
    await page.get_by_role("button", name="Continue", exact=True).click()
    with suppress(AssertionError):
        await expect(page.get_by_role("button", name="Try again")).to_be_enabled(timeout=10_000)
    await look("a3-nothing-selected")
    await page.goto(f"{register}/security-key")
    await page.get_by_role("button", name="Add security key").click()
    await expect(page.get_by_role("button", name="Save and finish")).to_be_visible()
    await look("b4-name")
    await page.get_by_role("button", name="Save and finish").click()
    await look("b4-done")
    await page.goto(f"{login}/passkey")
    now = world.clock.now()
    await world.store.write(lambda tx: [tx.credentials.revoke(one.id, at=now) for one in tx.credentials.held_by(ASHA)])
    await page.get_by_role("button", name="Continue", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await look("a3-refused")
    await context.close()
