"""The card authority's keys on a PKCS#11 token (SoftHSM): made there, used there, and never anywhere else."""

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app import card_authority, settings
from carekey.app.settings import SettingsError
from carekey.authenticators.smartcard import path
from carekey.authenticators.smartcard.authority.signing import Authority
from carekey.authenticators.smartcard.authority.tests.world import ASHA, NOW, TWO_YEARS, Clock, profile, serial
from carekey.jose.sealing import Sealing
from carekey.kernel.entropy import SystemEntropy

pytestmark = pytest.mark.softhsm

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SEALING = Sealing(bytes(32), entropy=SystemEntropy())


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of tokens: each test has one of its own there."""
    pytest.importorskip("pkcs11", reason="the extra `cards` is not installed: pip install python-pkcs11")
    if not Path(MODULE).exists():
        pytest.skip("SoftHSM is not installed: apt-get install softhsm2")
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    yield folder
    del os.environ["SOFTHSM2_CONF"]


@pytest.fixture
def found(softhsm: Path, tmp_path: Path) -> settings.Settings:
    """Settings of an installation whose authority is to be on a token."""
    words = [
        "softhsm2-util",
        "--init-token",
        "--free",
        "--label",
        tmp_path.name,
        "--so-pin",
        "87654321",
        "--pin",
        "4711",
    ]
    subprocess.run(words, check=True, capture_output=True)
    listed = subprocess.run(["softhsm2-util", "--show-slots"], check=True, capture_output=True, text=True).stdout
    before, _, _ = listed.partition(f"Label:            {tmp_path.name}")
    token = before.rpartition("Serial number:")[2].split()[0]
    import pkcs11

    pkcs11.lib(MODULE).reinitialize()  # it reads its configuration, and sees the new token, then
    (tmp_path / "pin").write_text("4711\n")
    return settings.load(
        None,
        {
            "CAREKEY_DATA": str(tmp_path / "data"),
            "CAREKEY_CARD_AUTHORITY__TOKEN_MODULE": MODULE,
            "CAREKEY_CARD_AUTHORITY__TOKEN_SERIAL": f'"{token}"',
            "CAREKEY_CARD_AUTHORITY__TOKEN_PIN_FILE": str(tmp_path / "pin"),
        },
    )


def made(found: settings.Settings) -> tuple[Authority, Authority]:
    card_authority.create(found, SEALING, organisation="Test", clock=Clock(), entropy=SystemEntropy())
    root, cards = card_authority.published(found, SEALING)
    return root.authority, cards.authority


def test_its_keys_are_made_on_the_token_and_no_file_has_them(found: settings.Settings) -> None:
    root, _ = made(found)
    names = {file.name for file in card_authority.folder(found).iterdir()}
    assert names == {"root.pem", "cards.pem"}
    assert isinstance(root.key, rsa.RSAPrivateKey)
    for forbidden in (root.key.private_numbers, root.key.private_bytes):
        with pytest.raises(NotImplementedError):
            forbidden()
    with pytest.raises(FileExistsError):
        card_authority.key_store(found, SEALING).make("root")


def test_what_it_signs_holds_for_us_and_for_openssl(found: settings.Settings, tmp_path: Path) -> None:
    root, cards = made(found)
    key = ec.generate_private_key(ec.SECP256R1())
    signed = cards.sign_card(TWO_YEARS[0], user=ASHA.id, public_key=key.public_key(), serial=serial(), now=NOW)
    judged = path.judge([signed.public_bytes(Encoding.DER)], profile=profile(root, cards), now=NOW)
    assert isinstance(judged, path.CardIdentity)
    der = cards.sign_list([], now=NOW, lifetime=TWO_YEARS[0].lifetime)
    assert x509.load_der_x509_crl(der).is_signature_valid(cards.certificate.public_key())  # type: ignore[arg-type]
    (tmp_path / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "cards.pem").write_bytes(cards.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "card.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    at = str(int(NOW.timestamp()))
    words = ["verify", "-x509_strict", "-attime", at, "-CAfile", "root.pem", "-untrusted", "cards.pem", "card.pem"]
    done = subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# python-pkcs11 grumbles when it lets go of a search in a session that is gone.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_token_that_was_away_is_opened_anew(found: settings.Settings) -> None:
    import pkcs11

    _, cards = made(found)
    pkcs11.lib(MODULE).reinitialize()  # every session is gone, as when a reader of the same module was looked at
    assert cards.sign_list([], now=NOW, lifetime=TWO_YEARS[0].lifetime)
    gc.collect()


def test_a_wrong_pin_or_a_missing_key_is_a_sentence_at_start(found: settings.Settings, tmp_path: Path) -> None:
    made(found)
    import pkcs11

    pkcs11.lib(MODULE).reinitialize()  # as in a process that has just begun
    (tmp_path / "pin").write_text("0000")
    with pytest.raises(SettingsError, match="the token cannot be opened"):
        card_authority.published(found, SEALING)
    (tmp_path / "pin").unlink()
    with pytest.raises(SettingsError, match="pin cannot be read"):
        card_authority.published(found, SEALING)


def test_a_token_without_a_pin_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pkcs11")
    given = settings.load(None, {"CAREKEY_DATA": str(tmp_path), "CAREKEY_CARD_AUTHORITY__TOKEN_MODULE": MODULE})
    with pytest.raises(SettingsError, match="token_pin_file"):
        card_authority.key_store(given, SEALING)
