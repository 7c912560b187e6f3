import pytest
from starlette.responses import Response

from carekey.kernel.ids import IssuerName, LoginId
from carekey.web.cookies import Cookies


def set_by(cookies: Cookies, value: str = "secret", **more: int) -> str:
    response = Response()
    cookies.put(response, cookies.session(IssuerName("healthcare")), value, **more)
    return response.headers["set-cookie"]


def test_rfc6265bis_4_1_3_2_cookies_are_bound_to_the_host_wherever_there_is_tls():
    assert set_by(Cookies(secure=True, port=443)) == (
        "__Host-session-healthcare=secret; Path=/; HttpOnly; SameSite=Lax; Secure"
    )


def test_on_plain_loopback_the_port_keeps_neighbours_apart():
    assert set_by(Cookies(secure=False, port=8000)) == "session-healthcare-8000=secret; Path=/; HttpOnly; SameSite=Lax"


def test_a_cookie_may_outlive_the_browser_and_may_be_dropped():
    cookies = Cookies(secure=True, port=443)
    assert "; Max-Age=60" in set_by(cookies, max_age=60)
    response = Response()
    cookies.drop(response, "__Host-x")
    assert response.headers["set-cookie"].startswith("__Host-x=; ")
    assert "; Max-Age=0" in response.headers["set-cookie"]


def test_each_log_in_has_a_cookie_of_its_own():
    cookies = Cookies(secure=True, port=443)
    assert cookies.login(LoginId("a" * 43)) != cookies.login(LoginId("b" * 43))


@pytest.mark.parametrize("value", ["a;b", "a b", "a\r\nSet-Cookie: b", 'a"', "é", "a,b"])
def test_nothing_can_be_smuggled_into_a_cookie(value):
    with pytest.raises(ValueError):
        set_by(Cookies(secure=True, port=443), value)
