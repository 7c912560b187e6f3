"""A card that CareKey's own authority made, on a token whose key nobody can read: issued, used, cancelled."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from support.card_steps import heading, proceed, to_the_card_page
from support.cards import CardPki, Curl
from support.own_cards import own_authority
from support.provider import GP, Provider
from support.relying_party import RelyingParty

pytest.importorskip("pkcs11", reason="the extra `cards` is not installed: pip install python-pkcs11")
from carekey.authenticators.smartcard.model import Purpose
from carekey.authenticators.smartcard.writable import SLOTS

pytestmark = pytest.mark.softhsm

CALLBACK = "http://localhost:9/callback"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "482915"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A blank card, as far as PKCS#11 can tell; the variables by which programs find it."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    found = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf"), "CAREKEY_CARD_PIN": PIN, "PKCS11_MODULE_PATH": MODULE}
    command = ["softhsm2-util", "--init-token", "--free", "--label", "card", "--so-pin", "87654321", "--pin", PIN]
    subprocess.run(command, env={**os.environ, **found}, check=True, capture_output=True)
    return found


@pytest.fixture(scope="module")
def provider(pki: CardPki, token: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with own_authority(tmp_path_factory.mktemp("own"), pki, module=MODULE) as running:
        yield running


def test_issued_used_and_cancelled(
    provider: Provider, party: RelyingParty, curl: Curl, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in token.items():
        monkeypatch.setenv(name, value)
    issued = provider.run("card", "issue", GP)
    assert issued.returncode == 0, issued.stderr
    curl.more = _on_token()
    done = proceed(curl, to_the_card_page(curl, party))
    assert done.url.startswith(CALLBACK), heading(done)
    claims = party.id_token(party.token(party.answered(done.url)["code"]).json()["id_token"], nonce="n")
    assert (claims["sub"], claims["amr"]) == (GP, ["N3_SMARTCARD"])
    cancelled = provider.run("card", "cancel", issued.stdout.strip(), "--why", "lost")
    assert cancelled.returncode == 0, cancelled.stderr
    at = proceed(curl, to_the_card_page(curl, party, prompt="login"))
    assert heading(at) == "This smartcard is cancelled"


def test_a_wrong_pin_ends_in_the_handshake(
    provider: Provider, party: RelyingParty, curl: Curl, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in token.items():
        monkeypatch.setenv(name, value)
    at = to_the_card_page(curl, party)
    curl.more = _on_token(pin="000000")
    assert proceed(curl, at).code == 58


def _on_token(pin: str = PIN) -> tuple[str, ...]:
    listed = subprocess.run(
        ["pkcs11-tool", "--module", MODULE, "--login", "--pin", PIN, "--list-objects", "--type", "privkey"],
        capture_output=True,
        text=True,
        check=True,
    )
    # The card holds a key for signing too, and lists them in any order.
    ids = [bytes.fromhex(line.split()[-1]) for line in listed.stdout.splitlines() if line.strip().startswith("ID:")]
    (id,) = [id for id in ids if id in SLOTS[Purpose.AUTHENTICATION]]
    uri = "pkcs11:token=card;id=" + "".join(f"%{byte:02x}" for byte in id)
    return ("--key", f"{uri};type=private;pin-value={pin}", "--cert", f"{uri};type=cert")
