"""Attested client keys as the settings want them: whose word an issuer takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from carekey.app.settings import Settings, SettingsError
from carekey.jose.jwt import InvalidKeySet, KeySet
from carekey.oidc.client_auth.attest_jwt_client_auth import CHALLENGE, PROOF, Attesters
from carekey.oidc.client_auth.challenge_http import ChallengeHttp
from carekey.oidc.dpop.http import with_nonce
from carekey.oidc.dpop.nonces import Nonces
from carekey.oidc.model import Issuer
from carekey.web.kit import Route


def with_challenges(
    issuer: Issuer, routes: Sequence[Route], challenges: Nonces, dpop_nonces: Nonces | None
) -> list[Route]:
    """The same, and the endpoint for challenges, if the issuer takes anybody's word. Whoever sends a proof learns with
    every answer which challenge the next one needs."""
    if not issuer.client_attesters:
        return list(routes)
    return [
        *with_nonce(routes, challenges, proof=PROOF, told=CHALLENGE),
        *ChallengeHttp(issuer=issuer, challenges=challenges, dpop_nonces=dpop_nonces).routes(),
    ]


def attesters(found: Settings, issuer: Issuer, challenges: Nonces) -> Attesters | None:
    """Raises: SettingsError."""
    file = found.issuers[issuer.name].client_attesters
    if file is None:
        return None
    setting = f"issuers.{issuer.name}.client_attesters"
    try:
        keys = KeySet.of_jwks(msgspec.json.decode(Path(file).read_bytes(), type=dict[str, Any]))
    except OSError as error:
        raise SettingsError(f"{setting}: {file} cannot be read: {error.strerror}.") from None
    except (InvalidKeySet, msgspec.DecodeError, UnicodeDecodeError):
        raise SettingsError(f"{setting}: {file} holds no JWK Set.") from None
    if not len(keys):
        raise SettingsError(f"{setting}: {file} has no public key that verifies signatures.")
    return Attesters(keys, challenges)
