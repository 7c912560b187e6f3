"""Cookies: host-only, HttpOnly, Lax, and `__Host-` wherever the service is reached by https."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from carekey.kernel.ids import IssuerName, LoginId

LOGINS_AT_ONCE = 20
"""Log-ins that one browser may have begun and not ended. Each has a cookie; without a bound another site could have so
many begun that the browser drops the session's, or a proxy refuses the request."""

_SAFE = re.compile(r"[A-Za-z0-9._~+/=-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """How this installation names and sets its cookies.

    Cookies ignore ports, so on plain http (loopback alone) the port is part of the name and instances side by
    side on one machine leave each other's alone.
    """

    secure: bool
    port: int

    def named(self, base: str) -> str:
        return f"__Host-{base}" if self.secure else f"{base}-{self.port}"

    def session(self, issuer: IssuerName) -> str:
        return self.named(f"session-{issuer}")

    def login(self, id: LoginId) -> str:
        """One a log-in, so that tabs opened in the same instant do not overwrite each other's."""
        return self.named(f"login-{id[:12]}")

    def surplus_logins(self, sent: Iterable[str]) -> list[str]:
        """Of the names of cookies that a browser sent, oldest first (RFC 6265 section 5.4), those to drop before one
        more log-in begins."""
        return self.logins(sent)[: 1 - LOGINS_AT_ONCE]

    def logins(self, sent: Iterable[str]) -> list[str]:
        """Of the names of cookies that a browser sent, those of log-ins."""
        pattern = re.compile(re.escape(self.named("login-\0")).replace(re.escape("\0"), "[A-Za-z0-9_-]{1,12}"))
        return [name for name in sent if pattern.fullmatch(name)]

    def logged_out(self) -> str:
        """Holds what the session cookies held, for the page that says who has been told."""
        return self.named("logged-out")

    def device(self) -> str:
        """Guards the forms of the page for device codes."""
        return self.named("device")

    def browser_state(self, issuer: IssuerName) -> str:
        """Tells scripts of ours, in a frame of an application, whether the session is still the same."""
        return self.named(f"state-{issuer}")

    def turn(self) -> str:
        """Another value for each person who says "Not you?", and nothing about them."""
        return self.named("turn")

    def last_way(self) -> str:
        """Holds the name of the way to log in used last, and nothing about the person."""
        return self.named("last")

    def put(self, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
        """`max_age`: seconds; without it the cookie goes when the browser closes.

        Raises: ValueError, for a name or value that could end the cookie and begin something else.
        """
        age = "" if max_age is None else f"; Max-Age={max_age}"
        self._set(response, name, value, f"; HttpOnly; SameSite=Lax{age}")

    def show(self, response: Response, name: str, value: str) -> None:
        """A cookie that scripts may read, in frames of other sites too; it proves nothing. Raises: ValueError."""
        self._set(response, name, value, "; SameSite=None" if self.secure else "; SameSite=Lax")

    def _set(self, response: Response, name: str, value: str, attributes: str) -> None:
        """Raises: ValueError."""
        if not _SAFE.fullmatch(name) or not _SAFE.fullmatch(value):
            raise ValueError("not fit for a cookie")
        secure = "; Secure" if self.secure else ""
        response.raw_headers.append((b"set-cookie", f"{name}={value}; Path=/{attributes}{secure}".encode("latin-1")))

    def drop(self, response: Response, name: str) -> None:
        self.put(response, name, "", max_age=0)
