import re

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse

from carekey.web import csrf
from carekey.web.kit import BODY_LIMIT, Request, Response, Route, get, page, post, see_other
from carekey.web.problem import Problem
from carekey.web.tests.site import ORIGIN, Browser, site

pytestmark = pytest.mark.anyio


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(request: Request) -> Response:
    return PlainTextResponse(repr(dict(request.params)))


async def read_form(request: Request) -> Response:
    return PlainTextResponse(repr((await request.form()).as_dict()))


async def read_own_form(request: Request) -> Response:
    fields = await request.own_form("browser-secret")
    return PlainTextResponse(fields.get("way") or "nothing")


async def broken(request: Request) -> Response:
    raise RuntimeError("the database said: password=hunter2")


async def test_an_unknown_path_is_a_page_with_a_way_on_and_a_reference():
    answer = await Browser.of(get("/known", hello)).get("/unknown")
    assert answer.status == 404
    assert "<h1" in answer.text
    assert "Page not found" in answer.text
    assert re.search(r'carekey-reference">[2-9A-HJ-NP-Z]{8}<', answer.text)


@pytest.mark.parametrize(
    "path", ["", "*", "/", "//", "///x", "/x//", "/x/a/b", "/x/", "/X/a", "/x/a\n", "/x/a/", "/\x00", "/x\ud800"]
)
async def test_a_malformed_path_is_not_found(path):
    answer = await Browser.of(get("/x/{id}/end", echo)).get(path)
    assert answer.status == 404


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/x/{id}", "/x/{token}"),
        ("/x/{id}/end", "/x/{token}/end"),
        ("/x/{id}/end", "/x/own/{way}"),
        ("/x/{id}-{way}", "/x/{id}"),
    ],
)
def test_no_address_leads_to_two_routes(one: str, other: str):
    """Else the one that came first would answer for both, as with two slices that name their paths alike."""
    for first, second in ((one, other), (other, one)):
        with pytest.raises(ValueError, match="lead"):
            Browser.of(get(first, echo), post(second, echo))


def test_routes_that_differ_in_a_fixed_part_stand_side_by_side():
    Browser.of(get("/x/{id}/end", echo), get("/x/{id}/begin", echo), get("/x/{id}", echo), get("/y/{id}/end", echo))


async def test_rfc9110_15_5_6_another_method_is_told_which_are_allowed():
    browser = Browser.of(get("/page", hello), post("/page", hello), post("/only", hello))
    answer = await browser.ask("DELETE", "/page")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, POST")
    answer = await browser.ask("GET", "/only")
    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert "cannot be opened directly" in answer.text


async def test_rfc9110_9_3_2_head_is_answered_as_get_without_the_body():
    async def streamed(request: Request) -> Response:
        return StreamingResponse(iter([b"a", b"b"]))

    browser = Browser.of(get("/page", hello), get("/stream", streamed))
    answer = await browser.ask("HEAD", "/page")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "5")
    assert (await browser.ask("HEAD", "/stream")).body == b""
    gone = await browser.ask("HEAD", "/nowhere")
    assert (gone.status, gone.body) == (404, b"")
    assert int(gone.header("content-length")) > 0


async def test_parts_of_a_path_reach_the_handler():
    browser = Browser.of(get("/login/{id}/{way}", echo), get("/login/{id}", echo), get("/login/new", hello))
    assert (await browser.get("/login/a.b-c")).text == "{'id': 'a.b-c'}"
    assert (await browser.get("/login/a/passkey")).text == "{'id': 'a', 'way': 'passkey'}"
    assert (await browser.get("/login/new")).text == "hello", "a fixed path goes before a pattern"


@pytest.mark.parametrize(
    "routes",
    [
        [get("/a", hello), get("/a", echo)],
        [get("/a/{x}", hello), get("/a/{x}", echo)],
        [get("/{anything}", hello)],
    ],
)
def test_routes_that_contradict_each_other_are_refused_at_start(routes: list[Route]):
    with pytest.raises(ValueError):
        Browser.of(*routes)


async def test_a_problem_is_shown_with_its_status_and_its_words():
    async def refuse(request: Request) -> Response:
        raise Problem(
            status=403,
            heading="You do not have access",
            what_to_do=("Ask <your> sponsor.",),
            detail=(("Error", "access_denied"),),
            back=("/help", "Get help"),
        )

    answer = await Browser.of(get("/", refuse)).get("/")
    assert answer.status == 403
    assert "Ask &lt;your&gt; sponsor." in answer.text
    assert "access_denied" in answer.text
    assert 'href="/help"' in answer.text
    assert answer.header("cache-control") == "no-store"


async def test_a_fault_is_a_page_that_tells_nothing_of_its_cause():
    answer = await Browser.of(get("/", broken)).get("/")
    assert answer.status == 500
    assert "there is a problem with the service" in answer.text
    assert re.search(r'carekey-reference">[2-9A-HJ-NP-Z]{8}<', answer.text)
    for trace in ("hunter2", "RuntimeError", "Traceback", "database"):
        assert trace not in answer.text


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("path", ["/page", "/json", "/away", "/none", "/broken", "/refused"])
async def test_security_headers_are_on_every_answer(path, secure):
    async def a_page(request: Request) -> Response:
        return page(request, "web/problem.html", problem=Problem(status=200, heading="H", what_to_do=()), reference="")

    async def away(request: Request) -> Response:
        return see_other("https://ward.example/callback?code=1")

    routes = [
        get("/page", a_page),
        get("/json", hello),
        get("/away", away),
        get("/broken", broken),
        post("/refused", hello),
    ]
    answer = await Browser.of(*routes, at=site(secure=secure, port=8000)).get(path)
    policy = answer.header("content-security-policy")
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("referrer-policy") == "same-origin"
    assert "camera=()" in answer.header("permissions-policy")
    assert (answer.header("strict-transport-security") is not None) == secure


async def test_an_answer_may_be_stricter_or_laxer_than_the_common_headers_but_never_both():
    async def framed(request: Request) -> Response:
        return PlainTextResponse("", headers={"x-frame-options": "SAMEORIGIN"})

    assert (await Browser.of(get("/", framed)).get("/")).header("x-frame-options") == "SAMEORIGIN"


async def test_no_answer_cuts_a_pop_up_off_from_the_application_that_opened_it():
    answer = await Browser.of(get("/", hello)).get("/")
    assert answer.header("cross-origin-opener-policy") is None


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (b"application/x-www-form-urlencoded", b"a=1&b=%C3%A9", 200),
        (b"Application/X-WWW-Form-Urlencoded ; charset=utf-8", b"a=1", 200),
        (b"application/x-www-form-urlencoded", b"", 200),
        (b"application/json", b"{}", 400),
        (b"multipart/form-data; boundary=x", b"--x--", 400),
        (b"", b"a=1", 400),
        (b"application/x-www-form-urlencoded", b"a=%FF", 400),
        (b"application/x-www-form-urlencoded", b"a=\xff", 400),
        (b"application/x-www-form-urlencoded", b"a=%00", 400),
        (b"application/x-www-form-urlencoded", b"&".join([b"a=1"] * 201), 400),
    ],
)
async def test_a_body_that_is_no_form_is_refused(content_type, body, status):
    answer = await Browser.of(post("/", read_form)).ask(
        "POST", "/", headers=[(b"content-type", content_type)], body=[body]
    )
    assert answer.status == status


async def test_a_field_that_came_twice_is_refused_and_no_fault():
    async def take(request: Request) -> Response:
        return PlainTextResponse((await request.form()).get("a") or "")

    assert (await Browser.of(post("/", take)).post("/", b"a=1&a=2")).status == 400


async def test_a_body_above_the_limit_is_refused_before_it_is_read():
    taken = 0

    def endless():
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"x" * (BODY_LIMIT // 2)

    chunks = endless()

    async def receive():
        return {"type": "http.request", "body": next(chunks), "more_body": True}

    statuses = []

    async def send(message):
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        "client": None,
    }
    await Browser.of(post("/", read_form)).app(scope, receive, send)
    assert statuses[0] == 413
    assert taken == 3


async def test_a_client_that_hangs_up_is_not_answered():
    answer = await Browser.of(post("/", read_form)).ask(
        "POST", "/", headers=[(b"content-type", b"application/x-www-form-urlencoded")], body=[b"a"], hangs_up=True
    )
    assert answer is None


async def test_a_body_that_never_ends_is_given_up(monkeypatch):
    import anyio

    monkeypatch.setattr("carekey.web.kit.BODY_SECONDS", 0.01)

    async def receive():
        await anyio.sleep_forever()

    statuses = []

    async def send(message):
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        "client": None,
    }
    await Browser.of(post("/", read_form)).app(scope, receive, send)
    assert statuses[0] == 408


@pytest.mark.parametrize(
    ("headers", "form", "status"),
    [
        ({}, b"way=passkey&csrf={token}", 200),
        ({b"origin": ORIGIN.encode(), b"sec-fetch-site": b"same-origin"}, b"way=passkey&csrf={token}", 200),
        ({}, b"way=passkey", 403),
        ({}, b"way=passkey&csrf=", 403),
        ({}, b"way=passkey&csrf=wrong", 403),
        ({}, b"way=passkey&csrf=%C3%A9", 403),
        ({}, b"way=passkey&csrf={token}&csrf={token}", 403),
        ({}, b"csrf=%FF", 403),
        ({b"origin": b"https://evil.example"}, b"csrf={token}", 403),
        ({b"origin": b"null"}, b"csrf={token}", 403),
        ({b"sec-fetch-site": b"cross-site"}, b"csrf={token}", 403),
        ({b"sec-fetch-site": b"same-site"}, b"csrf={token}", 403),
        ({b"origin": b"http://id.example"}, b"csrf={token}", 403),
        ({b"origin": b"https://id.example.evil.example"}, b"csrf={token}", 403),
    ],
)
async def test_a_form_is_taken_from_our_own_page_in_the_same_browser_alone(headers, form, status):
    at = site()
    token = csrf.token(at.csrf_key, "browser-secret").encode()
    answer = await Browser.of(post("/", read_own_form), at=at).post(
        "/", form.replace(b"{token}", token), headers=headers.items()
    )
    assert answer.status == status


async def test_a_token_of_another_browser_is_refused():
    at = site()
    token = csrf.token(at.csrf_key, "another-secret").encode()
    assert (await Browser.of(post("/", read_own_form), at=at).post("/", b"csrf=" + token)).status == 403


async def test_a_header_in_no_known_encoding_does_no_harm():
    headers = [(b"x-forwarded-for", b"\xff\xfe"), (b"cookie", b"\xff=\xfe; a"), (b"accept-encoding", b"\xff")]

    async def zone(request: Request) -> Response:
        return PlainTextResponse(f"{request.zone} {len(request.cookies)}")

    answer = await Browser.of(get("/", zone), peer="192.0.2.1").get("/", headers=headers)
    assert answer.status == 200
    assert answer.text.startswith("internet")


async def test_several_lines_of_x_forwarded_for_are_one_list():
    async def zone(request: Request) -> Response:
        return PlainTextResponse(request.zone)

    browser = Browser.of(get("/", zone), peer="192.0.2.1")
    lines = [(b"x-forwarded-for", b"10.1.1.1"), (b"x-forwarded-for", b"203.0.113.5")]
    assert (await browser.get("/", headers=lines)).text == "internet"
    assert (await browser.get("/", headers=lines[:1])).text == "hscn"
