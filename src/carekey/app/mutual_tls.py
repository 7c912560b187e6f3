"""Mutual TLS as the settings want it: what the API host answers, and whose certificates it takes."""

from collections.abc import Sequence

from carekey.app import certificates
from carekey.app.settings import Settings
from carekey.oidc.client_auth.tls_client_auth import ClientAuthorities
from carekey.oidc.model import Issuer
from carekey.oidc.mtls.http import on_api_host
from carekey.web.kit import Route


def authorities(found: Settings) -> ClientAuthorities | None:
    """Raises: SettingsError."""
    api = found.api_host
    if api.url is None or api.anchors is None:
        return None
    between = certificates.read(api.intermediates, "api_host.intermediates") if api.intermediates else ()
    return ClientAuthorities(certificates.read(api.anchors, "api_host.anchors"), between)


def routes(found: Settings, main: Sequence[Route], issuers: Sequence[Issuer]) -> list[Route]:
    """Those of the main listener that are on the API host too."""
    return [route for issuer in issuers for route in on_api_host(main, issuer, proxied=found.api_host.proxied)]
