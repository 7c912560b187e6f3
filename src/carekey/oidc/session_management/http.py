"""{issuer}/connect/checkSession, the page in the application's frame."""

from carekey.oidc import endpoints
from carekey.oidc.model import Issuer
from carekey.web import assets
from carekey.web.kit import Request, Response, Route, get

# Any application may have it in a frame; it shows nothing and takes no form.
_POLICY = "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"


class CheckSession:
    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def routes(self) -> list[Route]:
        return [get(endpoints.path(self._issuer, endpoints.CHECK_SESSION), self._frame)]

    async def _frame(self, request: Request) -> Response:
        cookie, script = request.site.cookies.browser_state(self._issuer.name), assets.address("check-session.js")
        page = (
            f'<!doctype html><html lang="en" data-cookie="{cookie}"><title>Session</title>'
            f'<script type="module" src="{script}"></script></html>'
        )
        headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
        return Response(page, media_type="text/html", headers=headers)
