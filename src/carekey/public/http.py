"""The public pages over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from starlette.responses import PlainTextResponse

from carekey.authenticators.base import Way
from carekey.kernel.ids import IssuerName
from carekey.kernel.unit_of_work import Store
from carekey.public import changelog
from carekey.public.ports import Application, PublicTx, PublishedIssuer
from carekey.web import assets
from carekey.web.cookies import Cookies
from carekey.web.kit import Handler, Request, Response, Route, get, page

TEMPLATES = Path(__file__).parent / "templates"

# In the wheel it lies beside this module, in the repository at the top.
_CHANGELOG = (Path(__file__).parent / "CHANGELOG.md", Path(__file__).parents[3] / "CHANGELOG.md")

_LAST_WAY = "Remembers how you last logged in, such as “passkey”, and not who you are"
_DEMO = "Guards the page of demo people"

_ROBOTS = """User-agent: *
Disallow: /authorize
Disallow: /login/
Disallow: /logout
Disallow: /device
Disallow: /requests
Disallow: /register/
"""


class Public:
    """`ready` tells whether requests can be served now: the store answers, and signing keys are there."""

    def __init__(
        self,
        store: Store[PublicTx],
        *,
        version: str,
        issuers: Sequence[PublishedIssuer],
        ways: Sequence[Way],
        ready: Callable[[], Awaitable[bool]],
        remembers_way: bool = True,
        demo: str | None = None,
        contact: str | None = None,
        security_contact: str | None = None,
    ) -> None:
        """`remembers_way`: whether a browser keeps the name of the way last used. `demo`: address of the demo's start page. `contact`: how to reach the service desk, in words.
        `security_contact`: a `mailto:` or `https:` address for reports of weaknesses."""
        self._store = store
        self._version = version
        self._issuers = issuers
        self._ways = ways
        self._ready = ready
        self._remembers_way = remembers_way
        self._demo = demo
        self._contact = contact
        self._security_contact = security_contact
        self._releases = changelog.parse(next(path for path in _CHANGELOG if path.exists()).read_text("utf-8"))

    def routes(self) -> list[Route]:
        return [
            get("/", self.home),
            get("/applications", self.applications),
            get("/releases", self.releases),
            get("/help", self._fixed("help")),
            get("/accessibility", self._fixed("accessibility")),
            get("/privacy", self.privacy),
            get("/favicon.ico", self.icon),
            get("/robots.txt", self.robots),
            get("/healthz", self.alive),
            get("/readyz", self.ready),
            *([get("/.well-known/security.txt", self.security)] if self._security_contact else []),
        ]

    def _fixed(self, name: str) -> Handler:
        async def show(request: Request) -> Response:
            return page(request, f"public/{name}.html", ways=self._ways, contact=self._contact, version=self._version)

        return show

    async def home(self, request: Request) -> Response:
        return page(request, "public/home.html", issuers=self._issuers, demo=self._demo)

    async def applications(self, request: Request) -> Response:
        clients = await self._store.read(_listed)
        by_issuer = [
            (issuer, [client for client in clients if client.issuer == issuer.name]) for issuer in self._issuers
        ]
        return page(request, "public/applications.html", by_issuer=by_issuer)

    async def releases(self, request: Request) -> Response:
        return page(request, "public/releases.html", releases=self._releases, version=self._version)

    async def privacy(self, request: Request) -> Response:
        return page(request, "public/privacy.html", contact=self._contact, cookies=self._cookies(request.site.cookies))

    def _cookies(self, cookies: Cookies) -> list[tuple[str, str, str]]:
        """Name, purpose and duration of every cookie that the installation sets."""
        return [
            *(
                (
                    cookies.session(IssuerName(issuer.name)),
                    "Knows that you are logged in, so that a second application need not ask again",
                    "Until you close the browser. We end the log in itself sooner",
                )
                for issuer in self._issuers
            ),
            *(
                (
                    cookies.browser_state(IssuerName(issuer.name)),
                    "Lets applications see whether the log in is still the same, and nothing else",
                    "Until you close the browser or log out",
                )
                for issuer in self._issuers
                if issuer.session_management
            ),
            (
                cookies.named("login-…"),
                "Keeps a log in to the browser that began it. Each log in has its own",
                "Until the log in ends",
            ),
            (cookies.device(), "Guards the page where you enter the code of a device", "Until you close the browser"),
            (
                cookies.logged_out(),
                "Lets the page after a log out say which applications have been told",
                "10 minutes",
            ),
            (
                cookies.turn(),
                "Has your browser forget pages of the person before you, and says nothing about either",
                "10 minutes",
            ),
            *([(cookies.last_way(), _LAST_WAY, "90 days")] if self._remembers_way else []),
            *([(cookies.named("demo"), _DEMO, "Until you close the browser")] if self._demo else []),
        ]

    async def icon(self, _request: Request) -> Response:  # for answers that are no page and name no icon
        icon = assets.files()["carekey.svg"]
        return Response(icon.content, media_type=icon.media_type, headers={"cache-control": "public, max-age=86400"})

    async def robots(self, _request: Request) -> Response:
        return PlainTextResponse(_ROBOTS)

    async def security(self, request: Request) -> Response:
        """RFC 9116. It is made anew for each reader, so it never runs out."""
        expires = request.site.clock.now() + timedelta(days=180)
        return PlainTextResponse(
            f"Contact: {self._security_contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\nPreferred-Languages: en\n"
        )

    async def alive(self, _request: Request) -> Response:
        """Whether the process is there: an orchestrator restarts it if not."""
        return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})

    async def ready(self, _request: Request) -> Response:
        """Whether a load balancer should send requests here."""
        fine = await self._ready()
        return PlainTextResponse(
            "ready\n" if fine else "not ready\n", 200 if fine else 503, headers={"cache-control": "no-store"}
        )


def _listed(tx: PublicTx) -> list[Application]:
    return [client for client in tx.clients.list() if client.listed and client.disabled_at is None]
