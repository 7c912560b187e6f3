"""The address that a hidden frame loads so that an application drops its cookies (Front-Channel Logout 1.0)."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from carekey.kernel.ids import SessionId
from carekey.oidc.model import Client, Issuer


def address(client: Client, issuer: Issuer, session: SessionId) -> str | None:
    """Section 2: with `iss` and `sid`, added to a query that is there already, if the client registered that it needs
    them. None if the client has no such address."""
    if client.frontchannel_logout_uri is None or not client.frontchannel_logout_session_required:
        return client.frontchannel_logout_uri
    parts = urlsplit(client.frontchannel_logout_uri)
    told = urlencode({"iss": issuer.url, "sid": session})
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))
