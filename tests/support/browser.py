"""Chromium, driven by Playwright, with its virtual authenticators (WebAuthn level 3 section 11) and axe."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from support import node

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
NOBODY_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1"
"""Without this Chromium asks for names of its maker's servers."""
SCREENSHOTS = Path(__file__).parents[2] / "test-results/screenshots"
WIDTHS = (320, 768, 1280)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium(*, remembers_pages: bool = False) -> Iterator[Browser]:
    """A browser. `remembers_pages`: Back shows pages out of its memory, as on people's computers and not as Playwright
    would have it. Raises: AssertionError, saying what to install.

    While it is open no other event loop can run in this thread: keep it to a module without async tests.
    """
    assert CHROMIUM.exists(), "Chromium is missing: apt-get install chromium (make test does)"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[*QUIET, NOBODY_ELSE],
            ignore_default_args=["--disable-back-forward-cache"] if remembers_pages else None,
        )
        try:
            yield browser
        finally:
            browser.close()


def axe(page: Page) -> list[str]:
    """What is wrong with the page for people with disabilities: rule and place, a line each."""
    page.evaluate((node.packages() / "axe-core/axe.min.js").read_text())
    found = page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
    return [f"{rule['id']}: {place['html'][:150]}" for rule in found["violations"] for place in rule["nodes"]]


def shoot(page: Page, name: str, *, widths: Sequence[int] = WIDTHS) -> None:
    """Pictures of the whole page in three widths, for somebody to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
    if before is not None:
        page.set_viewport_size(before)


class Kind(Enum):
    """Transport, and whether what it holds is copied between devices."""

    SECURITY_KEY = ("usb", False)
    PLATFORM = ("internal", False)
    SYNCED = ("internal", True)


class VirtualAuthenticator:
    """One in this tab. A tab has its own, so `into` carries what it holds over to another tab."""

    def __init__(self, page: Page, kind: Kind, *, verifies: bool = True) -> None:
        self.kind = kind
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        transport, synced = kind.value
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": transport,
            "defaultBackupEligibility": synced,
            "defaultBackupState": synced,
            "hasResidentKey": True,
            "hasUserVerification": verifies,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        self.id: str = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def credentials(self) -> Sequence[dict[str, Any]]:
        held: list[dict[str, Any]] = self._session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})[
            "credentials"
        ]
        return held

    def into(self, page: Page) -> "VirtualAuthenticator":
        """The same authenticator, carried to another tab."""
        other = VirtualAuthenticator(page, self.kind)
        for credential in self.credentials():
            other.hold(credential)
        return other

    def hold(self, credential: dict[str, Any]) -> None:
        self._session.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": credential})

    def verify(self, *, succeeds: bool) -> None:
        """Whether the PIN or fingerprint is right from now on."""
        self._session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": succeeds})

    def take_away(self) -> None:
        self._session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.id})
