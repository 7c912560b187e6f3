"""The way out to addresses that the operator or an authority named: bounded in size and time.

They may be in private ranges: the services of a health network are. For addresses that a client chose there is `oidc/fetch.py`.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

import httpx2


class NotFetched(Exception):
    """Nothing came, or not what was asked for. The text is for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    body: bytes
    validators: dict[str, str] = field(default_factory=dict)
    """Headers with which to ask again whether it has changed (RFC 9110 section 13.1)."""


async def fetch(
    url: str,
    *,
    limit: int,
    seconds: float,
    method: str = "GET",
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    """The body of an answer with status 200, of `limit` bytes at most, within `seconds` for everything.

    Follows no redirect, keeps no cookie, takes no proxy from the environment. Raises: NotFetched.
    """
    found = await _fetch(url, limit, seconds, method, content, headers or {})
    if found is None:
        raise NotFetched("status 304")
    return found.body


async def fetch_if_changed(url: str, *, limit: int, seconds: float, validators: dict[str, str]) -> Fetched | None:
    """As `fetch`; None if it is what it was when the server gave these validators. Raises: NotFetched."""
    found = await _fetch(url, limit, seconds, "GET", None, validators)
    if found is None and not validators:
        raise NotFetched("status 304")
    return found


async def _fetch(
    url: str, limit: int, seconds: float, method: str, content: bytes | None, headers: dict[str, str]
) -> Fetched | None:
    """Raises: NotFetched."""
    # The machine's own authorities: those of a health network are seldom public ones.
    trust = await asyncio.to_thread(ssl.create_default_context) if url.startswith("https:") else False
    try:
        async with (
            asyncio.timeout(seconds),
            httpx2.AsyncClient(verify=trust, trust_env=False, timeout=seconds) as client,
            client.stream(method, url, content=content, headers=headers) as response,
        ):
            if response.status_code == 304:
                return None
            if response.status_code != 200:
                raise NotFetched(f"status {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    raise NotFetched("too large")
            return Fetched(body=bytes(body), validators=_validators(response.headers))
    except (TimeoutError, httpx2.TimeoutException):
        raise NotFetched("too slow") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        raise NotFetched("no answer") from None


def _validators(answered: httpx2.Headers) -> dict[str, str]:
    """RFC 9110 section 13.2.2: the entity tag counts where there is one."""
    if tag := answered.get("etag"):
        return {"if-none-match": tag}
    return {"if-modified-since": date} if (date := answered.get("last-modified")) else {}
