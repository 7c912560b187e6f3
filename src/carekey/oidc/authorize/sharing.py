"""What a third party would be told, in the words of the page that asks for it (ux.md A7)."""

from collections.abc import Collection, Mapping
from typing import Any

from carekey.login.model import Links
from carekey.oidc.model import Client

_WORDS = {
    "profile": "your name and user ID",
    "email": "your email address",
    "nhsperson": "your title, your names and how your identity was checked",
    "associatedorgs": "the organisations you work for",
    "nationalrbacaccess": "your roles, and what each allows",
    "professionalmemberships": "your professional registration numbers",
    "organisationalmemberships": "your memberships of organisations",
    "selectedrole": "the role you are acting in",
    "changedrole": "the role you are acting in",
    "offline_access": "the same information later, while you are not logged in",
}


def items(scopes: Collection[str], requested_claims: Mapping[str, Any], resource: str | None = None) -> tuple[str, ...]:
    """Each once, in the order asked for. Never empty: that somebody has an account is information too."""
    words = ["that you have an account here, and your user ID"]
    words += [_WORDS[scope] for scope in scopes if scope in _WORDS]
    if any(requested_claims.get(place) for place in ("userinfo", "id_token")):
        words.append("single items of these that it asks for by name")
    if resource is not None:
        words.append(f"what {resource} lets it see and do in your name")
    return tuple(dict.fromkeys(words))


def links(client: Client) -> Links:
    """What the client registered about itself (OpenID Connect Registration section 2), besides its logo
    (`clients/logo.py`)."""
    if not client.consent:  # people are not asked
        return Links()
    return Links(
        site=_page(client.client_uri),
        policy=_page(client.metadata.get("policy_uri")),
        terms=_page(client.metadata.get("tos_uri")),
    )


def _page(address: Any) -> str | None:
    """Metadata may be older than its checks: no `javascript:` ever gets onto a page."""
    return address if isinstance(address, str) and address.startswith(("https://", "http://")) else None
