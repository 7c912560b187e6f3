"""What logs say of a path."""

import pytest
from starlette.responses import PlainTextResponse

from carekey.web.kit import Request, Response, get
from carekey.web.tests.site import Browser

pytestmark = pytest.mark.anyio


async def name(request: Request) -> Response:
    return PlainTextResponse(request.scope["route"])


ROUTES = [get(path, name) for path in ("/login/{id}/role", "/register/{token}/passkey/options", "/help")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/login/abc/role", "/login/{id}/role"),
        ("/register/t0ken/passkey/options", "/register/{token}/passkey/options"),
        ("/login/role/role", "/login/{id}/role"),
        ("/help", "/help"),
    ],
)
async def test_a_path_is_named_without_its_parameters(path, said):
    assert (await Browser.of(*ROUTES).get(path)).text == said
