"""CareKey Phone as an application on the home screen: Chromium itself says whether it can be put there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.provider import Provider

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone that nobody has used before."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def opened(phone: BrowserContext, provider: Provider) -> Page:
    page = phone.new_page()
    page.goto(f"{provider.issuer}/phone")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return page


def test_chromium_would_install_it(phone: BrowserContext, provider: Provider) -> None:
    page = opened(phone, provider)
    session = phone.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    assert found["url"] == f"{provider.issuer}/phone/manifest.json"
    assert json.loads(found["data"])["name"].endswith(" Phone")
    # A private window installs nothing; there is nothing else to be said against it.
    errors = [one["errorId"] for one in session.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [one for one in errors if one != "in-incognito"] == []


def icons(page: Page) -> list[dict[str, Any]]:
    named: list[dict[str, Any]] = page.evaluate("fetch('/phone/manifest.json').then((it) => it.json())")["icons"]
    return named


DRAWN = """async ([named, mark]) => {
  const read = async (src) => {
    const image = Object.assign(new Image(), { src });
    await image.decode();
    return image;
  };
  const [icon, drawn] = [await read(named), await read(mark)];
  const side = icon.naturalWidth;
  const pixels = (image) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, side, side);
    return context.getImageData(0, 0, side, side).data;
  };
  const [ours, theirs] = [pixels(icon), pixels(drawn)];
  // The middle alone, which is the same with and without round corners.
  let [apart, count] = [0, 0];
  for (let y = Math.ceil(side / 5); y < (side * 4) / 5; y += 1)
    for (let x = Math.ceil(side / 5); x < (side * 4) / 5; x += 1, count += 1)
      apart += Math.abs(ours[(y * side + x) * 4] - theirs[(y * side + x) * 4]);
  return { side, apart: apart / count, corner: ours[3] };
}"""


def test_each_icon_has_its_size_and_is_our_own_mark(phone: BrowserContext, provider: Provider) -> None:
    page = opened(phone, provider)
    held = icons(page)
    (mark,) = (one["src"] for one in held if one["type"] == "image/svg+xml")
    pictures = {(one["sizes"], one.get("purpose", "any")): one["src"] for one in held if one["type"] == "image/png"}
    assert pictures.keys() == {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
    pictures["180x180", "maskable"] = page.locator("link[rel=apple-touch-icon]").get_attribute("href") or ""
    for (size, purpose), source in pictures.items():
        drawn = page.evaluate(DRAWN, [source, mark])
        assert f"{drawn['side']}x{drawn['side']}" == size
        assert drawn["apart"] < 1, f"{source} is not what {mark} shows"
        assert drawn["corner"] == (255 if purpose == "maskable" else 0), "opaque where a system cuts the corners"


def test_it_opens_without_a_network(phone: BrowserContext, provider: Provider) -> None:
    page = opened(phone, provider)
    page.reload()
    phone.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Accounts on this device")
    phone.set_offline(False)


READ = """async ([client, transaction]) => {
  const { Refusal, toConfirm } = await import(client);
  const header = { upv: { major: 1, minor: 1 }, op: "Auth", appID: `${location.origin}/uaf/facets`, serverData: "x" };
  const policy = { accepted: [[{ aaid: ["CA4E#0001"] }]] };
  try {
    return toConfirm(JSON.stringify([{ header, challenge: "c".repeat(43), policy, transaction }]));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error;
  }
}"""
TEXT = {"contentType": "text/plain", "content": "UHJlc2NyaWJl"}
IMAGE = {"contentType": "image/png", "content": "iVBORw0KGgo"}


def test_uaf_7_1_it_shows_texts_and_never_signs_for_an_image(phone: BrowserContext, provider: Provider) -> None:
    page = opened(phone, provider)
    client = next(
        one
        for one in page.locator("link[rel=modulepreload]").evaluate_all("all => all.map((one) => one.href)")
        if one.endswith("/phone-client.js")
    )
    told = [
        page.evaluate(READ, [client, forms])
        for forms in ([TEXT], [IMAGE, TEXT], [IMAGE], [], [{**TEXT, "content": "w7bDtg"}], [{**TEXT, "content": ""}])
    ]
    refusal = "INVALID_TRANSACTION_CONTENT"
    assert [str(one).removeprefix("Error: ").partition("\n")[0] for one in told] == [
        "Prescribe",
        "Prescribe",
        *[refusal] * 4,
    ]
