"""`carekey card`, from an empty folder to a cancelled card, each command in a process of its own; what is published is
judged by OpenSSL."""

import json
import os
import re
import subprocess
from pathlib import Path

import anyio
import httpx2
import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from carekey.app import checks, data_folder, settings, wiring
from carekey.app.settings import SettingsError
from carekey.authenticators.smartcard.authority.tests.world import ASHA
from carekey.authenticators.smartcard.model import Purpose
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


@pytest.mark.softhsm
@pytest.mark.usefixtures("softhsm")
async def test_an_authority_whose_token_is_in_the_readers_module(installation, tmp_path, monkeypatch) -> None:
    """As with one module for all: the token is no card, signs while a card is open, and may be away."""
    monkeypatch.setenv("SOFTHSM2_CONF", installation.environment["SOFTHSM2_CONF"])
    await with_asha(installation.config)
    blank_card(installation.environment)
    (hsm,) = (tmp_path / "tokens").iterdir()
    (serial,) = serials(installation)
    (tmp_path / "pin").write_text("482915")
    token = f'token_module = "{MODULE}"\ntoken_serial = "{serial}"\ntoken_pin_file = "{tmp_path / "pin"}"\n'
    installation.config.write_text(installation.config.read_text() + token)
    made = installation("card", "new-authority", "--organisation", "Test Trust")
    assert made.returncode == 0, made.stderr
    nobody = installation("card", "issue", ASHA.id)
    assert (nobody.returncode, nobody.stderr) == (4, "There is no card in the reader.\n")
    named = installation("card", "issue", ASHA.id, "--card", serial)
    assert (named.returncode, named.stderr) == (4, f"The card {serial} is not in a reader.\n")
    blank_card(installation.environment)
    issued = installation("card", "issue", ASHA.id)
    assert issued.returncode == 0, issued.stderr
    card = issued.stdout.strip()

    hsm.rename(tmp_path / "away")
    blank_card(installation.environment)
    (third,) = set(serials(installation)) - {serial, card}
    refused = installation("card", "issue", ASHA.id, "--card", third)
    assert refused.returncode == 4
    assert refused.stderr.endswith("The card authority cannot sign just now: run it again later.\n")
    cancelled = installation("card", "cancel", card, "--why", "lost")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "The revocation list could not be signed" in cancelled.stderr
    assert "Traceback" not in refused.stderr + cancelled.stderr
    assert json.loads(installation("card", "status", card, "--json").stdout)["state"] == "cancelled"
    async with wiring.running(settings.load(installation.config, {})) as running:
        folder = tmp_path / "data" / "card-authority"
        openssl(folder, "ocsp", "-issuer", "cards.pem", "-serial", "0x40", "-reqout", "question.der")
        answer = await request(running, "POST", "/pki/ocsp", (folder / "question.der").read_bytes())
        status = ocsp.load_der_ocsp_response(answer.content).response_status
        assert (answer.status_code, status) == (200, ocsp.OCSPResponseStatus.TRY_LATER)
        (tmp_path / "away").rename(hsm)
        answer = await request(running, "POST", "/pki/ocsp", (folder / "question.der").read_bytes())
        assert ocsp.load_der_ocsp_response(answer.content).response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        gone_on = installation("card", "issue", ASHA.id, "--card", third)
        assert gone_on.returncode == 0, gone_on.stderr
        listed = x509.load_der_x509_crl((await request(running, "GET", "/pki/cards.crl")).content)
        assert len(list(listed)) == 2, "what could not be signed before is signed"
    shown = json.loads(installation("person", "show", ASHA.id, "--json").stdout)["smartcards"]
    assert shown == [{"serial": card, "state": "cancelled"}, {"serial": third, "state": "active"}]


def serials(installation) -> list[str]:
    words = ["softhsm2-util", "--show-slots"]
    listed = subprocess.run(words, env=installation.environment, check=True, capture_output=True, text=True).stdout
    return [found for line in listed.splitlines() if "Serial number" in line and (found := line.split(":")[1].strip())]


def test_the_words_for_an_authority_that_cannot_be_made(installation, tmp_path) -> None:
    token = f'token_module = "{MODULE}"\ntoken_pin_file = "{tmp_path / "pin"}"\n'
    installation.config.write_text(installation.config.read_text() + token)
    done = installation("card", "new-authority", "--organisation", "Test Trust")
    assert done.returncode == 1
    assert done.stderr == f"The authority was not made: {tmp_path / 'pin'}: No such file or directory.\n"


@pytest.mark.softhsm
@pytest.mark.usefixtures("softhsm")
async def test_a_profile_of_ones_own_is_data(installation, tmp_path) -> None:
    await with_asha(installation.config)
    installation("card", "new-authority", "--organisation", "Test Trust")
    blank_card(installation.environment)
    before = installation.config.read_text()
    bad = """
[card_authority.profiles.authentication]
extended_key_usage = ["clientAuth", "1.3.6.1.5.5.7.3.9"]
"""
    installation.config.write_text(before + bad)
    refused = installation("card", "issue", ASHA.id)
    assert refused.returncode == 4
    assert "it would break a rule of the authority (signs no certificates, revocation lists or OCSP" in refused.stderr
    own = """
[card_authority.profiles.authentication]
extended_key_usage = ["clientAuth", "1.3.6.1.4.1.311.20.2.2"]
policies = ["1.2.826.0.1.1"]
lifetime = "30d"
[card_authority.profiles.content_commitment]
key_usage = ["digitalSignature", "contentCommitment"]
"""
    installation.config.write_text(before + own)
    issued = installation("card", "issue", ASHA.id)
    assert issued.returncode == 0, issued.stderr
    store = open_store(settings.load(installation.config, {}).database_url())
    card = await store.read(lambda tx: tx.cards.find_serial(issued.stdout.strip()))
    found = {one.purpose: one for one in await store.read(lambda tx: tx.cards.certificates(card.id))}
    store.close()
    log_in, commit = found[Purpose.AUTHENTICATION], found[Purpose.CONTENT_COMMITMENT]
    assert (log_in.ends_at - log_in.starts_at).days == 30
    read = x509.load_der_x509_certificate(log_in.der).extensions
    uses = [one.dotted_string for one in read.get_extension_for_class(x509.ExtendedKeyUsage).value]
    assert uses == ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2"]
    policies = read.get_extension_for_class(x509.CertificatePolicies).value
    assert [one.policy_identifier.dotted_string for one in policies] == ["1.2.826.0.1.1"]
    usage = x509.load_der_x509_certificate(commit.der).extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment) == (True, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('authentication.key_usage = ["signing"]', "names 'signing', which is none of digitalSignature"),
        ('authentication.key_usage = ["digitalSignature", "encipherOnly"]', "need keyAgreement"),
        ('authentication.extended_key_usage = ["login"]', "holds 'login', which is neither clientAuth"),
        ('content_commitment.policies = ["1.2.x"]', "nor a dotted object identifier"),
        ('content_commitment.lifetime = "long"', "content_commitment.lifetime must be a number and s, m, h or d"),
    ],
)
def test_a_profile_that_cannot_be_read_is_said(installation, wrong: str, said: str) -> None:
    lines = f"{installation.config.read_text()}[card_authority.profiles]\n{wrong}\n"
    installation.config.write_text(lines)
    done = settings.load(installation.config, {})
    with pytest.raises(SettingsError, match=re.escape(said)):
        checks.check(done)


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
