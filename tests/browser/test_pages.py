"""Every page in every state, as a person meets it: WCAG 2.2 AA, title, narrow screens, keyboard, script off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import axe, chromium, shoot
from support.pages import State, served, states, templates

pytestmark = pytest.mark.browser
STATES = states()

WITH_ERRORS = [state for state in STATES if state.context.get("errors")]
ONE_OF_EACH = list({state.template: state for state in reversed(STATES)}.values())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as there:
        yield there


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    # With this one a page is gone before it can be looked at.
    context.route("**/form-post.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    yield context.new_page()
    context.close()


@pytest.fixture
def said(tab: Page) -> Iterator[list[str]]:
    """What the browser complains of while the test runs."""
    complaints: list[str] = []

    def hear(said: object) -> None:
        complaints.append(getattr(said, "text", None) or str(said))

    tab.on("console", hear)
    tab.on("pageerror", hear)
    yield complaints
    tab.remove_listener("console", hear)
    tab.remove_listener("pageerror", hear)


def named(states: list[State]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("state", states, ids=[state.name for state in states])


def test_every_page_is_shown_in_some_state():
    assert templates() - {state.template for state in STATES} == set()
    assert len({state.name for state in STATES}) == len(STATES), "names are unique"


@named(STATES)
def test_a_page_is_accessible_titled_and_fits(tab: Page, address: str, state: State, said: list[str]):
    tab.set_viewport_size({"width": 1280, "height": 900})
    answer = tab.goto(address + state.path)
    assert answer is not None
    assert answer.ok

    assert axe(tab) == []
    _title(tab, state)
    shoot(tab, state.name)
    tab.set_viewport_size({"width": 320, "height": 640})  # also what 1280 pixels are at a zoom of 400 %
    assert _overflow(tab) == [], "no scrolling sideways"
    tab.evaluate("document.documentElement.style.cssText = 'letter-spacing: 0.12em; word-spacing: 0.16em'")
    assert _overflow(tab) == [], "none with wide letters either (WCAG 2.2, 1.4.12)"
    assert said == [], "nothing is complained of on the console, the content security policy included"


def _title(tab: Page, state: State) -> None:
    headings = tab.locator("h1").all()
    assert len(headings) == 1
    heading = headings[0].evaluate(
        "h1 => [...h1.querySelectorAll('[class*=caption]')].reduce((text, caption) => "
        "text.replace(caption.textContent, ''), h1.textContent).replace(/\\s+/g, ' ').trim()"
    )
    error = "Error: " if state.context.get("errors") else ""
    assert tab.title().startswith(f"{error}{heading} – ")
    assert tab.title().endswith(" – CareKey")


def _overflow(tab: Page) -> list[str]:
    """What reaches beyond the right edge, unless it scrolls in a place of its own."""
    if tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
        return []
    return tab.evaluate(
        "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth)"
        ".map(one => one.outerHTML.slice(0, 100))"
    )


@named(STATES)
def test_a_page_can_be_read_without_script_and_in_forced_colours(browser: Browser, address: str, state: State):
    context = browser.new_context(java_script_enabled=False, forced_colors="active")
    tab = context.new_page()
    tab.goto(address + state.path)
    expect(tab.locator("h1")).to_be_visible()
    assert tab.locator(".carekey-needs-script:visible").count() == 0
    shoot(tab, f"{state.name}-without-script-forced-colours", widths=(768,))
    context.close()


@named(WITH_ERRORS)
def test_faults_are_told_on_top_and_at_the_field(tab: Page, address: str, state: State):
    tab.goto(address + state.path)
    summary = tab.locator(".nhsuk-error-summary")
    expect(summary).to_be_focused()
    above = "(summary) => summary.compareDocumentPosition(document.querySelector('h1')) & 4"
    assert summary.evaluate(above), "above the heading"
    for link in summary.get_by_role("link").all():
        field = tab.locator(link.get_attribute("href") or "missing")
        message = link.inner_text()
        link.click()
        expect(field).to_be_focused()
        expect(tab.locator(".nhsuk-error-message", has_text=message)).to_be_visible()


# What has the focus: its place among all elements, its first letters, how it is drawn, whether it is in sight.
FOCUSED = """() => {
  const one = document.activeElement;
  const drawn = [
    getComputedStyle(one),
    getComputedStyle(one.firstElementChild ?? one),
    ...(one.type === "radio" ? [getComputedStyle(one.labels[0], "::before")] : []),
  ];
  const box = one.getBoundingClientRect();
  return {
    place: [...document.querySelectorAll("*")].indexOf(one),
    html: one.outerHTML.slice(0, 80),
    drawn: drawn.map((style) => style.boxShadow + style.outline + style.backgroundColor).join(),
    inSight: box.top >= 0 && box.bottom <= innerHeight,
  };
}"""
REACHABLE = """() => {
  const groups = new Set();
  const is_new = (radio) => !groups.has(radio.name) && groups.add(radio.name);
  return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), summary")]
    .filter((one) => one.checkVisibility() && (one.type !== "radio" || is_new(one))).length;
}"""
YELLOW = "rgb(255, 235, 59)"


@named(ONE_OF_EACH)
def test_everything_is_reached_by_keyboard_and_seen_there(tab: Page, address: str, state: State):
    tab.goto(address + state.path)
    tab.set_viewport_size({"width": 1280, "height": 900})
    reached = []
    for _ in range(tab.evaluate(REACHABLE)):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate(FOCUSED))
    places = [one["place"] for one in reached]
    assert places == sorted(set(places)), "each once, in the order of reading"
    assert "skip-link" in reached[0]["html"]
    assert [one["html"] for one in reached if YELLOW not in one["drawn"]] == [], "the focus is seen"
    assert [one["html"] for one in reached if not one["inSight"]] == [], "and not hidden"
