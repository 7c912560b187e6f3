"""`carekey card`, from an empty folder to a cancelled card, each command in a process of its own; what is published is
judged by OpenSSL."""

import json
import os
import subprocess
from pathlib import Path

import anyio
import httpx2
import pytest

from carekey.app import data_folder, settings, wiring
from carekey.authenticators.smartcard.authority.tests.world import ASHA
from carekey.storage.open import open_store
from support import commands

pytestmark = [pytest.mark.anyio]

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture
def installation(tmp_path):
    """Settings in a new folder; and a way to run commands there."""
    config = tmp_path / "carekey.toml"
    config.write_text(f'data = "{tmp_path / "data"}"\n[card_authority]\nmodule = "{MODULE}"\n')
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    environment = {
        **os.environ,
        "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf"),
        "CAREKEY_CONFIG": str(config),
        "CAREKEY_CARD_PIN": "482915",
        "CAREKEY_CARD_OFFICER_PIN": "87654321",
        "CAREKEY_CARD_NEW_PIN": "731902",
    }
    for name in ("CAREKEY_CARD_PIN", "CAREKEY_CARD_OFFICER_PIN", "CAREKEY_CARD_NEW_PIN"):
        assert settings.load(config, {name: "1"})  # they are no settings, and stop no command

    def carekey(*words: str) -> subprocess.CompletedProcess[str]:
        return commands.run(words, environment=environment, folder=Path.cwd(), within=120)

    carekey.config, carekey.environment = config, environment
    return carekey


async def with_asha(config: Path) -> None:
    found = settings.load(config, {})
    data_folder.prepare(found)
    store = open_store(found.database_url())
    await store.write(lambda tx: tx.people.put([ASHA]))
    store.close()


async def test_an_authority_is_made_once(installation) -> None:
    made = await anyio.to_thread.run_sync(installation, "card", "new-authority", "--organisation", "Test Trust")
    assert made.returncode == 0, made.stderr
    files = [Path(line) for line in made.stdout.split()]
    assert [file.name for file in files] == ["root.pem", "cards.pem"]
    folder = files[0].parent
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("*.key"))
    assert not any(b"PRIVATE" in file.read_bytes() for file in folder.iterdir())
    again = await anyio.to_thread.run_sync(installation, "card", "new-authority", "--organisation", "Other")
    assert again.returncode == 5
    assert "not replaced" in again.stderr


async def test_without_an_authority_nothing_is_published(installation) -> None:
    found = settings.load(installation.config, {})
    data_folder.prepare(found)
    async with wiring.running(found) as running:
        assert running.card_authorities == ()
        assert (await request(running, "GET", "/pki/cards.crl")).status_code == 404


async def request(running, method: str, path: str, body: bytes | None = None):
    transport = httpx2.ASGITransport(app=running.dispatcher)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        return await client.request(method, path, content=body)


def openssl(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], cwd=folder, check=False, capture_output=True, text=True)


def blank_card(environment: dict[str, str]) -> None:
    pins = ["--so-pin", "87654321", "--pin", "482915"]
    words = ["softhsm2-util", "--init-token", "--free", "--label", "blank", *pins]
    subprocess.run(words, env=environment, check=True, capture_output=True)


@pytest.fixture
def softhsm():
    pytest.importorskip("pkcs11", reason="the extra `cards` is not installed: pip install python-pkcs11")
    if not Path(MODULE).exists():
        pytest.skip("SoftHSM is not installed: apt-get install softhsm2")


@pytest.mark.softhsm
@pytest.mark.usefixtures("softhsm")
async def test_a_card_from_blank_to_cancelled(installation, tmp_path) -> None:
    await with_asha(installation.config)
    assert installation("card", "issue", ASHA.id).returncode == 3, "no authority yet"
    assert installation("card", "new-authority", "--organisation", "Test Trust").returncode == 0
    nobody = installation("card", "issue", ASHA.id)
    assert (nobody.returncode, "no card in the reader" in nobody.stderr) == (4, True)
    blank_card(installation.environment)
    issued = installation("card", "issue", ASHA.id, "--locked")
    assert issued.returncode == 0, issued.stderr
    serial = issued.stdout.strip()
    assert "Making keys on the card" in issued.stderr
    unlocked = installation("card", "unlock")
    assert unlocked.returncode == 0, unlocked.stderr
    assert await unlockings(installation) == ["locked"]
    assert installation("card", "unlock").returncode == 0, "an active card gets a new PIN too"
    assert await unlockings(installation) == ["locked", "active"]
    installation.environment["CAREKEY_CARD_OFFICER_PIN"] = "11111111"
    assert installation("card", "unlock").returncode == 4
    assert await unlockings(installation) == ["locked", "active", "active"], "whoever guesses is on record"
    wrong = installation("card", "renew", "--seen")
    assert "PIN is wrong" in wrong.stderr, "the PIN is the new one now"
    assert "Traceback" not in wrong.stderr
    shown = json.loads(installation("card", "status", serial, "--json").stdout)
    assert (shown["state"], shown["person"]) == ("active", ASHA.id)
    assert [one["revoked"] for one in shown["certificates"]] == [None, None]
    assert installation("card", "resume", serial, "--why", "not suspended").returncode == 4
    assert installation("card", "suspend", serial, "--why", "left at home").returncode == 0
    assert installation("card", "suspend", serial, "--why", "twice").returncode == 4
    assert installation("card", "unlock").returncode == 4
    assert len(await unlockings(installation)) == 3, "no card was touched"
    assert json.loads(installation("card", "status", serial, "--json").stdout)["state"] == "suspended"
    assert installation("card", "resume", serial, "--why", "found").returncode == 0
    assert json.loads(installation("card", "status", serial, "--json").stdout)["state"] == "active"

    folder = tmp_path / "data" / "card-authority"
    async with wiring.running(settings.load(installation.config, {})) as running:
        card = await running.store.read(lambda tx: tx.cards.find_serial(serial))
        certificates = await running.store.read(lambda tx: tx.cards.certificates(card.id))
        (folder / "card.der").write_bytes(next(one.der for one in certificates if one.purpose == "authentication"))
        openssl(folder, "x509", "-in", "card.der", "-inform", "DER", "-out", "card.pem")
        assert await verified(running, folder)
        assert "card.pem: good" in await asked(running, folder)

        cancelled = installation("card", "cancel", serial, "--why", "stolen")
        assert cancelled.returncode == 0, cancelled.stderr
        assert installation("card", "cancel", serial, "--why", "lost").returncode == 4
        assert not await verified(running, folder), "on the list at once"
        assert "card.pem: revoked" in await asked(running, folder)
        for junk in (b"", b"junk", b"0" * 5000):
            answer = await request(running, "POST", "/pki/ocsp", junk)
            assert answer.status_code in {200, 413}


async def unlockings(installation) -> list[str]:
    """In which state the card was each time that somebody set out to unlock it, the first first."""
    store = open_store(settings.load(installation.config, {}).database_url())
    try:
        found = await store.read(lambda tx: tx.audit.search(tag="smartcard:card:unlocking"))
    finally:
        store.close()
    return [one.data["state"] for one in found]


async def verified(running, folder: Path) -> bool:
    """By the lists that are published."""
    lists = ""
    for name in ("root", "cards"):
        answer = await request(running, "GET", f"/pki/{name}.crl")
        assert answer.headers["content-type"] == "application/pkix-crl"
        (folder / f"{name}.crl").write_bytes(answer.content)
        lists += openssl(folder, "crl", "-inform", "DER", "-in", f"{name}.crl").stdout
    (folder / "lists.pem").write_text(lists)
    rules = ["-x509_strict", "-crl_check_all", "-purpose", "sslclient", "-CRLfile", "lists.pem"]
    done = openssl(folder, "verify", *rules, "-CAfile", "root.pem", "-untrusted", "cards.pem", "card.pem")
    assert done.returncode == 0 or "revoked" in done.stderr
    return done.returncode == 0


async def asked(running, folder: Path) -> str:
    """What `openssl ocsp` makes of our answer."""
    about = ["-issuer", "cards.pem", "-cert", "card.pem"]
    openssl(folder, "ocsp", *about, "-reqout", "question.der")
    answer = await request(running, "POST", "/pki/ocsp", (folder / "question.der").read_bytes())
    assert answer.headers["content-type"] == "application/ocsp-response"
    (folder / "answer.der").write_bytes(answer.content)
    trust = ["-CAfile", "root.pem", "-verify_other", "cards.pem"]
    done = openssl(folder, "ocsp", "-no_nonce", *about, "-reqin", "question.der", "-respin", "answer.der", *trust)
    assert "Response verify OK" in done.stderr, done.stderr
    return done.stdout
