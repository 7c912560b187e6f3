"""The application's own sessions, kept on the server: a browser holds nothing but a random name."""

from dataclasses import dataclass, field

from authlib.common.security import generate_token
from starlette.requests import Request
from starlette.responses import Response

from ward.asks import Ask
from ward.relying_party import LoggedIn, Started

MOST_SESSIONS = 1000
MOST_STARTED = 50
"""Log-ins that one browser may have under way, each in its tab."""


@dataclass(slots=True)
class Session:
    id: str = ""
    started: dict[str, Started] = field(default_factory=dict)
    """By `state`."""
    logged_in: LoggedIn | None = None
    wanted: Ask | None = None
    """The log-in that the record service last wanted."""
    work: list[str] = field(default_factory=list)
    """What was signed in this session."""

    def start(self, started: Started) -> None:
        self.started[started.state] = started
        while len(self.started) > MOST_STARTED:
            del self.started[next(iter(self.started))]


class Sessions:
    """In memory: enough for one process. Cookies ignore ports, so the port is part of the name."""

    def __init__(self, *, port: int, secure: bool) -> None:
        self._cookie = f"__Host-ward-{port}" if secure else f"ward-{port}"
        self._secure = secure
        self._kept: dict[str, Session] = {}

    def of(self, request: Request) -> Session:
        return self._kept.get(request.cookies.get(self._cookie, ""), Session())

    def keep(self, session: Session, response: Response, *, renew: bool = False) -> Response:
        """`renew`: under a new name, as whoever knew the old one may not be the person who has just logged in.
        The old name remains good for log-ins under way in other tabs, and for nothing else."""
        if renew and session.id:
            self._kept[session.id] = Session(id=session.id, started=session.started)
        if renew or not session.id:
            session.id = generate_token(43)
        self._kept[session.id] = session
        while len(self._kept) > MOST_SESSIONS:
            del self._kept[next(iter(self._kept))]
        response.set_cookie(self._cookie, session.id, secure=self._secure, httponly=True, samesite="lax")
        return response

    def end(self, sid: str) -> None:
        """Whoever was logged in by that session of the provider is so no longer, in whichever browser."""
        for id, session in list(self._kept.items()):
            if session.logged_in is not None and session.logged_in.claims.get("sid") == sid:
                del self._kept[id]

    def drop(self, session: Session, response: Response) -> Response:
        self._kept.pop(session.id, None)
        response.delete_cookie(self._cookie, secure=self._secure, httponly=True, samesite="lax")
        return response
