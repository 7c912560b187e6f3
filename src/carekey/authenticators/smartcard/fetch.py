"""The way out to revocation lists and responders. Their addresses are named by authorities or by the operator, never by
a person or a client, and may be in private ranges: the lists of a health network are."""

import asyncio
from dataclasses import dataclass

import httpx2

LARGEST_LIST = 32 * 1024 * 1024
"""Bytes. A list of 100,000 entries takes 4 MB."""
LARGEST_ANSWER = 64 * 1024
TIME_LIMIT = 5.0
"""Seconds for a whole fetch: somebody may be waiting at a log-in page."""


class NotFetched(Exception):
    """Nothing came, or not what was asked for. The text is for the log."""


@dataclass(frozen=True)
class Fetcher:
    """Follows no redirect, keeps no cookie, takes no proxy from the environment."""

    time_limit: float = TIME_LIMIT

    async def crl(self, url: str) -> bytes:
        """Raises: NotFetched."""
        return await self._ask("GET", url, limit=LARGEST_LIST)

    async def ocsp(self, url: str, question: bytes) -> bytes:
        """RFC 6960 appendix A.1. Raises: NotFetched."""
        headers = {"content-type": "application/ocsp-request", "accept": "application/ocsp-response"}
        return await self._ask("POST", url, limit=LARGEST_ANSWER, content=question, headers=headers)

    async def _ask(
        self, method: str, url: str, *, limit: int, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        try:
            async with (
                asyncio.timeout(self.time_limit),
                httpx2.AsyncClient(trust_env=False, timeout=self.time_limit) as client,
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
