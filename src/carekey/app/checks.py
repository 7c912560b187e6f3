"""What settings must not ask for: each is well formed, and together they make no sense or no safe service."""

from carekey.app import card_authority, card_profiles, registry
from carekey.app.settings import Settings, SettingsError
from carekey.authenticators.smartcard.terms import WAY as CARD
from carekey.oidc.profiles import PROFILES
from carekey.web.zones import INTERNET


def check(found: Settings) -> None:
    """Raises: SettingsError."""
    _check_profiles(found)
    _check_ways(found)
    card_profiles.profiles(found.card_authority, card_authority.card_lifetime(found))


def _check_profiles(found: Settings) -> None:
    """That an issuer is to keep a profile that there is not."""
    choices = ", ".join(name for name, profile in PROFILES.items() if profile.lacking is None)
    for name, issuer in found.issuers.items():
        profile = PROFILES.get(issuer.profile)
        if profile is None:
            raise SettingsError(f"issuers.{name}.profile is {issuer.profile!r}; there are {choices}.")
        if profile.lacking is not None:
            raise SettingsError(
                f"issuers.{name}.profile is {issuer.profile!r}, which needs {profile.lacking}, and CareKey does not "
                f"have that yet; there are {choices}."
            )


def _check_ways(found: Settings) -> None:
    """That an issuer offers a way that there is not, or that is not for real people."""
    kinds = {way.name: kind for kind in registry.AUTHENTICATORS for way in kind.ways}
    for name, issuer in found.issuers.items():
        if not issuer.ways:
            raise SettingsError(f"issuers.{name}.ways is empty: nobody could log in.")
        for way in issuer.ways:
            if way not in kinds:
                raise SettingsError(f"issuers.{name}.ways names {way!r}; there are {', '.join(kinds)}.")
            if kinds[way].sandbox_only and found.environment == "production":
                raise SettingsError(f"issuers.{name}.ways names {way!r}, which proves too little for production.")
            if kinds[way].sandbox_only and not issuer.sandbox:
                raise SettingsError(f"issuers.{name}.ways names {way!r}, which is for issuers with sandbox = true.")
            if way == CARD.name and found.smartcards.url is None:
                raise SettingsError(f"issuers.{name}.ways names {way!r}, which needs smartcards.url.")
            for zone in found.zones_of(way) or ():
                if zone not in found.zones and zone != INTERNET:
                    raise SettingsError(
                        f"issuers.{name}.ways names {way!r}, which is for the zone {zone} alone: "
                        f"give its addresses in zones.{zone}, or set ways.{way}.zones."
                    )
    for way in found.ways:
        if way not in kinds:
            raise SettingsError(
                f"There is no way to log in named {way!r} for [ways.{way}]; there are {', '.join(kinds)}."
            )
