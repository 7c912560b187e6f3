"""What is in the certificates of this installation's cards: the usual two, changed as the settings say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509

from carekey.app.settings.section import SettingsError, duration
from carekey.app.settings.smartcards import CardAuthority, CardCertificateProfile
from carekey.authenticators.smartcard.authority.certificate_profiles import (
    EXTENDED_USAGES,
    USAGES,
    CertificateProfile,
    card_profiles,
    key_usage,
)


def profiles(found: CardAuthority, lifetime: timedelta) -> tuple[CertificateProfile, ...]:
    """`lifetime`: of those whose own is not set. Raises: SettingsError."""
    usual = card_profiles(lifetime)
    return tuple(_changed(one, found.profiles.get(one.purpose.value)) for one in usual)


def _changed(usual: CertificateProfile, given: CardCertificateProfile | None) -> CertificateProfile:
    if given is None:
        return usual
    path = f"card_authority.profiles.{usual.purpose.value}"
    changes: dict[str, Any] = {"policies": tuple(_identifier(f"{path}.policies", one) for one in given.policies)}
    if given.key_usage is not None:
        names = [_named(f"{path}.key_usage", one, USAGES) for one in given.key_usage]
        try:
            changes["key_usage"] = key_usage(*names)
        except ValueError:
            raise SettingsError(f"{path}.key_usage: encipherOnly and decipherOnly need keyAgreement.") from None
    if given.extended_key_usage is not None:
        at = f"{path}.extended_key_usage"
        changes["extended_key_usage"] = tuple(
            EXTENDED_USAGES.get(one) or _identifier(at, one, EXTENDED_USAGES) for one in given.extended_key_usage
        )
    if given.lifetime is not None:
        changes["lifetime"] = duration(f"{path}.lifetime", given.lifetime)
    return replace(usual, **changes)


def _named(path: str, name: str, known: Mapping[str, str]) -> str:
    found = known.get(name)
    if found is None:
        raise SettingsError(f"{path} names {name!r}, which is none of {', '.join(known)}.")
    return found


def _identifier(path: str, text: str, names: Sequence[str] | Mapping[str, Any] = ()) -> x509.ObjectIdentifier:
    try:
        return x509.ObjectIdentifier(text)
    except ValueError:
        also = "".join(f"{one}, " for one in names)
        raise SettingsError(f"{path} holds {text!r}, which is neither {also}nor a dotted object identifier.") from None
