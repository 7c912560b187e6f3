"""GET /patients/{bed}: a patient's record, for whoever may read it and logged in well enough, a short while ago."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from authlib.oauth2.rfc6749.errors import OAuth2Error
from httpx2 import AsyncBaseTransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from records.config import Config
from records.tokens import ProviderOutOfReach, Tokens

SCOPE = "records.read"
LEVEL, ACR_VALUES = 3, "AAL3_ANY"
MAX_AGE = 300
"""Seconds since the person proved who they are."""

RECORDS = {
    "1": {"patient": "Edwin Ashdown", "allergies": ["Penicillin"], "note": "Walks with one helper."},
    "2": {"patient": "Mabel Okafor", "allergies": [], "note": "Dressing every second day."},
    "3": {"patient": "Priya Lindqvist", "allergies": ["Latex"], "note": "Home today with her daughter."},
    "4": {"patient": "Tomasz Verity", "allergies": [], "note": "Antibiotics until Sunday."},
}
"""Nobody in it is real."""


def make_app(
    config: Config,
    *,
    clock: Callable[[], float] = time.time,  # noqa: TID251 (the edge)
    transport: AsyncBaseTransport | None = None,
) -> ASGIApp:
    """`transport`: how it reaches the provider, if not over the network."""
    tokens = Tokens(config.issuer, config.name, transport=transport)

    async def record(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return JSONResponse({}, 401, {"www-authenticate": "Bearer"})
        try:
            claims = await tokens.claims(token, scope=SCOPE)
        except OAuth2Error as error:
            return challenge(error.status_code, error=error.error, scope=SCOPE)
        except ProviderOutOfReach:
            return JSONResponse({"error": "temporarily_unavailable"}, 503)
        wanting = insufficient(claims, now=clock())
        if wanting is not None:
            return wanting
        found = RECORDS.get(request.path_params["bed"])
        return (
            JSONResponse({"error": "not_found"}, 404)
            if found is None
            else JSONResponse({**found, "for": claims["sub"]})
        )

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Route("/patients/{bed}", record), Route("/healthz", alive)])


def insufficient(claims: Mapping[str, Any], *, now: float) -> Response | None:
    """RFC 9470 section 3: the token is good, and the log-in behind it is not good enough."""
    if int(claims.get("authentication_assurance_level", 0)) < LEVEL:
        return _again("A very high security log-in is needed")
    if now - claims.get("auth_time", 0) > MAX_AGE:
        return _again(f"A log-in of the last {MAX_AGE // 60} minutes is needed")
    return None


def _again(why: str) -> Response:
    # Both demands each time: who logs in again should not have to do so twice.
    wanted = {"acr_values": ACR_VALUES, "max_age": str(MAX_AGE)}
    return challenge(401, error="insufficient_user_authentication", error_description=why, **wanted)


def challenge(status: int, **said: str) -> Response:
    value = "Bearer " + ", ".join(f'{name}="{text}"' for name, text in said.items())
    return JSONResponse({"error": said["error"]}, status, {"www-authenticate": value, "cache-control": "no-store"})
