"""What an authenticator gives the application, and how its pages find their attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carekey.authenticators.base import Attempt, Credential, Way
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import LoginId
from carekey.kernel.secret import Secret
from carekey.web.kit import Request, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A credential in words, for lists of ways to log in (ux.md B2)."""

    kind: str
    """"Security key", "Windows Hello" …"""
    label: str
    aal: AAL | None
    """None if it is no longer accepted."""
    facts: tuple[str, ...] = ()


class Authenticator(Protocol):
    """One line in `app/registry.py`: its ways, its pages, and where their templates lie."""

    @property
    def kind(self) -> str: ...
    @property
    def ways(self) -> tuple[Way, ...]: ...
    @property
    def sandbox_only(self) -> bool:
        """Proves too little for real people: a production configuration that enables it does not start."""
        ...

    @property
    def templates(self) -> Mapping[str, Path]: ...
    def routes(self) -> Sequence[Route]: ...
    def describe(self, credential: Credential) -> Described: ...


def browser_of(request: Request) -> tuple[LoginId, Secret | None]:
    """The log-in that the address names, and the secret of the browser that began it, if this is the one."""
    id = LoginId(request.params["id"])
    secret = request.cookies.get(request.site.cookies.login(id))
    return id, Secret(secret) if secret else None


def remembered(request: Request, attempt: Attempt) -> bool:
    """Whether the page is to offer "Not you? Log in as someone else". It never says who: the next person may read it."""
    return attempt.proven or request.site.cookies.session(attempt.issuer) in request.cookies
