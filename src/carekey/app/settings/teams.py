"""Settings of the teams that use the Connection Manager."""

import re
from collections.abc import Collection, Mapping

from carekey.app.settings.section import Section, SettingsError


class Team(Section, frozen=True):
    secret_sha256: str
    """Digest of the team's secret, as `carekey clients team` prints it. A new secret goes here; access tokens of the old
    one are dead at once."""
    issuer: str | None = None
    """The issuer of the team's applications, by its short name; the first if it is not set."""
    hosts: list[str] | None = None
    """Hosts that their redirect addresses may be at; any, if it is not set."""
    scopes: list[str] | None = None
    """Scopes that they may ask for; any, if it is not set."""
    first_party: bool = False
    """They are of this house: people are not asked before information is shared."""


def check(teams: Mapping[str, Team], issuers: Collection[str]) -> None:
    """Raises: SettingsError."""
    for id, team in teams.items():
        if not re.fullmatch("[A-Za-z0-9-]{1,64}", id):
            raise SettingsError(f"teams.{id}: the id must be 1 to 64 letters, digits and hyphens.")
        if not re.fullmatch("[0-9a-f]{64}", team.secret_sha256):
            raise SettingsError(
                f"teams.{id}.secret_sha256 must be 64 hexadecimal digits: `carekey clients team` makes one."
            )
        if team.issuer is not None and team.issuer not in issuers:
            raise SettingsError(f"teams.{id}.issuer is {team.issuer!r}; there are {', '.join(issuers)}.")
