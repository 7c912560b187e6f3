"""The settings about APIs and access that lasts."""

from datetime import timedelta
from pathlib import Path

import pytest

from carekey.app import settings
from carekey.app.provider import issuers_of
from carekey.app.settings import SettingsError
from carekey.oidc.model import Resource

RECORDS = "https://records.example"


def loaded(tmp_path: Path, more: str) -> settings.Settings:
    file = tmp_path / "carekey.toml"
    file.write_text(f'[issuers.healthcare]\nurl = "http://localhost:8000"\n{more}')
    return settings.load(file, {})


def test_an_issuer_has_the_resources_and_lifetimes_of_its_settings(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        'refresh_lifetime = "8h"\noffline_lifetime = "90d"\noffline_idle = "14d"\n'
        f'[issuers.healthcare.resources."{RECORDS}"]\nscopes = ["records.read"]\njwt = true\ntoken_lifetime = "5m"\n',
    )
    (issuer,) = issuers_of(found)
    assert issuer.refresh_lifetime == timedelta(hours=8)
    assert (issuer.offline_lifetime, issuer.offline_idle) == (timedelta(days=90), timedelta(days=14))
    resource = Resource(uri=RECORDS, scopes=frozenset({"records.read"}), jwt=True, token_lifetime=timedelta(minutes=5))
    assert issuer.resources == {RECORDS: resource}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ('refresh_lifetime = "soon"', "issuers.healthcare.refresh_lifetime"),
        ('offline_idle = "0d"', "issuers.healthcare.offline_idle"),
        ('resources."records" = {}', "issuers.healthcare.resources"),
        ('resources."https://records.example#x" = {}', "issuers.healthcare.resources"),
        (f'resources."{RECORDS}" = {{scopes = ["two words"]}}', "issuers.healthcare.resources"),
        (f'resources."{RECORDS}" = {{scopes = ["openid"]}}', "issuers.healthcare.resources"),
        (f'resources."{RECORDS}" = {{scopes = ["offline_access"]}}', "issuers.healthcare.resources"),
        (f'resources."{RECORDS}" = {{token_lifetime = "x"}}', "issuers.healthcare.resources"),
        (f'resources."{RECORDS}" = {{scope = []}}', "scopes"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, more: str, named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        issuers_of(loaded(tmp_path, more))
    assert named in str(refused.value)
