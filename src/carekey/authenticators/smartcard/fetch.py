"""The way out to revocation lists and responders. Their addresses are named by authorities or by the operator, never by
a person or a client, and may be in private ranges: the lists of a health network are."""

from dataclasses import dataclass

from carekey.authenticators.fetch import Fetched, NotFetched, fetch, fetch_if_changed

__all__ = ["Fetched", "Fetcher", "NotFetched"]

LARGEST_LIST = 32 * 1024 * 1024
"""Bytes. A list of 100,000 entries takes 4 MB."""
LARGEST_ANSWER = 64 * 1024
TIME_LIMIT = 5.0
"""Seconds for a whole fetch: somebody may be waiting at a log-in page."""


@dataclass(frozen=True)
class Fetcher:
    time_limit: float = TIME_LIMIT

    async def crl(self, url: str, validators: dict[str, str]) -> Fetched | None:
        """None if it has not changed since these validators came with it. Raises: NotFetched."""
        return await fetch_if_changed(url, limit=LARGEST_LIST, seconds=self.time_limit, validators=validators)

    async def ocsp(self, url: str, question: bytes) -> bytes:
        """RFC 6960 appendix A.1. Raises: NotFetched."""
        headers = {"content-type": "application/ocsp-request", "accept": "application/ocsp-response"}
        return await fetch(
            url, limit=LARGEST_ANSWER, seconds=self.time_limit, method="POST", content=question, headers=headers
        )
