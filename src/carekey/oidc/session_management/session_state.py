"""`session_state`, by which an application asks whether the session is still the same. Pure.

Source: OpenID Connect Session Management 1.0 sections 2 and 3.2. `web/static/check-session.js` computes the same.
"""

import hashlib
from urllib.parse import urlsplit

from carekey.jose import base64url
from carekey.kernel.ids import ClientId, SessionId


def browser_state(session: SessionId) -> str:
    """What a script of ours can read in the browser: the same as long as the session is, and good for nothing else."""
    return _digest(f"carekey browser state {session}")


def session_state(client: ClientId, redirect_uri: str, browser_state: str, salt: str) -> str:
    """For the pages of the redirect address's origin."""
    return f"{_digest(f'{client} {_origin(redirect_uri)} {browser_state} {salt}')}.{salt}"


def _origin(address: str) -> str:
    """As browsers write it: without the scheme's default port."""
    parts = urlsplit(address)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    authority = parts.netloc.lower().rpartition("@")[2]
    return f"{parts.scheme}://{authority.removesuffix(f':{default}')}"


def _digest(text: str) -> str:
    return base64url.encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
