"""Settings of the API host, where applications show certificates of their own (RFC 8705)."""

from collections.abc import Collection
from typing import Literal

import msgspec

from carekey.app.settings.section import Section, SettingsError, check_tls_host, duration

_EXAMPLE = "https://api.login.example"


class ApiHost(Section, frozen=True):
    url: str | None = None
    """Where applications reach the API host, such as `https://api.login.example`: an origin of its own, which discovery
    tells in `mtls_endpoint_aliases`. Without this setting there is no mutual TLS."""
    host: str = "127.0.0.1"
    """Address that the API host listens on."""
    port: int = 8444
    """Port that the API host listens on."""
    certificate: str | None = None
    """PEM file with the API host's certificate chain."""
    private_key: str | None = None
    """PEM file with that certificate's private key."""
    proxied: bool = False
    """A proxy ends TLS and says in `Client-Cert` (RFC 9440) what it was shown. It is believed from `server.proxies`
    alone, and nobody else is answered. See `deploy/`."""
    anchors: str | None = None
    """PEM file with the authorities whose certificates applications may authenticate with (`tls_client_auth`).
    Without it they can use self-signed ones only, which they register."""
    intermediates: str | None = None
    """PEM file with the authorities between anchors and applications. What an application sends along is used too."""
    revocation: Literal["require", "if_available", "off"] = "if_available"
    """Whether certificates of these authorities are looked up in revocation lists. One that is revoked is refused. With
    `require` so is one of which nothing current can be had; with `if_available` that one counts."""
    revocation_methods: list[Literal["crl", "ocsp"]] = msgspec.field(default_factory=lambda: ["crl"])
    """How revocation is asked about, the preferred way first; what one cannot tell the next is asked. Certificates name
    their lists and responders."""
    revocation_responders: list[str] = []
    """URLs of OCSP responders for certificates that name none."""
    revocation_grace: str | None = None
    """How long after its end the last revocation list still counts, such as `4h`. By default not at all."""


def check(api: ApiHost, *, origins: Collection[str], proxies: Collection[str], shared: bool) -> None:
    """`shared`: whether two processes can share the database. Raises: SettingsError."""
    if api.url is None:
        return
    check_tls_host(
        "api_host",
        api.url,
        example=_EXAMPLE,
        own_tls=api.certificate is not None and api.private_key is not None,
        proxied=api.proxied,
        proxies=proxies,
        shared=shared,
    )
    if "*" in api.url:
        raise SettingsError(f"api_host.url must be one origin without a *, such as {_EXAMPLE}.")
    if api.url in origins:
        raise SettingsError("api_host.url must not be an issuer's origin: browsers would be asked for certificates.")
    if api.intermediates is not None and api.anchors is None:
        raise SettingsError("api_host.intermediates needs api_host.anchors: whom do they lead to?")
    if api.revocation == "require" and api.anchors is None:
        raise SettingsError("api_host.revocation needs api_host.anchors: whose certificates are looked up?")
    if api.revocation_grace is not None:
        duration("api_host.revocation_grace", api.revocation_grace)
