"""The setting that lets phones be told, and what it wires."""

from pathlib import Path

import pytest

from carekey.app import push, settings
from carekey.app.settings import Settings, SettingsError

MASTER = b"m" * 32


def loaded(tmp_path: Path, uaf: str) -> Settings:
    file = tmp_path / "carekey.toml"
    file.write_text(f'[issuers.healthcare]\nurl = "http://localhost:8000"\n[uaf]\n{uaf}')
    return settings.load(file, {})


def test_without_a_contact_nobody_is_told(tmp_path: Path) -> None:
    assert push.vapid(loaded(tmp_path, ""), MASTER) is None


@pytest.mark.parametrize("contact", ["mailto:desk@id.example", "https://id.example/contact"])
def test_the_key_is_that_of_the_master_key(tmp_path: Path, contact: str) -> None:
    found = loaded(tmp_path, f'push_contact = "{contact}"')
    one, same, other = (push.vapid(found, master) for master in (MASTER, MASTER, b"n" * 32))
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.contact == contact
    assert one.public == same.public != other.public


@pytest.mark.parametrize(
    "contact", ["", "desk@id.example", "mailto:desk", "http://id.example", "mailto:a@b c", "https://"]
)
def test_a_contact_is_a_mail_or_https_address(tmp_path: Path, contact: str) -> None:
    with pytest.raises(SettingsError, match=r"uaf\.push_contact"):
        loaded(tmp_path, f'push_contact = "{contact}"')
