"""A person at a browser without script, as far as the server can tell: follows redirects, keeps cookies, sends forms.

`prove` is given the options of a WebAuthn question and makes the answer, so that passkeys can be had without Chromium.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

Prove = Callable[[Mapping[str, Any]], str]


def client(transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """Keeps cookies but no connection, so that nobody has to close it."""
    return httpx2.Client(transport=transport or one_shot(), timeout=20)


def one_shot() -> httpx2.HTTPTransport:
    return httpx2.HTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0))


@dataclass(slots=True)
class Form:
    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    """Radios, by name: label to value."""
    options_at: str | None = None
    """Where a WebAuthn question is asked for."""


class Forms(HTMLParser):
    """The forms of a page, and its headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.heading = ""
        self._inside = False
        self._h1 = False
        self._radio: tuple[str, str, str] | None = None
        self._label: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._h1 = True
        elif tag == "form":
            self._inside = True
            self.forms.append(
                Form(given.get("action", ""), given.get("method", "get").lower(), options_at=given.get("data-options"))
            )
        elif self._inside and tag in {"input", "button"} and given.get("name"):
            if given.get("type") == "radio":
                self._radio = (given["name"], given.get("id", ""), given.get("value", ""))
            elif tag == "input":
                self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif self._inside and tag == "label" and self._radio and given.get("for") == self._radio[1]:
            self._label = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._h1 = False
        elif tag == "form":
            self._inside = False
        elif tag == "label" and self._label is not None and self._radio:
            name, _, value = self._radio
            self.forms[-1].choices.setdefault(name, {})[" ".join(self._label.split())] = value
            self._label, self._radio = None, None

    def handle_data(self, data: str) -> None:
        if self._h1:
            self.heading = " ".join((self.heading + data).split())
        if self._label is not None:
            self._label += data


@dataclass(slots=True, kw_only=True)
class Page:
    status: int
    address: str
    html: str
    heading: str
    forms: list[Form]

    def form(self, ending: str) -> Form | None:
        return next((form for form in self.forms if urlsplit(form.action).path.endswith(ending)), None)


class Person:
    def __init__(
        self,
        *,
        prove: Prove | None = None,
        user: str = "",
        password: str = "",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._prove = prove
        self._user, self._password = user, password
        self.browser = client(transport)
        self.seen: list[str] = []
        """Headings of the pages on the way."""

    def open(self, address: str, *, until: str) -> Page | str:
        """The page that this leads to, or the address at the application (beginning with `until`) it ends at."""
        return self._follow(self.browser.get(address), until)

    def send(self, page: Page, form: Form, *, until: str, **values: str) -> Page | str:
        address = urljoin(page.address, form.action)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        answer = self.browser.post(address, data={**form.fields, **values}, headers={"origin": origin})
        return self._follow(answer, until)

    def log_in(self, address: str, *, until: str, way: str, role: str | None = None) -> str | Page:
        """All the way: choose, prove, choose a role. `role`: part of its label. Ends at the application,
        or at a page that comes again or that this person does not know how to go on from."""
        at = self.open(address, until=until)
        been: set[str] = set()
        for _ in range(8):
            if isinstance(at, str) or at.heading in been:
                return at
            been.add(at.heading)
            following = self._step(at, until=until, way=way, role=role)
            if following is None:
                return at
            at = following
        raise AssertionError(f"went round in circles: {self.seen}")

    def _step(self, page: Page, *, until: str, way: str, role: str | None) -> Page | str | None:
        if (form := page.form("/way")) and way in form.choices["way"].values():
            return self.send(page, form, until=until, way=way)
        if (form := page.form("/role")) and form.method == "post" and role is not None:
            label = next((label for label in form.choices["role"] if role in label), None)
            return None if label is None else self.send(page, form, until=until, role=form.choices["role"][label])
        if (form := page.form(f"/{way}")) and "password" in form.fields:
            user = next(name for name in form.fields if name not in {"csrf", "password"})
            return self.send(page, form, until=until, **{user: self._user, "password": self._password})
        if (form := page.form(f"/{way}")) and form.options_at and self._prove:
            return self.send(page, form, until=until, answer=self._prove(self.options(page, form)))
        return None

    def straight(self, address: str, *, until: str) -> str:
        """The address at the application, there being a session that suffices. Raises: AssertionError."""
        end = self.open(address, until=until)
        assert isinstance(end, str), f"a page came in between: {end.heading}"
        return end

    def options(self, page: Page, form: Form) -> Mapping[str, Any]:
        address = urljoin(page.address, form.options_at)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        answer = self.browser.post(address, data={"csrf": form.fields["csrf"]}, headers={"origin": origin})
        assert answer.status_code == 200, answer.text
        options: Mapping[str, Any] = answer.json()["options"]
        return options

    def _follow(self, answer: httpx2.Response, until: str) -> Page | str:
        for _ in range(10):
            if not answer.has_redirect_location:
                break
            target = urljoin(str(answer.url), answer.headers["location"])
            if until and target.startswith(until):
                return target
            answer = self.browser.get(target)
        parsed = Forms(answer.text)
        self.seen.append(parsed.heading)
        return Page(
            status=answer.status_code,
            address=str(answer.url),
            html=answer.text,
            heading=parsed.heading,
            forms=parsed.forms,
        )
