"""Who sends a message: what it brings along, and how it is found again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carekey.kernel.ids import LoginId
from carekey.kernel.secret import Secret
from carekey.web.kit import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    now: datetime
    reference: str
    zone: str
    browser: Callable[[LoginId], Secret | None]
    """The secret of the browser that began this log-in, if it is the one that sends."""


def caller_of(request: Request) -> Caller:
    cookies, names = request.cookies, request.site.cookies

    def browser(login: LoginId) -> Secret | None:
        secret = cookies.get(names.login(login))
        return Secret(secret) if secret else None

    return Caller(now=request.site.clock.now(), reference=request.reference, zone=request.zone, browser=browser)
