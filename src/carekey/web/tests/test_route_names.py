"""What logs say of a path."""

from carekey.web.kit import _template


def test_a_path_is_named_without_its_parameters():
    assert _template("/login/abc/role", {"id": "abc"}) == "/login/{id}/role"
    assert _template("/register/t0ken/passkey/options", {"token": "t0ken"}) == "/register/{token}/passkey/options"
