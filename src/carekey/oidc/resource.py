"""Which resource an access token is for, and with which scopes (RFC 8707 section 2.2)."""

from carekey.oidc.errors import InvalidScope, InvalidTarget, Reason
from carekey.oidc.model import Client, Grant, Issuer, Resource
from carekey.web.fields import Fields


def allowed(uri: str, client: Client, issuer: Issuer) -> Resource:
    """Raises: InvalidTarget."""
    resource = issuer.resources.get(uri)
    if resource is None:
        raise InvalidTarget(reason=Reason.UNKNOWN_RESOURCE)
    if uri not in client.resources:
        raise InvalidTarget(reason=Reason.RESOURCE_NOT_REGISTERED)
    return resource


def asked(fields: Fields, client: Client, issuer: Issuer) -> Resource | None:
    """An issuer without resources does not know the parameter, and passes it over. Raises: InvalidTarget."""
    if not issuer.resources:
        return None
    # A token for two audiences could be used by either against the other (RFC 9700 section 4.9.3).
    if "resource" in fields.repeated():
        raise InvalidTarget("Ask for a token for one resource at a time", reason=Reason.SEVERAL_RESOURCES)
    uri = fields.get("resource")
    return None if uri is None else allowed(uri, client, issuer)


def granted(fields: Fields, grant: Grant, client: Client, issuer: Issuer) -> Resource | None:
    """One that the authorization request named. Raises: InvalidTarget."""
    resource = asked(fields, client, issuer)
    if resource is not None and resource.uri != grant.resource:
        raise InvalidTarget(reason=Reason.RESOURCE_NOT_GRANTED)
    return resource


def registered(client: Client, resource: Resource | None) -> frozenset[str]:
    """What a client may have whom no person grants anything: what was registered for it by name. "Every scope" means
    those of people."""
    scopes = client.scopes or frozenset()
    return scopes if resource is None else scopes & resource.scopes


def chosen(fields: Fields, offered: frozenset[str]) -> tuple[str, ...]:
    """Those asked for, or all. Raises: InvalidScope."""
    text = fields.get("scope")
    scopes = tuple(sorted(offered)) if text is None else tuple(dict.fromkeys(text.split()))
    if not offered.issuperset(scopes):
        raise InvalidScope(reason=Reason.SCOPE_NOT_REGISTERED)
    return scopes
