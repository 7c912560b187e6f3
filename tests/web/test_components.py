"""Our lean macros make the same DOM as nhsuk-frontend's own, which takes a hundred times as long."""

import json
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from carekey.web import templating
from support import node

pytestmark = pytest.mark.node

OURS = Environment(
    loader=FileSystemLoader(Path(templating.__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
VOID = {"input", "path", "br", "hr", "img"}

ONE_TIME_CODE = {"autocomplete": "one-time-code", "width": 10, "code": True, "heading": True}
HINTED = [{"value": "a", "text": "A & B", "hint": "Which is it?"}, {"value": "c", "text": "C"}]


def text(words: str) -> dict[str, str]:
    return {"text": words}


# (our call, the reference's folder, macro and parameters)
SAME: list[tuple[str, str, str, dict[str, Any]]] = [
    ("c.button('Continue')", "button", "button", {"text": "Continue"}),
    (
        "c.button('Approve', name='answer', value='yes', secondary=true)",
        "button",
        "button",
        {"text": "Approve", "name": "answer", "value": "yes", "variant": "secondary"},
    ),
    ("c.button('Remove', warning=true)", "button", "button", {"text": "Remove", "variant": "warning"}),
    ("c.link_button('Start', '/x')", "button", "button", {"text": "Start", "href": "/x"}),
    (
        "c.error_summary([('way', 'Select how'), ('code', 'Enter <it>')])",
        "error-summary",
        "errorSummary",
        {
            "titleText": "There is a problem",
            "errorList": [text("Select how") | {"href": "#way"}, text("Enter <it>") | {"href": "#code"}],
        },
    ),
    (
        "c.radios('way', 'How?', hinted, error='Select one', hint='Any will do')",
        "radios",
        "radios",
        {
            "name": "way",
            "idPrefix": "way",
            "fieldset": {"legend": {"text": "How?", "isPageHeading": True, "size": "l"}},
            "hint": text("Any will do"),
            "errorMessage": text("Select one"),
            "items": [
                {"value": "a", "text": "A & B", "hint": text("Which is it?")},
                {"value": "c", "text": "C"},
            ],
        },
    ),
    (
        "c.radios('way', 'How?', [{'value': 'a', 'text': 'A', 'selected': true}], heading=false, size='m')",
        "radios",
        "radios",
        {
            "name": "way",
            "idPrefix": "way",
            "fieldset": {"legend": {"text": "How?", "size": "m"}},
            "items": [{"value": "a", "text": "A", "checked": True}],
        },
    ),
    (
        "c.text_input('code', 'Code', error='Enter it', hint='6 numbers', inputmode='numeric', **one_time_code)",
        "input",
        "input",
        {
            "name": "code",
            "label": {"text": "Code", "isPageHeading": True, "size": "l"},
            "errorMessage": text("Enter it"),
            "hint": text("6 numbers"),
            "inputmode": "numeric",
            "width": 10,
            "code": True,
            "autocomplete": "one-time-code",
            "spellcheck": False,
            "value": "",
        },
    ),
    (
        "c.text_input('name', 'Name', value='O’Neil \"x\"', spellcheck=true)",
        "input",
        "input",
        {"name": "name", "label": text("Name"), "value": 'O’Neil "x"'},
    ),
    (
        "c.password_input('password', 'Password', error='Enter it')",
        "password-input",
        "passwordInput",
        {"name": "password", "label": text("Password"), "errorMessage": text("Enter it")},
    ),
    (
        "c.search('q', 'Search', value='ward')",
        "search-input",
        "searchInput",
        {"name": "q", "label": text("Search"), "value": "ward", "button": text("Search")},
    ),
    (
        "c.pagination(5, 9, '?page=')",
        "pagination",
        "pagination",
        {
            "previous": {"href": "?page=4"},
            "next": {"href": "?page=6"},
            "items": [
                {"number": 1, "href": "?page=1"},
                {"ellipsis": True},
                {"number": 4, "href": "?page=4"},
                {"number": 5, "href": "?page=5", "current": True},
                {"number": 6, "href": "?page=6"},
                {"ellipsis": True},
                {"number": 9, "href": "?page=9"},
            ],
        },
    ),
    (
        "c.pagination(1, 2, '?page=')",
        "pagination",
        "pagination",
        {
            "next": {"href": "?page=2"},
            "items": [{"number": 1, "href": "?page=1", "current": True}, {"number": 2, "href": "?page=2"}],
        },
    ),
    ("c.inset('Words')", "inset-text", "insetText", {"text": "Words"}),
    (
        "summary_list",
        "summary-list",
        "summaryList",
        {"rows": [{"key": text("Key"), "value": text("Value")}, {"key": text("2"), "value": text("b")}]},
    ),
    (
        "c.table('Cookies', ['Name', 'Use'], [['a', 'b'], ['c', 'd']])",
        "tables",
        "table",
        {
            "caption": "Cookies",
            "captionSize": "m",
            "responsive": True,
            "firstCellIsHeader": True,
            "head": [text("Name"), text("Use")],
            "rows": [
                [{"text": "a", "header": "Name"}, {"text": "b", "header": "Use"}],
                [{"text": "c", "header": "Name"}, {"text": "d", "header": "Use"}],
            ],
        },
    ),
    ("c.tag('Last used')", "tag", "tag", {"text": "Last used"}),
    ("c.tag('Ended', 'grey')", "tag", "tag", {"text": "Ended", "colour": "grey"}),
    ("c.panel('Done', 'Go on.')", "panel", "panel", {"titleText": "Done", "text": "Go on."}),
    (
        "c.warning('Take care', 'It is hot.')",
        "warning-callout",
        "warningCallout",
        {"heading": "Take care", "headingLevel": 2, "text": "It is hot."},
    ),
    ("c.notification('Something')", "notification-banner", "notificationBanner", {"text": "Something"}),
    (
        "c.notification('It worked', success=true)",
        "notification-banner",
        "notificationBanner",
        {"text": "It worked", "variant": "success"},
    ),
    ("details", "details", "details", {"summaryText": "More", "text": "Words"}),
]
BLOCKS = {
    "summary_list": "{{ c.summary_list([('Key', 'Value'), ('2', 'b')]) }}",
    "details": "{% call c.details('More') %}Words{% endcall %}",
}


@pytest.fixture(scope="module")
def reference() -> list[str]:
    node.packages()
    asked = json.dumps([(folder, macro, parameters) for _, folder, macro, parameters in SAME])
    made = subprocess.run(
        [node.node(), node.FOLDER / "components.mjs"], input=asked, capture_output=True, text=True, check=True
    )
    return json.loads(made.stdout)


@pytest.mark.parametrize("case", range(len(SAME)), ids=[f"{call[:40]}" for call, *_ in SAME])
def test_each_macro_makes_what_nhsuk_frontend_makes(reference: list[str], case: int):
    call = SAME[case][0]
    source = BLOCKS.get(call, "{{ " + call + " }}")
    ours = OURS.from_string('{% import "components.html" as c %}' + source).render(
        hinted=HINTED, one_time_code=ONE_TIME_CODE
    )
    assert dom(ours) == dom(reference[case])


class _Tree(HTMLParser):
    """Elements as (tag, attributes, children); what only the reference's own script reads is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.root: list[Any] = []
        self._open: list[list[Any]] = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        children: list[Any] = []
        self._open[-1].append((tag, _meaningful(dict(attrs)), children))
        if tag not in VOID:
            self._open.append(children)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if words:
            self._open[-1].append(words)


def _meaningful(attributes: dict[str, str | None]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: value for name, value in attributes.items() if not name.startswith("data-")}
    if "class" in kept:
        kept["class"] = {name for name in (kept["class"] or "").split() if not name.startswith("nhsuk-js-")}
    return kept


def dom(html: str) -> list[Any]:
    tree = _Tree()
    tree.feed(html)
    tree.close()
    return _without_drawings(tree.root)


def _without_drawings(children: list[Any]) -> list[Any]:
    """Icons are drawn by us; what is compared is that there is one, of which class, hidden from screen readers."""
    return [
        child
        if isinstance(child, str)
        else (child[0], child[1], [] if child[0] == "svg" else _without_drawings(child[2]))
        for child in children
    ]
