"""Pages: the start page, the answer to the provider, what was received, and the way out."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from httpx2 import AsyncBaseTransport
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ward import asks, claims, keys, records
from ward.config import Config
from ward.relying_party import NotLoggedIn, NotThisPerson, RelyingParty
from ward.sessions import Session, Sessions
from ward.work import WORK

HERE = Path(__file__).parent
LARGEST_LOGOUT = 16 * 1024
_NO_STORE = {"cache-control": "no-store"}


def make_app(
    config: Config,
    *,
    clock: Callable[[], float] = time.time,  # noqa: TID251 (the edge)
    transport: AsyncBaseTransport | None = None,
) -> ASGIApp:
    """`transport`: how it reaches the provider, if not over the network."""
    ward = Ward(config, clock=clock, transport=transport)
    routes = [
        Route("/", ward.home),
        Route("/log-in/{ask}", ward.log_in),
        Route("/callback", ward.callback),
        Route("/received", ward.received),
        Route("/sign", ward.sign, methods=["POST"]),
        Route("/record/{bed:int}", ward.record),
        Route("/record/{bed:int}/log-in", ward.log_in_for_record),
        Route("/log-out", ward.log_out, methods=["POST"]),
        Route("/logged-out", ward.logged_out),
        Route("/backchannel-logout", ward.backchannel_logout, methods=["POST"]),
        Route("/jwks.json", ward.jwks),
        Route("/healthz", _alive),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(routes=routes, exception_handlers={404: ward.not_found, 500: ward.fault})
    return SecurityHeaders(app, form_targets=(config.issuer,))


class Ward:
    def __init__(self, config: Config, *, clock: Callable[[], float], transport: AsyncBaseTransport | None) -> None:
        key = keys.load_or_make(config.data)
        self._config = config
        self._transport = transport
        self._party = RelyingParty(config, key, clock=clock, transport=transport)
        self._sessions = Sessions(port=config.port, secure=config.url.startswith("https:"))
        self._jwks = keys.public(key)
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._pages.globals.update(config=config, asks=asks, work=WORK[config.kind])
        self._pages.filters.update(
            moment=_moment, meaning=claims.meaning, json=_json, role_title=claims.role_title, amr=_amr
        )
        self._pages.globals["security"] = claims.SECURITY

    async def home(self, request: Request) -> Response:
        session = self._sessions.of(request)
        return self._page("home.html" if session.logged_in else "start.html", session)

    async def log_in(self, request: Request) -> Response:
        ask = asks.ASKS.get(request.path_params["ask"])
        if ask is None:
            return await self.not_found(request, None)
        return await self._begin(self._sessions.of(request), ask, back_to="/")

    async def _begin(self, session: Session, ask: asks.Ask, *, back_to: str) -> Response:
        try:
            address, started = await self._party.begin(ask, was=session.logged_in, back_to=back_to)
        except NotLoggedIn as error:
            return self._problem(error, session, status=503)
        session.start(started)
        return self._sessions.keep(session, RedirectResponse(address, 303))

    async def callback(self, request: Request) -> Response:
        session = self._sessions.of(request)
        started = session.started.pop(request.query_params.get("state", ""), None)
        if started is None:
            return self._problem(
                NotLoggedIn(
                    "This log-in was not started here",
                    "It was finished before, or was started in another browser, or this browser keeps no cookies.",
                ),
                session,
                status=400,
            )
        try:
            session.logged_in = await self._party.finish(started, dict(request.query_params))
        except NotThisPerson as error:
            return self._problem(error, session, status=403)
        except NotLoggedIn as error:
            return self._problem(error, session, status=200 if error.code else 502, retry=started.ask)
        return self._sessions.keep(session, RedirectResponse(started.back_to, 303), renew=True)

    async def received(self, request: Request) -> Response:
        session = self._sessions.of(request)
        if session.logged_in is None:
            return RedirectResponse("/", 303)
        token = dict(session.logged_in.token_response)
        del token["id_token"]
        token.pop("expires_at", None)  # Authlib's own
        token["access_token"] = f"{token['access_token'][:6]}… ({len(token['access_token'])} characters)"
        userinfo = session.logged_in.userinfo
        plain = {name: value for name, value in userinfo.items() if isinstance(value, str)}
        return self._page("received.html", session, token=token, plain=plain)

    async def sign(self, request: Request) -> Response:
        """Something that wants very high security, whatever the log-in wanted: step-up."""
        session = self._sessions.of(request)
        if not _from_our_page(request, self._config) or session.logged_in is None:
            return RedirectResponse("/", 303)
        if session.logged_in.aal < asks.STEP_UP.minimum_aal:
            return self._page("step-up.html", session)
        session.work.append(WORK[self._config.kind].done)
        return RedirectResponse("/", 303)

    async def record(self, request: Request) -> Response:
        """Shown by another service, which decides for itself whether the log-in will do."""
        session, bed = self._sessions.of(request), request.path_params["bed"]
        if session.logged_in is None or self._config.records is None:
            return RedirectResponse("/", 303)
        at = f"{self._config.records_at or self._config.records}/patients/{bed}"
        try:
            token = await self._party.token_for(self._config.records, records.SCOPE, session.logged_in)
            record = await records.fetch(at, token, self._transport)
        except records.BetterLogInWanted as wanted:
            session.wanted = wanted.ask
            return self._page("record-step-up.html", session, why=wanted.why, bed=bed)
        except NotLoggedIn as error:
            return self._problem(error, session, status=502)
        return self._page("record.html", session, record=record)

    async def log_in_for_record(self, request: Request) -> Response:
        session = self._sessions.of(request)
        if session.wanted is None:
            return RedirectResponse("/", 303)
        return await self._begin(session, session.wanted, back_to=f"/record/{request.path_params['bed']}")

    async def log_out(self, request: Request) -> Response:
        session = self._sessions.of(request)
        if not _from_our_page(request, self._config):
            return RedirectResponse("/", 303)
        target = "/logged-out"
        if session.logged_in is not None:  # at the provider too: on a shared computer somebody else logs in next
            try:
                target = await self._party.log_out_address(session.logged_in.id_token)
            except NotLoggedIn as error:
                return self._problem(error, session, status=503)
        return self._sessions.drop(session, RedirectResponse(target, 303))

    async def logged_out(self, request: Request) -> Response:
        return self._page("logged-out.html", self._sessions.of(request))

    async def backchannel_logout(self, request: Request) -> Response:
        """The provider tells, server to server, that a session has ended. The answers are those of OpenID Connect
        Back-Channel Logout 1.0 section 2.8; a session that is not known here has ended here too."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_LOGOUT:
                return PlainTextResponse("too large\n", 400)
        token = parse_qs(body.decode("latin-1")).get("logout_token", [""])[0]
        try:
            self._sessions.end(await self._party.logged_out(token))
        except NotLoggedIn as error:
            return JSONResponse({"error": "invalid_request", "error_description": error.what}, 400, _NO_STORE)
        return PlainTextResponse("", 200, _NO_STORE)

    async def jwks(self, _: Request) -> Response:
        return JSONResponse(self._jwks, headers={"cache-control": "max-age=300"})

    async def not_found(self, request: Request, _: Exception | None) -> Response:
        error = NotLoggedIn("Page not found", "Check the address.")
        return self._problem(error, self._sessions.of(request), status=404)

    async def fault(self, request: Request, _: Exception) -> Response:
        error = NotLoggedIn("Sorry, there is a problem with this application", "Try again in a minute.")
        return self._problem(error, self._sessions.of(request), status=500)

    def _page(self, template: str, session: Session, *, status: int = 200, **context: Any) -> Response:
        html = self._pages.get_template(template).render(session=session, logged_in=session.logged_in, **context)
        return HTMLResponse(html, status, headers={"cache-control": "no-store"})

    def _problem(self, error: NotLoggedIn, session: Session, *, status: int, retry: asks.Ask | None = None) -> Response:
        return self._page("problem.html", session, status=status, error=error, retry=retry)


class SecurityHeaders:
    def __init__(self, app: ASGIApp, *, form_targets: tuple[str, ...]) -> None:
        self._app = app
        targets = " ".join(("'self'", *("/".join(target.split("/", 3)[:3]) for target in form_targets)))
        self._headers = {
            "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action {targets}",
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers)


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _from_our_page(request: Request, config: Config) -> bool:
    """Other applications on this machine differ by port alone, which SameSite does not look at."""
    return request.headers.get("origin") == config.url


def _moment(seconds: float) -> str:
    when = datetime.fromtimestamp(seconds).astimezone()
    return f"{when.day} {when:%B %Y, %H:%M:%S}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _amr(values: list[str]) -> str:
    said = ", ".join(claims.AMR.get(value, value) for value in values)
    return said[:1].upper() + said[1:]
