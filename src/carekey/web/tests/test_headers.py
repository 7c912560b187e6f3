import pytest

from carekey.web.headers import content_security_policy


@pytest.mark.parametrize(
    ("origins", "source"),
    [
        ([], "'self'"),
        ([""], "'self'"),
        (["https://ward.example"], "'self' https://ward.example"),
        (["http://127.0.0.1:8001"], "'self' http://127.0.0.1:8001"),
        (["com.example.app:"], "'self' com.example.app:"),
        (["http://[::1]:8001"], "'self' http:"),
        (["https://b.example", "https://a.example"], "'self' https://a.example https://b.example"),
    ],
)
def test_csp3_a_form_may_end_at_the_origins_named(origins, source):
    assert content_security_policy(origins).decode().endswith(f"; form-action {source}")


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example; script-src *",
        "https://a.example/path",
        "https://a.example *",
        "*",
        "https://*.example",
        "https://a.example\r\nx: y",
        "https://é.example",
        "'unsafe-inline'",
    ],
)
def test_nothing_can_be_added_to_the_policy(origin):
    with pytest.raises(ValueError):
        content_security_policy([origin])


def test_frames_of_other_origins_are_named_one_by_one():
    assert "frame-src" not in content_security_policy().decode()
    policy = content_security_policy(frame_src=["https://b.example", "https://a.example:8443", "https://b.example"])
    assert policy.decode().endswith("; frame-src https://a.example:8443 https://b.example")
    with pytest.raises(ValueError, match="not an origin"):
        content_security_policy(frame_src=["https://a.example; script-src *"])
