"""Teams are settings, and their secret comes from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from carekey.app import settings
from carekey.app.command_line import app
from carekey.app.settings import SettingsError
from carekey.app.terminal import CommandError
from carekey.kernel.secret import digest
from support.installation import SANDBOX, whole

ISSUER = {
    "ISSUERS__SANDBOX__URL": SANDBOX,
    "ISSUERS__SANDBOX__SANDBOX": "true",
    "ISSUERS__SANDBOX__WAYS": '["password"]',
}
CONFIG = {"client_name": "Demo", "redirect_uris": ["https://app.example.test/callback"], "scope": "openid"}


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """The command line sends logs to its own stderr, which the runner closes."""
    yield
    structlog.reset_defaults()


def made(id: str = "acme") -> dict[str, str]:
    answer = CliRunner().invoke(app, ["clients", "team", id, "--json"])
    assert answer.exit_code == 0, answer.output
    return dict(json.loads(answer.output))


async def test_cis2_9_2_a_team_registers_and_changes_an_application(tmp_path: Path) -> None:
    team = made()
    assert digest(team["secret"]).hex() == team["secret_sha256"]
    given = {
        "TEAMS__ACME__SECRET_SHA256": team["secret_sha256"],
        "TEAMS__ACME__HOSTS": '["app.example.test"]',
        "TEAMS__ACME__SCOPES": '["openid"]',
    }
    async with whole(tmp_path, **ISSUER, **given) as site, site.browser() as browser:
        auth = await browser.post("/api/auth", headers={"authorization": f"SecretAuth {team['secret']}"})
        assert auth.json()["team_ids"] == ["acme"]
        headers = {"authorization": f"Bearer {auth.json()['access_token']}"}
        told = (await browser.post("/api/configs/acme", json=CONFIG, headers=headers)).json()
        assert told["client_config"]["token_endpoint_auth_method"] == "client_secret_post"
        path = f"/api/configs/acme/{told['id']}"
        read = (await browser.get(path, headers=headers)).json()
        assert read["hash"] == told["hash"]
        config = {**read["client_config"], "client_name": "Renamed"}
        for status in (200, 409):
            changed = await browser.put(path, params={"hash": read["hash"]}, json=config, headers=headers)
            assert changed.status_code == status
        beyond = {**CONFIG, "scope": "openid email"}
        refused = await browser.post("/api/configs/acme", json=beyond, headers=headers)
        said = "scope can be openid alone: the settings of the team say so"
        assert (refused.status_code, refused.json()["error_description"]) == (400, said)


async def test_without_a_team_there_is_no_connection_manager(tmp_path: Path) -> None:
    async with whole(tmp_path, **ISSUER) as site, site.browser() as browser:
        assert (await browser.post("/api/auth", headers={"authorization": "SecretAuth x"})).status_code == 404


def test_a_team_is_made_for_people_to_copy() -> None:
    answer = CliRunner().invoke(app, ["clients", "team", "acme"])
    assert answer.exit_code == 0
    assert "[teams.acme]" in answer.output
    assert "not shown again" in answer.output
    refused = CliRunner().invoke(app, ["clients", "team", "no/id"])
    assert isinstance(refused.exception, CommandError)
    assert "secret" not in refused.output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TEAMS__A.B__SECRET_SHA256": "0" * 63 + "f"}, r"teams\.a\.b: the id must"),
        ({"TEAMS__ACME__SECRET_SHA256": "secret"}, r"teams\.acme\.secret_sha256 must be 64"),
        ({"TEAMS__ACME__HOSTS": "[]"}, r"secret_sha256 is missing"),
        ({"TEAMS__ACME__SECRET_SHA256": "f" * 64, "TEAMS__ACME__ISSUER": "none"}, r"teams\.acme\.issuer .* sandbox"),
    ],
)
def test_settings_of_teams_that_are_wrong_are_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings.load(None, {f"CAREKEY_{name}": value for name, value in {**ISSUER, **given}.items()})
