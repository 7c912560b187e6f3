"""Wires the Connection Manager: the teams of the settings, and its endpoints if there is a team."""

import hashlib
import hmac
from collections.abc import Sequence

from carekey import __version__
from carekey.app.settings import Settings
from carekey.app.settings import Team as TeamSettings
from carekey.jose.sealing import Sealing
from carekey.oidc.clients.connection_manager import ConnectionManager, Team
from carekey.oidc.clients.connection_manager_docs_http import ConnectionManagerDocs
from carekey.oidc.clients.connection_manager_http import ConnectionManagerHttp
from carekey.oidc.clients.judge import Judge
from carekey.oidc.fetch import Fetcher
from carekey.oidc.model import Allowance, Issuer
from carekey.storage.store import Store
from carekey.web.kit import Route, Site


def routes(
    found: Settings, issuers: Sequence[Issuer], store: Store, sealing: Sealing, site: Site, master: bytes
) -> list[Route]:
    if not found.teams:
        return []
    by_name = {str(issuer.name): issuer for issuer in issuers}
    teams = [_team(id, team, by_name[team.issuer] if team.issuer else issuers[0]) for id, team in found.teams.items()]
    manager = ConnectionManager(teams, key=_key(master), store=store, sealing=sealing, entropy=site.entropy)
    docs = ConnectionManagerDocs(teams[0].judge.issuer, server=found.origin(), version=__version__)
    return [*ConnectionManagerHttp(manager).routes(), *docs.routes()]


def _key(master: bytes) -> bytes:
    return hmac.digest(master, b"carekey: access tokens of teams", hashlib.sha256)


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
            fetch=Fetcher(private=issuer.private_fetches).get,
        ),
    )
