"""What an initial access token, or a team, lets a client be registered as. It holds for every later change too. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from carekey.oidc.clients.grant_types import CIBA
from carekey.oidc.clients.reading import FieldProblem, InvalidMetadata
from carekey.oidc.model import Allowance, Client


def applied(metadata: Mapping[str, Any], allowance: Allowance) -> dict[str, Any]:
    """The metadata with what the token settles, where the client leaves it open."""
    settled = dict(metadata)
    if allowance.profile is not None:
        settled.setdefault("profile", allowance.profile)
    if allowance.scopes is not None:
        settled.setdefault("scope", " ".join(sorted(allowance.scopes)))
    return settled


def check(client: Client, allowance: Allowance) -> None:
    """Raises: InvalidMetadata."""
    says = "the initial access token says" if allowance.team is None else "the settings of the team say"
    problems = []
    if allowance.profile not in {None, client.profile}:
        problems.append(FieldProblem("profile", f"must be {allowance.profile}: {says} so"))
    if allowance.grant_types is not None and not allowance.grant_types.issuperset(client.grant_types):
        allowed = ", ".join(sorted(allowance.grant_types))
        problems.append(FieldProblem("grant_types", f"can be {allowed} alone: {says} so"))
    if CIBA in client.grant_types and CIBA not in (allowance.grant_types or ()):  # it rings at anybody's phone
        problems.append(FieldProblem("grant_types", f"has {CIBA}, which the initial access token has to name"))
    if allowance.scopes is not None and not allowance.scopes.issuperset(client.scopes or {""}):
        allowed = " ".join(sorted(allowance.scopes))
        problems.append(FieldProblem("scope", f"can be {allowed} alone: {says} so"))
    hosts = {urlsplit(uri).hostname or "" for uri in (*client.redirect_uris, *client.post_logout_redirect_uris)}
    if allowance.hosts is not None and not allowance.hosts.issuperset(hosts):
        allowed = ", ".join(sorted(allowance.hosts))
        problems.append(FieldProblem("redirect_uris", f"can be at {allowed} alone: {says} so"))
    if problems:
        raise InvalidMetadata(problems)
