import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carekey.oidc.clients.redirect_uris import flaw, matches

REGISTERED = ("https://app.example/callback", "https://app.example/cb?tenant=1")
LOOPBACK = ("http://127.0.0.1/cb", "http://[::1]:4000/cb", "org.example.app:/cb")


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "https://app.example/cb",
            "https://app.example",
            "https://app.example:8443/a/b?c=d",
            "https://[2001:db8::1]/cb",
        ),
        *("https://APP.example/Cb", "https://app.example/a%2Fb"),
    ],
)
def test_addresses_that_a_web_application_may_register(uri: str) -> None:
    assert flaw(uri, kind="web", loopback_http=False) is None


@pytest.mark.parametrize("uri", ["http://localhost:8001/cb", "http://127.0.0.1:8001/cb", "http://[::1]/cb"])
def test_plain_http_on_loopback_is_for_sandboxes_and_native_applications(uri: str) -> None:
    assert flaw(uri, kind="web", loopback_http=True) is None
    assert flaw(uri, kind="native", loopback_http=False) is None
    assert "sandboxes" in (flaw(uri, kind="web", loopback_http=False) or "")


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("", "absolute"),
        ("/callback", "https"),
        ("//app.example/cb", "https"),
        ("app.example/cb", "https"),
        ("https://", "host"),
        ("https:///cb", "host"),
        ("https://app.example/cb#", "fragment"),
        ("https://app.example/cb#x", "fragment"),
        ("https://*.example/cb", "wildcard"),
        ("https://app.example/*", "wildcard"),
        ("https://app.example\\@evil.example/cb", "backslash"),
        ("https://user@app.example/cb", "user name"),
        ("https://user:pass@app.example/cb", "user name"),
        ("https://app.example/a b", "spaces"),
        ("https://app.example/\n", "plain characters"),
        ("https://äpp.example/cb", "plain characters"),
        ("https://app.example:99999/cb", "valid"),
        ("https://[::1/cb", "valid"),
        ("http://app.example/cb", "https"),
        ("http://127.0.0.1.evil.example/cb", "https"),
        ("http://localhost.evil.example/cb", "https"),
        ("javascript:alert(1)", "https"),
        ("data:text/html,x", "https"),
        ("urn:ietf:wg:oauth:2.0:oob", "https"),
        ("org.example.app:/cb", "https"),
        ("https://app.example/" + "a" * 2000, "plain characters"),
    ],
)
@pytest.mark.parametrize("loopback_http", [True, False])
def test_addresses_that_a_web_application_may_not_register(uri: str, says: str, loopback_http: bool) -> None:
    assert says in (flaw(uri, kind="web", loopback_http=loopback_http) or "")


@pytest.mark.parametrize("uri", ["org.example.app:/cb", "com.example-two.app://cb"])
def test_rfc8252_7_1_a_native_application_may_have_a_scheme_of_its_own(uri: str) -> None:
    assert flaw(uri, kind="native", loopback_http=False) is None


@pytest.mark.parametrize(
    "uri", ["myapp:/cb", "javascript:alert(1)", "data:,x", "file:///etc/passwd", "http://app.example/"]
)
def test_rfc8252_7_1_but_not_a_short_or_dangerous_one(uri: str) -> None:
    assert flaw(uri, kind="native", loopback_http=False) is not None


def test_rfc9700_2_1_the_comparison_is_exact() -> None:
    assert all(matches(uri, REGISTERED) for uri in REGISTERED)


@pytest.mark.parametrize(
    "uri",
    [
        *("https://app.example/callback/", "https://app.example/callback?", "https://app.example/callback#x"),
        *("https://APP.example/callback", "HTTPS://app.example/callback", "https://app.example:443/callback"),
        *("https://app.example/Callback", "https://app.example/%63allback", "https://app.example/./callback"),
        *("https://app.example/callback/../callback", "https://app.example.evil.example/callback", ""),
        *("https://app.example/cb?tenant=2", "https://app.example/cb", "https://app.example/callback%20"),
        *("https://app.example@evil.example/callback", "https://app.example/callback\n", "http://app.example/callback"),
    ],
)
@pytest.mark.parametrize("kind", ["web", "native"])
def test_rfc9700_2_1_anything_else_does_not_match(uri: str, kind) -> None:
    assert not matches(uri, REGISTERED, kind=kind)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://[::1]:1/cb", "http://[::1]/cb"]
)
def test_rfc8252_7_3_the_port_of_a_native_loopback_address_is_free(uri: str) -> None:
    assert matches(uri, LOOPBACK, kind="native")


def test_rfc8252_7_3_that_is_for_native_applications_alone() -> None:
    assert not matches("http://127.0.0.1:51004/cb", LOOPBACK, kind="web")


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "http://127.0.0.1:51004/cb/",
            "http://127.0.0.1:51004/cb?x=1",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
        ),
        *("https://127.0.0.1:51004/cb", "http://127.0.0.2:51004/cb", "http://localhost:51004/cb"),
        *("http://127.0.0.1:51004@evil.example/cb", "http://127.0.0.1.evil.example:5/cb", "http://127.0.0.1:5\n/cb"),
        *("http://127.0.0.1:51004", "http://127.0.0.1:51004/CB", "org.example.app:/cb2", "http://[::1]:٣/cb"),
    ],
)
def test_rfc8252_7_3_and_only_the_port(uri: str) -> None:
    assert not matches(uri, LOOPBACK, kind="native")


@given(st.text(), st.lists(st.text(), max_size=4), st.sampled_from(["web", "native"]))
@example("http://127.0.0.1:1/", ["http://127.0.0.1/"], "native")
def test_whatever_matches_is_registered_but_for_a_loopback_port(uri: str, registered: list[str], kind) -> None:
    if matches(uri, registered, kind=kind) and uri not in registered:
        assert kind == "native"
        assert uri.startswith(("http://127.0.0.1", "http://[::1]"))


@given(st.text(alphabet="htps:/@#*\\.127014650[]?&=%ab\n ", max_size=40))
def test_no_text_upsets_the_rules(uri: str) -> None:
    problem = flaw(uri, kind="native", loopback_http=True)
    assert problem is None or problem
    assert not matches(uri, ["https://app.example/cb"])


@given(st.sampled_from(REGISTERED), st.data())
def test_no_edit_of_a_registered_address_matches(uri: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(uri)))
    edited = (
        uri[:position] + data.draw(st.text(min_size=1, max_size=3)) + uri[position + data.draw(st.integers(0, 2)) :]
    )
    assert matches(edited, REGISTERED, kind="native") is (edited in REGISTERED)
