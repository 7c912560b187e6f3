"""Wires the Connection Manager: the teams of the settings, and its endpoints if there is a team."""

from carekey import __version__
from carekey.app.foundation import Foundation, fetcher
from carekey.app.settings import Team as TeamSettings
from carekey.oidc.clients.connection_manager import ConnectionManager, Team
from carekey.oidc.clients.connection_manager_docs_http import ConnectionManagerDocs
from carekey.oidc.clients.connection_manager_http import ConnectionManagerHttp
from carekey.oidc.clients.judge import Judge
from carekey.oidc.model import Allowance, Issuer
from carekey.web.kit import Route


def routes(base: Foundation) -> list[Route]:
    found, first = base.settings, base.issuers[0]
    if not found.teams:
        return []
    by_name = {str(issuer.name): issuer for issuer in base.issuers}
    teams = [_team(id, team, by_name[team.issuer] if team.issuer else first) for id, team in found.teams.items()]
    manager = ConnectionManager(
        teams,
        key=base.derived("access tokens of teams"),
        store=base.store,
        sealing=base.sealing,
        entropy=base.entropy,
    )
    docs = ConnectionManagerDocs(teams[0].judge.issuer, server=found.origin(), version=__version__)
    return [*ConnectionManagerHttp(manager).routes(), *docs.routes()]


def _team(id: str, team: TeamSettings, issuer: Issuer) -> Team:
    return Team(
        id=id,
        secret=bytes.fromhex(team.secret_sha256),
        allowance=Allowance(
            scopes=None if team.scopes is None else frozenset(team.scopes),
            hosts=None if team.hosts is None else frozenset(team.hosts),
            first_party=team.first_party,
            team=id,
        ),
        judge=Judge(
            issuer=issuer,
            statements=issuer.registration.statements if issuer.registration else {},
            fetch=fetcher(issuer).get,
        ),
    )
