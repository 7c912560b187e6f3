"""Wires the registration of clients: its rules from the settings, and the endpoint if there is to be one."""

from pathlib import Path
from typing import Any

import msgspec

from carekey.app import master_key
from carekey.app.foundation import Foundation, fetcher
from carekey.app.settings import SettingsError
from carekey.app.settings.issuers import Issuer as IssuerSettings
from carekey.jose.jwt import InvalidKeySet, KeySet
from carekey.oidc.clients.http import RegistrationHttp
from carekey.oidc.clients.registration import ClientRegistration
from carekey.oidc.model import Issuer, Registration
from carekey.web.kit import Route


def rules(name: str, issuer: IssuerSettings) -> Registration | None:
    """Raises: SettingsError."""
    if issuer.registration.who == "nobody":
        return None
    for name_of, most in (("by_address", issuer.registration.by_address), ("in_all", issuer.registration.in_all)):
        if most < 1:
            raise SettingsError(f"issuers.{name}.registration.{name_of} is {most}; it must be at least 1.")
    return Registration(
        open=issuer.registration.who == "anybody",
        statements={iss: _keys(name, file) for iss, file in issuer.registration.statements.items()},
        by_address=issuer.registration.by_address,
        in_all=issuer.registration.in_all,
    )


def _keys(name: str, file: str) -> dict[str, Any]:
    where = f"issuers.{name}.registration.statements"
    try:
        jwks: dict[str, Any] = msgspec.json.decode(Path(file).read_bytes(), type=dict[str, Any])
        usable = len(KeySet.of_jwks(jwks))
    except OSError as error:
        raise SettingsError(f"{where}: {file} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, InvalidKeySet):
        usable = 0
    if usable == 0:
        raise SettingsError(f"{where}: {file} is no JWK Set with a key that can verify signatures.")
    return jwks


def pairwise_key(master: bytes, issuer: str) -> bytes:
    """As good as the master key: to lose it is to call everybody by another name."""
    return master_key.derived(master, f"pairwise subjects of {issuer}", digest="sha512")


def routes(base: Foundation, issuer: Issuer) -> list[Route]:
    if issuer.registration is None:
        return []
    registration = ClientRegistration(
        issuer=issuer,
        rules=issuer.registration,
        store=base.store,
        fetch=fetcher(issuer).get,
        sealing=base.sealing,
        entropy=base.entropy,
    )
    return RegistrationHttp(issuer=issuer, registration=registration).routes()
