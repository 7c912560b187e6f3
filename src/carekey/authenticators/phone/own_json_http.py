"""JSON between CareKey Phone and its server."""

from typing import TypeVar

import msgspec
from starlette.responses import JSONResponse

from carekey.web import csrf, headers
from carekey.web.kit import Request, Response

T = TypeVar("T")

_LIMIT = 4096
"""Bytes."""


async def read(request: Request, kind: type[T]) -> T | None:
    """What one of our own pages sent: no form of another site can send it. None if it is anything else."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" or not csrf.same_origin(request.headers, origins=request.site.origins):
        return None
    try:
        return msgspec.json.decode(await request.limited_body(_LIMIT), type=kind)
    except (ValueError, RecursionError):  # msgspec's own, text that is no UTF-8, and nesting without end
        return None


def said(body: object, *, status: int = 200) -> Response:
    response = JSONResponse(body, status)
    response.raw_headers.append(headers.NO_STORE)
    return response
