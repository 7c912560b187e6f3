"""Phones as the settings want them: which models are accepted, and for which facets."""

from pathlib import Path

import msgspec

from carekey.app.settings import Settings, SettingsError
from carekey.authenticators.phone.http import Phone
from carekey.authenticators.phone.terms import FACETS, Terms, carekey_phone
from carekey.authenticators.uaf.facets import trusted_facets
from carekey.authenticators.uaf.metadata import Metadata as UafMetadata
from carekey.authenticators.uaf.metadata import Model, read_statements
from carekey.authenticators.uaf.model import RelyingParty as UafRelyingParty


def terms(found: Settings) -> Terms:
    """Raises: SettingsError."""
    models = [carekey_phone()] if found.uaf.carekey_phone else []
    models += _statements(Path(found.uaf.statements)) if found.uaf.statements else []
    if not models and offered(found):
        raise SettingsError("No phone is accepted: set uaf.statements, or uaf.carekey_phone = true.")
    try:
        facets = trusted_facets(
            found.uaf.app_id or found.origin() + FACETS,
            [*sorted(found.origins()), *found.uaf.facets],
            loopback=not found.secure(),
        )
    except ValueError as error:
        raise SettingsError(f"uaf.app_id or uaf.facets cannot be used: {error}.") from None
    return Terms(
        party=UafRelyingParty(
            facets=facets, metadata=UafMetadata.of(models, test_models=found.environment != "production")
        ),
        origin=found.origin(),
        per_person=found.uaf.per_person,
        conformance=found.uaf.conformance,
    )


def _statements(folder: Path) -> list[Model]:
    try:
        texts = [(file.name, file.read_bytes()) for file in sorted(folder.glob("*.json"))]
    except OSError as error:
        raise SettingsError(f"uaf.statements: {folder} cannot be read: {error.strerror}.") from None
    try:
        models, skipped = read_statements((name, msgspec.json.decode(text, type=dict)) for name, text in texts)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"uaf.statements: a file in {folder} is not a JSON object ({error}).") from None
    if skipped:
        raise SettingsError(f"uaf.statements: {skipped[0].entry} cannot be used: {skipped[0].why}.")
    return models


def offered(found: Settings) -> bool:
    return any(way.name in issuer.ways for issuer in found.issuers.values() for way in Phone.ways)
