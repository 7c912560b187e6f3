"""AppID and trusted facets (section 10)."""

import json

import pytest

from carekey.authenticators.uaf.facets import TrustedFacets, origin, trusted_facets
from carekey.authenticators.uaf.messages import UAF_1_0, UAF_1_1

APP_ID = "https://id.example/uaf/facets"
ANDROID = "android:apk-key-hash:2jmj7l5rSw0yVb/vlWAYkK/YBwk"
IOS = "ios:bundle-id:uk.example.id"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://id.example", "https://id.example"),
        ("https://id.example/", "https://id.example"),
        ("HTTPS://ID.Example:443", "https://id.example"),
        ("https://id.example:8443", "https://id.example:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("http://localhost:80/", "http://localhost"),
        ("http://id.example", ""),
        ("https://id.example/path", ""),
        ("https://id.example?q", ""),
        ("https://id.example/#", ""),
        ("https://user@id.example", ""),
        ("https://id.exa\nmple", ""),
        ("https://id.example ", ""),
        ("https://ïd.example", ""),
        ("https://id.example:99999", ""),
        ("https://[id.example", ""),
        ("https://", ""),
        ("https:id.example", ""),
        ("id.example", ""),
        ("", ""),
    ],
)
def test_10_1_web_origins_have_one_form(text, normal):
    assert origin(text) == normal


def test_10_4_only_listed_facets_are_trusted_and_exactly():
    facets = trusted_facets(APP_ID, ["https://id.example/", "https://App.id.example:8443", ANDROID, IOS])
    for facet in ("https://id.example", "HTTPS://id.example:443/", "https://app.id.example:8443", ANDROID, IOS):
        assert facets.trusts(facet), facet
    for facet in (
        "",
        "https://evil.example",
        "https://x.id.example",
        "https://app.id.example",
        "http://id.example",
        "https://id.example/path",
        ANDROID.lower(),
        IOS + ".more",
        IOS.upper(),
    ):
        assert not facets.trusts(facet), facet


@pytest.mark.parametrize(
    "facet",
    [
        "https://other.example",
        "https://notid.example",
        "http://id.example",
        "http://localhost:8000",
        "https://id.example/path",
        "https://*.id.example",
        "android:apk-key-hash:short",
        "ios:bundle-id:",
        "com.example.app",
        "",
    ],
)
def test_10_2_a_facet_that_a_client_would_drop_is_not_listed(facet):
    if facet == "https://*.id.example":
        assert not trusted_facets(APP_ID, [facet]).trusts("https://x.id.example")
    else:
        with pytest.raises(ValueError):
            trusted_facets(APP_ID, [facet])


@pytest.mark.parametrize("app_id", ["http://id.example", "id.example", "", "https://id.example/" + "a" * 500])
def test_10_4_the_app_id_is_an_https_address(app_id):
    with pytest.raises(ValueError):
        trusted_facets(app_id, [])


def test_10_2_a_registrable_domain_may_be_named():
    assert trusted_facets(APP_ID, ["https://ward.example"], domain="example").trusts("https://ward.example")
    with pytest.raises(ValueError):
        trusted_facets(APP_ID, [], domain="other")


def test_development_may_use_this_machine():
    facets = trusted_facets("http://localhost:8000/uaf/facets", ["http://localhost:8000"], loopback=True)
    assert facets.trusts("http://localhost:8000/")


def test_10_2_the_document_has_an_entry_for_each_version():
    facets = TrustedFacets(app_id=APP_ID, ids=frozenset({"https://id.example", ANDROID}))
    ids = [ANDROID, "https://id.example"]
    assert json.loads(facets.document((UAF_1_0, UAF_1_1))) == {
        "trustedFacets": [
            {"version": {"major": 1, "minor": 0}, "ids": ids},
            {"version": {"major": 1, "minor": 1}, "ids": ids},
        ]
    }
