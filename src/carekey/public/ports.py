"""What the public pages need of a store, and of those who set them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Application(Protocol):
    """The part of a client that the public may see."""

    @property
    def issuer(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def client_uri(self) -> str | None: ...
    @property
    def listed(self) -> bool: ...
    @property
    def disabled_at(self) -> datetime | None: ...


class Applications(Protocol):
    def list(self) -> Sequence[Application]:
        """Of every issuer, by name."""
        ...


class PublicTx(Protocol):
    @property
    def clients(self) -> Applications: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedIssuer:
    name: str
    """As the settings and its clients know it."""
    url: str
    sandbox: bool = False
    session_management: bool = False

    @property
    def title(self) -> str:
        return self.name.replace("-", " ").capitalize()

    @property
    def discovery(self) -> str:
        """OpenID Connect Discovery section 4."""
        return f"{self.url.removesuffix('/')}/.well-known/openid-configuration"
