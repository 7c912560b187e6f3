"""What settings of the API host are refused, and in which words."""

from pathlib import Path

import pytest

from carekey.app import mutual_tls, settings
from carekey.app.settings import SettingsError

GOOD = {
    "CAREKEY_API_HOST__URL": "https://api.login.example",
    "CAREKEY_API_HOST__CERTIFICATE": "server.pem",
    "CAREKEY_API_HOST__PRIVATE_KEY": "server.key",
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CAREKEY_API_HOST__URL": "http://api.login.example"}, "https origin"),
        ({"CAREKEY_API_HOST__URL": "https://api.login.example/"}, "https origin"),
        ({"CAREKEY_API_HOST__URL": "https://*.login.example"}, "without a *"),
        ({"CAREKEY_API_HOST__PRIVATE_KEY": None}, "api_host.private_key"),
        ({"CAREKEY_API_HOST__PROXIED": "true"}, "server.proxies"),
        ({"CAREKEY_DATABASE__URL": "memory:"}, "two processes"),
        ({"CAREKEY_API_HOST__INTERMEDIATES": "between.pem"}, "api_host.anchors"),
        ({"CAREKEY_ISSUERS__A__URL": "https://api.login.example"}, "browsers"),
        ({"CAREKEY_API_HOST__REVOCATION": "require"}, "api_host.anchors"),
        ({"CAREKEY_API_HOST__REVOCATION": "perhaps"}, "api_host.revocation"),
        ({"CAREKEY_API_HOST__REVOCATION_GRACE": "soon"}, "api_host.revocation_grace"),
    ],
    ids=str,
)
def test_what_cannot_work_is_said_at_start(changed: dict[str, str | None], said: str) -> None:
    variables = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(SettingsError) as refused:
        settings.load(None, variables)
    assert said in str(refused.value)


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("none", "no PEM certificate")])
def test_anchors_that_are_none_are_named(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "anchors.pem"
    if content is not None:
        file.write_text(content)
    found = settings.load(None, {**GOOD, "CAREKEY_API_HOST__ANCHORS": str(file)})
    with pytest.raises(SettingsError, match=f"api_host.anchors: .*{said}"):
        mutual_tls.authorities(found)


def test_without_an_address_there_is_none() -> None:
    found = settings.load(None, {"CAREKEY_API_HOST__ANCHORS": "anchors.pem"})
    assert found.api_host.url is None
    assert mutual_tls.authorities(found) is None
