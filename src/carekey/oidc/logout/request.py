"""A logout request, checked. Pure, but for finding the client. Source: RP-Initiated Logout 1.0 sections 2 to 4."""

from collections.abc import Callable
from dataclasses import dataclass

from carekey.kernel.ids import ClientId, IssuerName, PersonId
from carekey.oidc import subject
from carekey.oidc.authorize.errors import Reason, Unreturnable
from carekey.oidc.authorize.parameters import LIMITS, is_plain
from carekey.oidc.id_token_hint import Hint
from carekey.oidc.model import Client, Issuer
from carekey.web.fields import Fields

_LIMITS = {
    "id_token_hint": LIMITS["id_token_hint"],
    "client_id": LIMITS["client_id"],
    "post_logout_redirect_uri": LIMITS["redirect_uri"],
    "state": LIMITS["state"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    hint: Hint | None = None
    person: PersonId | None = None
    """Whom the hint names."""
    client: Client | None = None
    return_to: str | None = None
    """Registered by that client."""
    state: str | None = None


def read(
    fields: Fields,
    issuer: Issuer,
    find: Callable[[IssuerName, ClientId], Client | None],
    hinted: Callable[[str], Hint | None],
) -> LogoutRequest:
    """A hint that cannot be read any more is passed over: the person still wants to log out, and is asked.

    Raises: Unreturnable.
    """
    if fields.repeated() & _LIMITS.keys():
        raise Unreturnable(Reason.REPEATED_PARAMETER)
    given = {name: fields.get(name) for name in _LIMITS}
    if not all(is_plain(value or "", _LIMITS[name]) for name, value in given.items()):
        raise Unreturnable(Reason.MALFORMED)
    hint = hinted(given["id_token_hint"]) if given["id_token_hint"] else None
    said = given["client_id"]
    if hint is not None and said not in {None, hint.client}:
        raise Unreturnable(Reason.ID_TOKEN_HINT, client=said or "")
    client_id = hint.client if hint else ClientId(said) if said else None
    client = find(issuer.name, client_id) if client_id else None
    return_to = given["post_logout_redirect_uri"]
    if return_to is not None and (client is None or return_to not in client.post_logout_redirect_uris):
        # An unreadable hint may have named the client; then there is nobody to return to.
        if given["id_token_hint"] and hint is None and client is None:
            return LogoutRequest()
        raise Unreturnable(Reason.UNREGISTERED_REDIRECT_URI, client=client_id or "")
    if client is not None and client.disabled_at is not None:
        return_to = None  # who wants to log out does, and stays with us
    person = subject.person(hint.sub, client, issuer) if hint and client else None
    return LogoutRequest(hint=hint, person=person, client=client, return_to=return_to, state=given["state"])
