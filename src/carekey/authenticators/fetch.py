"""The way out to addresses that the operator or an authority named: bounded in size and time.

They may be in private ranges: the services of a health network are. For addresses that a client chose there is `oidc/fetch.py`.
"""

import asyncio
import ssl

import httpx2


class NotFetched(Exception):
    """Nothing came, or not what was asked for. The text is for the log."""


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
    # The machine's own authorities: those of a health network are seldom public ones.
    trust = await asyncio.to_thread(ssl.create_default_context) if url.startswith("https:") else False
    try:
        async with (
            asyncio.timeout(seconds),
            httpx2.AsyncClient(verify=trust, trust_env=False, timeout=seconds) as client,
            client.stream(method, url, content=content, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise NotFetched(f"status {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    raise NotFetched("too large")
            return bytes(body)
    except (TimeoutError, httpx2.TimeoutException):
        raise NotFetched("too slow") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        raise NotFetched("no answer") from None
