"""What signs tokens: the part of `jose.signer.Signer` that the provider needs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol


class Signs(Protocol):
    async def refresh(self, now: datetime, *, alg: str) -> None:
        """Have a key of this algorithm ready."""
        ...

    def sign(self, claims: Mapping[str, Any], *, alg: str, typ: str = "JWT") -> str: ...
