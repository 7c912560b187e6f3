"""The settings about logging in without a browser at hand."""

from datetime import timedelta
from pathlib import Path

import pytest

from carekey.app import settings
from carekey.app.provider import issuers_of
from carekey.app.settings import SettingsError

PRODUCTION = 'environment = "production"\n[keys]\nmaster_file = "k"\n[database]\nurl = "sqlite:///x.db"\n'


def loaded(tmp_path: Path, issuer: str, *, more: str = "", url: str = "http://localhost:8000") -> settings.Settings:
    file = tmp_path / "carekey.toml"
    file.write_text(f'{more}[issuers.healthcare]\nurl = "{url}"\n{issuer}')
    return settings.load(file, {})


def test_a_request_waits_as_long_as_the_issuer_says(tmp_path: Path) -> None:
    (issuer,) = issuers_of(loaded(tmp_path, 'decoupled_lifetime = "5m"'))
    assert issuer.decoupled_lifetime == timedelta(minutes=5)
    with pytest.raises(SettingsError, match=r"issuers\.healthcare\.decoupled_lifetime"):
        loaded(tmp_path, 'decoupled_lifetime = "soon"')


def test_scripted_approval_is_for_sandboxes(tmp_path: Path) -> None:
    assert loaded(tmp_path, "sandbox = true\nscripted_approval = true").issuers["healthcare"].scripted_approval
    with pytest.raises(SettingsError, match="scripted_approval is for issuers with sandbox = true"):
        loaded(tmp_path, "scripted_approval = true")


def test_scripted_approval_is_refused_in_production(tmp_path: Path) -> None:
    url = "https://care.example"
    assert loaded(tmp_path, "sandbox = true", more=PRODUCTION, url=url).environment == "production"
    with pytest.raises(SettingsError, match="scripted_approval is for tests"):
        loaded(tmp_path, "sandbox = true\nscripted_approval = true", more=PRODUCTION, url=url)
